#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: version.py SOURCE_ROOT LIBRARY: the version is that of meson.build wherever else one is written
(debian/changelog, mptcpshim.spec, NEWS.md, the pages), and the packages name the library by its soname
and list the symbols that it exports."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
problems = []


def found(name, pattern):
    match = re.search(pattern, (root / name).read_text(), re.M)
    if not match:
        problems.append(f'{name}: no {pattern}')
    return match[1] if match else None


version = found('meson.build', r"^ *version: '([^']+)'")
for name, pattern in (('debian/changelog', r'\Amptcpshim \(([^)]+)\)'),
                      ('mptcpshim.spec', r'^Version:\s+(\S+)'),
                      ('NEWS.md', r'^## (\S+)'),
                      *((f'man/{page.name}', r'^\.TH .*"mptcpshim ([\w.]+)"')
                        for page in sorted((root / 'man').glob('*.[1-8]'))
                        if not page.read_text().startswith('.so '))):
    other = found(name, pattern)
    if other not in (version, None):
        problems.append(f'{name}: version {other}, but meson.build has {version}')

dynamic = subprocess.run(['readelf', '-dW', sys.argv[2]], check=True, capture_output=True, text=True).stdout
soname = re.search(r'\(SONAME\).*\[(.+)\]', dynamic)[1]
package = soname.replace('.so.', '')
symbols = f'debian/{package}.symbols'
if not re.search(rf'^Package: {package}$', (root / 'debian/control').read_text(), re.M):
    problems.append(f'debian/control: no package {package} for {soname}')
if not (root / symbols).is_file():
    sys.exit(f'no {symbols} for {soname}')
if found(symbols, r'^(\S+) ') != soname or found(symbols, r'^\S+ (\S+)') != package:
    problems.append(f'{symbols}: does not begin with "{soname} {package}"')
listed = set(re.findall(r'^ ([\w.]+)@([\w.]+) [\d.]+$', (root / symbols).read_text(), re.M))
exported = set()
for node, body in re.findall(r'^(MPTCPSHIM_[\w.]+) \{(.*?)^\}', (root / 'lib/api/libmptcpshim.map').read_text(),
                             re.M | re.S):
    exported |= {(name, node) for name in [node, *re.findall(r'\b(mptcpshim_\w+);', body)]}
for name, node in sorted(exported - listed):
    problems.append(f'{symbols}: add the line " {name}@{node} {version}"')
for name, node in sorted(listed - exported):
    problems.append(f'{symbols}: {name}@{node} is not exported any more: that needs another soname')
print('\n'.join(problems) or f'{version}, {soname} with {len(exported)} symbols')
sys.exit(1 if problems else 0)
