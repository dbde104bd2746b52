#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: format.py SOURCE_ROOT [--write]: the C files in the folders below are as clang-format makes
them from .clang-format; --write makes them so. Versions of clang-format differ in what they make:
only Debian 12's counts. A table that reads better as it was typed stands between the comments
"clang-format off" and "clang-format on"."""
import pathlib
import shutil
import subprocess
import sys

VERSION = '14'
FOLDERS = ['tests/bed', 'tests/bench', 'tests/lib', 'tests/soak', 'tests/suites']

root = pathlib.Path(sys.argv[1])
for tool in (f'clang-format-{VERSION}', 'clang-format'):
    if shutil.which(tool) and f'version {VERSION}.' in subprocess.run(
            [tool, '--version'], capture_output=True, text=True).stdout:
        break
else:
    print(f'SKIP: no clang-format of version {VERSION} (apt-get install clang-format-{VERSION})')
    sys.exit(77)

files = sorted(str(path.relative_to(root)) for folder in FOLDERS
               for path in (root / folder).rglob('*.[ch]'))
how = ['-i'] if '--write' in sys.argv else ['--dry-run', '--Werror']
result = subprocess.run([tool, '--style=file', *how, *files], cwd=root, capture_output=True, text=True)
wrong = sorted({line.split(':')[0] for line in result.stderr.splitlines() if 'error: code' in line})
if wrong:
    print('not formatted (python3 tests/lint/format.py . --write):', *wrong, sep='\n  ')
elif result.returncode:
    print(result.stderr)
print(f'{len(files)} files')
sys.exit(1 if result.returncode or not files else 0)
