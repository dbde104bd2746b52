#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: layers.py SOURCE_ROOT: who may include what (see lib/core, lib/engine, preload)."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
CORE_SYSTEM = {'string.h', 'stdint.h', 'stddef.h', 'stdbool.h', 'limits.h', 'inttypes.h', 'assert.h'}
# folder: (folders of ours it may include besides its own, system headers it may not include)
NOT_CORE = r'ev\.h|openssl/|libmnl/|json-c/'
RULES = {
    'lib/core': ([], None),
    'lib/handover': ([], NOT_CORE + '|stdio.h|stdlib.h|pthread.h'),
    'lib/config': (['lib/core'], NOT_CORE),
    'lib/engine': (['lib/core', 'lib/config', 'lib/handover', 'include/mptcpshim'], None),
    'lib/api': (['lib/handover', 'include/mptcpshim'], r'ev\.h|openssl/|libmnl/'),
}
# Rows of a table as macros, which all that the table concerns expand in their own way: of any layer.
LIST = '_list.h'
# The interposer itself; the agent's main and the launcher are ordinary programs.
INTERPOSER = (['lib/handover', 'include/mptcpshim'], NOT_CORE + '|pthread.h')
AGENT = (['lib/core', 'lib/config', 'lib/engine', 'lib/handover', 'include/mptcpshim'], 'openssl/')
LAUNCHER = (['lib/config', 'lib/handover', 'include/mptcpshim'], 'ev.h|openssl/|libmnl/')
RULES.update({
    'preload/interpose': INTERPOSER,
    'preload/agent': AGENT,
    'preload/launcher': LAUNCHER,
})


def rule_of(path):
    folder = path.parent.relative_to(root).as_posix()
    for prefix, rule in RULES.items():
        if folder == prefix or folder.startswith(prefix + '/'):
            return rule
    return None


def layer_of(folder):
    """The layer that a folder is in, with all its rooms; for others the folder itself."""
    return next((layer for layer in RULES if (folder + '/').startswith(layer + '/')), folder)


def resolve(path, name):
    """The folder of ours that an include names, or None."""
    for base in (path.parent, root / 'lib', root / 'include', root / 'preload', root):
        target = (base / name).resolve()
        if target.is_file() and root.resolve() in target.parents:
            return target.parent.relative_to(root.resolve()).as_posix()
    return None


def check(path):
    allowed, forbidden = rule_of(path)
    own = layer_of(path.parent.relative_to(root).as_posix())
    for kind, name in INCLUDE.findall(path.read_text()):
        target = resolve(path, name)
        if kind == '<' and not name.startswith('mptcpshim/'):
            if own.startswith('lib/core') and name not in CORE_SYSTEM:
                yield f'{path}: <{name}> in the core'
            elif forbidden and re.match(forbidden, name):
                yield f'{path}: <{name}> does not belong in {own}'
        elif target is None:
            if not name.endswith(('build-config.h', 'commit.h', 'generated.h')):
                yield f'{path}: "{name}" is not in the tree'
        elif name.endswith(LIST):
            pass
        elif layer_of(target) != own and layer_of(target) not in allowed:
            yield f'{path}: {own} may not include {target}'


def check_list(path):
    """Whoever includes rows gets nothing else by it: no declaration, and no other header."""
    text = re.sub(r'/\*.*?\*/', '', path.read_text(), flags=re.S)
    text = text.replace('\\\n', ' ')
    for line in text.splitlines():
        if line.strip() and not re.match(r'#\s*(pragma once|define)\b', line):
            yield f'{path}: a list of rows has nothing but rows: {line.strip()}'


problems, seen = [], 0
for top in ('lib', 'preload'):
    for path in sorted((root / top).rglob('*.[ch]')):
        if rule_of(path):
            seen += 1
            problems += check(path)
            problems += check_list(path) if path.name.endswith(LIST) else []
print('\n'.join(problems) or f'{seen} files')
sys.exit(1 if problems or seen == 0 else 0)
