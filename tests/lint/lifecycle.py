#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: lifecycle.py SOURCE_ROOT: each row of the call table of preload/LIFECYCLE.md has scenarios in
its table of tests, they exist in tests/preload, and no scenario is left out of it."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
text = (root / 'preload/LIFECYCLE.md').read_text()
problems = []


def rows(heading):
    section = text.split(f'\n## {heading}\n', 1)
    if len(section) < 2:
        sys.exit(f'preload/LIFECYCLE.md: no section "{heading}"')
    table = [line for line in section[1].split('\n## ', 1)[0].splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in table[2:]]


scenarios = set()
for path in (root / 'tests/preload').glob('scenario_*.c'):
    scenarios |= set(re.findall(r'^    \{"([a-z]\w+)", ', path.read_text(), re.M))
tests = {row[0]: re.findall(r'\w+', row[1]) for row in rows('Tests')}
calls = [row[0] for row in rows('Calls')]
if not scenarios or not calls:
    problems.append('nothing found to compare')
for call in calls:
    if not tests.get(call):
        problems.append(f'no test for the row {call}')
named = {name for names in tests.values() for name in names}
problems += [f'no scenario {name}' for name in sorted(named - scenarios)]
problems += [f'scenario {name} belongs to no row' for name in sorted(scenarios - named)]
for problem in problems:
    print(f'preload/LIFECYCLE.md: {problem}')
sys.exit(bool(problems))
