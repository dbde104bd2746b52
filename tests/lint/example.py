#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: example.py [--update] PAGE FILE: the page shows exactly this file, less its licence line,
between two comments that name it."""
import sys

args = [a for a in sys.argv[1:] if a != '--update']
page, source = args
name = 'tests/api/' + source.rsplit('/', 1)[-1]
begin, end = f'.\\" BEGIN {name}\n', f'.\\" END {name}\n'
ESCAPES = {'\\': '\\e', '-': '\\-', "'": '\\(aq', '^': '\\(ha', '~': '\\(ti', '`': '\\(ga'}


def roff(line):
    text = ''.join(ESCAPES.get(c, c) for c in line)
    return '\\&' + text if text.startswith('.') else text


lines = open(source).read().splitlines(keepends=True)
wanted = ''.join(roff(line) for line in lines[1:])
text = open(page).read()
head, found, rest = text.partition(begin)
shown, closed, tail = rest.partition(end)
if not found or not closed:
    sys.exit(f'{page}: no block for {name}')
if shown != wanted:
    if '--update' not in sys.argv:
        sys.exit(f'{page}: the example differs from {name}; run example.py --update')
    open(page, 'w').write(head + begin + wanted + end + tail)
