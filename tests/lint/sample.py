#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: sample.py SAMPLE TABLES LAUNCHER: the sample configuration is right, sets nothing, and stays right
when its keys are set; it has each key that the program TABLES (tables.c) prints, with its default."""
import pathlib
import re
import subprocess
import sys
import tempfile

sample, tables, launcher = map(pathlib.Path, sys.argv[1:])
text = sample.read_text()
problems = []
# What they name has to be on this host.
NEED_MORE = ('psk', 'user')


def check(words, name):
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(words)
        file.flush()
        done = subprocess.run([launcher, 'check-config', file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        problems.append(f'{name}: {done.stdout}{done.stderr}')


section, keys = '', {}
for line in text.splitlines():
    if line.startswith('['):
        section = line.strip('[]').split()[0]
    elif match := re.match(r';([a-z-]+) = (.*)', line):
        keys[section, match[1]] = match[2]
    elif line and not line.startswith(';'):
        problems.append(f'it sets something: {line}')
rows = [line.split() for line in subprocess.run([tables], capture_output=True, text=True, check=True).stdout.splitlines()]
there = {(row[1], row[2]): row[3] for row in rows if row[0] == 'key'}
for key in there.keys() ^ keys.keys():
    problems.append(f'{"no such key" if key in keys else "not in it"}: [{key[0]}] {key[1]}')
for key in there.keys() & keys.keys():
    if there[key] not in ('-', keys[key]):
        problems.append(f'[{key[0]}] {key[1]}: the default is {there[key]}, not {keys[key]}')
check(text, 'as it is')
check(re.sub(r'^;(?!' + '|'.join(NEED_MORE) + r')([a-z-]+ = )', r'\1', text, flags=re.M), 'with all keys set')
print('\n'.join(problems) or f'{len(keys)} keys')
sys.exit(1 if problems or not keys else 0)
