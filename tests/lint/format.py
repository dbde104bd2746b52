#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: format.py SOURCE_ROOT [--write]: the C files in the folders below are as clang-format makes
them from .clang-format, and no comment is wider than a page; --write makes them so. Versions of
clang-format differ in what they make: only Debian 12's counts. A table that reads better as it was
typed stands between the comments "clang-format off" and "clang-format on"."""
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

VERSION, WIDTH = '14', 100
FOLDERS = ['include', 'lib', 'preload', 'tests']
ITEM = re.compile(r'(- |\d+[.)] |\(\d+\) )')

root = pathlib.Path(sys.argv[1])
write = '--write' in sys.argv


def tool():
    for name in (f'clang-format-{VERSION}', 'clang-format'):
        if shutil.which(name) and f'version {VERSION}.' in subprocess.run(
                [name, '--version'], capture_output=True, text=True).stdout:
            return name
    print(f'SKIP: no clang-format of version {VERSION} (apt-get install clang-format-{VERSION})')
    sys.exit(77)


def refill(lines, start):
    """The paragraph of a comment, each line behind " * ", in which lines[start] is: filled anew."""
    head = re.match(r' *\* ', lines[start])[0]

    def goes_on(line):
        return line.startswith(head) and line[len(head):len(head) + 1].strip()

    first, last = start, start + 1
    while goes_on(lines[first - 1]) and not ITEM.match(lines[first][len(head):]):
        first -= 1
    while goes_on(lines[last]) and not ITEM.match(lines[last][len(head):]):
        last += 1
    words = ' '.join(line[len(head):] for line in lines[first:last])
    lines[first:last] = textwrap.wrap(words, WIDTH, initial_indent=head, subsequent_indent=head,
                                      break_long_words=False, break_on_hyphens=False)


def narrow(text):
    """Comments of lines of their own, none wider than WIDTH."""
    lines = text.split('\n')
    i = 0
    while i < len(lines):
        alone = re.match(r'( *)/\* (.*) \*/$', lines[i])
        if alone and len(lines[i]) > WIDTH:
            lines[i:i + 1] = [alone[1] + '/*', f'{alone[1]} * {alone[2]}', alone[1] + ' */']
        if re.match(r' *\* [^ ]', lines[i]) and len(lines[i]) > WIDTH and ' ' in lines[i].strip()[2:]:
            refill(lines, i)
        i += 1
    return '\n'.join(lines)


files = sorted(str(path.relative_to(root)) for folder in FOLDERS
               for path in (root / folder).rglob('*.[ch]'))
if write:
    for file in files:
        text = (root / file).read_text()
        if narrow(text) != text:
            (root / file).write_text(narrow(text))
how = ['-i'] if write else ['--dry-run', '--Werror']
result = subprocess.run([tool(), '--style=file', *how, *files], cwd=root, capture_output=True,
                        text=True)
wrong = {line.split(':')[0] for line in result.stderr.splitlines() if 'error: code' in line}
wrong |= {file for file in files if narrow((root / file).read_text()) != (root / file).read_text()}
if wrong:
    print('not formatted (python3 tests/lint/format.py . --write):', *sorted(wrong), sep='\n  ')
elif result.returncode:
    print(result.stderr)
print(f'{len(files)} files')
sys.exit(1 if wrong or result.returncode or not files else 0)
