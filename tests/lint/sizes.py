#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: sizes.py SOURCE_ROOT: lengths of files (hard limit 800 lines, soft 500) and of functions
(100, 60). What is over a hard limit fails unless sizes-exempt.txt names it with a reason; what is
over a soft one is listed."""
import pathlib
import shutil
import subprocess
import sys

FILE_SOFT, FILE_HARD, FUNC_SOFT, FUNC_HARD = 500, 800, 60, 100
root = pathlib.Path(sys.argv[1])
if not shutil.which('ctags'):
    print('SKIP: no ctags; install universal-ctags to check the lengths of functions')
    sys.exit(77)
if 'Universal Ctags' not in subprocess.run(['ctags', '--version'], capture_output=True,
                                           text=True).stdout:
    print('SKIP: ctags is not universal-ctags')
    sys.exit(77)

exempt = set()
for line in (pathlib.Path(__file__).parent / 'sizes-exempt.txt').read_text().splitlines():
    if line and not line.startswith('#'):
        name, _, reason = line.partition(':')
        if not reason.strip():
            sys.exit(f'sizes-exempt.txt: no reason given for {name}')
        exempt.add(name.strip())

files = sorted(str(p.relative_to(root)) for top in ('include', 'lib', 'preload', 'tests')
               for p in (root / top).rglob('*.[ch]'))
soft, hard = [], []


def judge(what, lines, soft_limit, hard_limit):
    if lines > hard_limit and what not in exempt:
        hard.append(f'{what}: {lines} lines, at most {hard_limit}')
    elif lines > soft_limit:
        soft.append(f'{what}: {lines} lines')


for name in files:
    judge(name, len((root / name).read_text().splitlines()), FILE_SOFT, FILE_HARD)
tags = subprocess.run(['ctags', '-x', '--kinds-c=f', '--language-force=C',
                       '--_xformat=%F %N %n %{end}', *files],
                      cwd=root, capture_output=True, text=True, check=True).stdout
functions = 0
for line in tags.splitlines():
    name, function, start, end = line.split()
    functions += 1
    if end.isdigit():
        judge(f'{name} {function}', int(end) - int(start) + 1, FUNC_SOFT, FUNC_HARD)
if soft:
    print('long:', *soft, sep='\n  ')
if hard:
    print('too long:', *hard, sep='\n  ')
print(f'{len(files)} files, {functions} functions')
sys.exit(1 if hard or not functions else 0)
