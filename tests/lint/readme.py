#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: readme.py SOURCE_ROOT: what README.md tells the reader to type exists: subcommands and options
of mptcpshim are in its manual page, files and folders are in the tree, meson options are defined,
links lead somewhere, and its table of programs has a row for each case of tests/system/programs, all
of which passed."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
readme = root / 'README.md'
if not readme.exists():
    print('SKIP: no README.md')
    sys.exit(77)
text = readme.read_text()
manual = (root / 'man/mptcpshim.1').read_text().replace('\\-', '-')
meson_options = re.findall(r"option\('([\w-]+)'", (root / 'meson_options.txt').read_text())
problems = []

commands = []
for block in re.findall(r'^```\w*\n(.*?)^```', text, re.M | re.S):
    commands += block.replace('\\\n', ' ').splitlines()
for line in commands:
    line = re.sub(r'^\s*[$#]\s+', '', line)
    for sub, rest in re.findall(r'(?:^|[\s/;&|])mptcpshim\s+([a-z]+|--\w+)([^|;&]*)', line):
        if sub not in manual:
            problems.append(f'no subcommand "{sub}" in mptcpshim(1): {line}')
        # Options behind the program's name are the program's own.
        for option in re.match(r'((?:\s+--[\w-]+(?:[ =](?!-)\S+)?)*)', rest)[1].split():
            name = option.split('=')[0]
            if name.startswith('--') and name != '--' and name not in manual:
                problems.append(f'no option {name} in mptcpshim(1): {line}')
    for option in re.findall(r'\s-D([\w-]+)=', line):
        if option not in meson_options and not option.startswith(('b_', 'c_', 'build', 'prefix')):
            problems.append(f'no meson option {option}: {line}')
    for path in re.findall(r'(?:^|\s)(?:\./)?((?:lib|tests|man|preload|include|tools|doc)/[\w./-]+)',
                           line):
        if not (root / path).exists():
            problems.append(f'no file {path}: {line}')
for target in re.findall(r'\]\((?!https?:|#|mailto:)([^)#]+)', text):
    if not (root / target).exists():
        problems.append(f'link to {target} leads nowhere')

cases = {path.read_text().splitlines()[1].removeprefix('# ')
         for path in (root / 'tests/system/programs').glob('*.case')}
table = text.partition('<!-- programs: ')[2].partition('<!-- programs end')[0]
rows = [line.strip('| ').split(' | ') for line in table.splitlines()[3:]]
for name in cases ^ {row[0] for row in rows}:
    problems.append(f'table of programs (run.sh --update-readme): case or row missing: {name}')
for row in rows:
    if len(row) != 4 or not all(cell.startswith('ok') for cell in row[1:]):
        problems.append(f'table of programs: not ok: {row}')
print('\n'.join(problems) or f'{len(commands)} lines of commands')
sys.exit(1 if problems else 0)
