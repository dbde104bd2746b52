#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: references.py SOURCE_ROOT: what comments refer to is in the tree: files by their names, with
the end of their path where one is given, and sections of our pages, as in: mptcpshim-protocol(7),
"MACs of payloads". Names with capitals or of one letter (test_NAME.c, pm_x.c) stand for any."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
sources = [path for top in ('include', 'lib', 'preload', 'tests')
           for path in (root / top).rglob('*.[ch]')]
there = {'/' + path.relative_to(root).as_posix() for path in sources}
headings = {}
for page in (root / 'man').glob('*.[1-9]'):
    titles = re.findall(r'^\.S[HS] (.*)$', page.read_text(), re.M)
    headings.setdefault(page.name[:-2], set()).update(title.strip('"') for title in titles)
problems = []
found = 0
for path in sources:
    text = path.read_text()
    for comment in re.finditer(r'/\*.*?\*/', text, re.S):
        where = f'{path.relative_to(root)}:{text.count(chr(10), 0, comment.start()) + 1}'
        words = re.sub(r'\n[ \t]*\*', ' ', comment[0])
        for name in re.findall(r'(?<![\w<./-])((?:[\w-]+/)*[a-z]\w*\.[ch])\b(?!>)', words):
            found += 1
            if not re.search(r'[A-Z]|_\w\.', name) and not any(file.endswith('/' + name) for file in there):
                problems.append(f'{where}: no file {name}')
        for page, section in re.findall(r'(mptcpshim[\w.-]*)\([1-9]\),\s+"?([A-Z][A-Z ]+\b|[A-Z][\w ]+)', words):
            found += 1
            if section.strip() not in headings.get(page, ()):
                problems.append(f'{where}: {page} has no section {section.strip()}')
print('\n'.join(problems) or f'{found} references')
sys.exit(1 if problems or not found else 0)
