#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: prose.py SOURCE_ROOT: the documents, pages and comments have British spelling; examples in pages
and documents have at most 80 columns, and so have tables of pages; SEE ALSO of a page names each page once, sorted by section and
name (as man-pages(7) has it), and those of ours that are there, not itself; all pages of section 1 to 7
can be reached from mptcpshim(1) by it."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
problems = []

# What Americans write, as the beginning of a word: what is written here. RFCs' "acknowledgment" stays, and
# C's "initialized".
AMERICAN = {
    'analyz': 'analys', 'artifact': 'artefact', 'behavior': 'behaviour', 'canceled': 'cancelled',
    'canceling': 'cancelling', 'catalog': 'catalogue', 'center': 'centre', 'color': 'colour', 'defense': 'defence',
    'favor': 'favour', 'fulfill': 'fulfil', 'gray': 'grey', 'honor': 'honour', 
    'labeled': 'labelled', 'labeling': 'labelling', 'license': 'licence', 'maximiz': 'maximis', 'minimiz': 'minimis',
    'modeled': 'modelled', 'neighbor': 'neighbour', 'normaliz': 'normalis', 'optimiz': 'optimis',
    'organiz': 'organis', 'randomiz': 'randomis', 'realiz': 'realis', 'recogniz': 'recognis',
    'serializ': 'serialis', 'signaled': 'signalled', 'signaling': 'signalling', 'summariz': 'summaris',
    'synchroniz': 'synchronis', 'travel(?:ed|ing)': 'travell...', 'utiliz': 'utilis',
}
WORDS = re.compile(r'(?<![\w-])(' + '|'.join(AMERICAN) + r')[a-z]*(?![\w(=-]|\.\w)', re.I)
# Names of others: licences by SPDX, files, settings and calls.
NAMES = re.compile(r'SPDX-License-Identifier|`[^`]*`|"[^"\n]*"|\b[A-Z_]{3,}\b|[\w-]+_[\w-]+|--[\w-]+')
COLUMNS = 80
LABEL, CELL = 45, 24  # of a table that has the rest of the line in its second column


def documents():
    yield from root.glob('*.md')
    yield from (root / 'preload').glob('*.md')


def pages():
    return sorted((root / 'man').glob('*.[1-9]'))


def comments(path):
    """(line, words)"""
    text = path.read_text()
    for match in re.finditer(r'/\*.*?\*/', text, re.S) if path.suffix in ('.c', '.h') else \
            re.finditer(r'^[ \t]*#.*$', text, re.M):
        yield text.count('\n', 0, match.start()) + 1, match[0]


def spelling(where, line, words):
    for match in WORDS.finditer(NAMES.sub('', words)):
        problems.append(f'{where}:{line}: "{match[0]}": British spelling')


def unroff(text):
    for roff, plain in ((r'\-', '-'), (r'\(aq', "'"), (r'\e', '\\'), (r'\&', ''), (r'\(ha', '^'), (r'\(ti', '~')):
        text = text.replace(roff, plain)
    return text


def widths(path):
    """The library's example is a C file of the tree, and formatted as all of them; ARCHITECTURE.md has
    a picture. In documents the comment behind a command is not counted."""
    if path.name in ('libmptcpshim.3', 'ARCHITECTURE.md'):
        return
    block = r'^\.EX\n(.*?)^\.EE' if path.suffix != '.md' else r'^```\w*\n(.*?)^```'
    text = path.read_text()
    for match in re.finditer(block, text, re.M | re.S):
        first = text.count('\n', 0, match.start(1)) + 1
        for number, line in enumerate(unroff(match[1]).splitlines(), first):
            if path.suffix == '.md':
                line = re.sub(r'\s\s+# .*', '', line)
            if len(line) > COLUMNS:
                problems.append(f'{path.name}:{number}: an example of {len(line)} columns')


def tables(path):
    """tbl(1) breaks text blocks only, T{ to T}: anything else makes a table as wide as it is itself."""
    for match in re.finditer(r'^\.TS\ntab\(;\);\nlb lx\.\n(.*?)^\.TE', path.read_text(), re.M | re.S):
        for row in re.sub(r'T\{.*?T\}', 'T{T}', match[1], flags=re.S).splitlines():
            first, _, second = row.partition(';')
            if not row.startswith('.') and (len(first) > LABEL or len(second) > CELL):
                problems.append(f'{path.name}: a table becomes too wide by: {row}')


def see_also():
    there = {path.name: path.read_text() for path in pages()}
    seen = {}
    for name, text in there.items():
        if text.startswith('.so'):
            continue
        section = text.partition('\n.SH "SEE ALSO"\n')[2] or text.partition('\n.SH SEE ALSO\n')[2]
        rows = re.findall(r'^\.BR (\S+) \((\d)\)(,?)$', section.replace(r'\-', '-'), re.M)
        names = [f'{page}.{number}' for page, number, _ in rows]
        seen[name] = set(names)
        if not names:
            problems.append(f'{name}: no SEE ALSO')
        if names != sorted(set(names), key=lambda page: (page[-1], page)):
            problems.append(f'{name}: SEE ALSO is not sorted by section and name: {" ".join(names)}')
        if [comma for *_, comma in rows] != [','] * (len(rows) - 1) + ['']:
            problems.append(f'{name}: SEE ALSO: a comma behind each but the last')
        for page in names:
            if page == name or ('mptcpshim' in page and page not in there):
                problems.append(f'{name}: SEE ALSO: {page}')
    reached, ahead = set(), ['mptcpshim.1']
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            ahead += seen.get(page, ())
    for name in seen.keys() - reached:
        problems.append(f'{name}: no way to it by SEE ALSO from mptcpshim.1')


for document in documents():
    for number, line in enumerate(document.read_text().splitlines(), 1):
        spelling(document.relative_to(root), number, line)
    widths(document)
for page in pages():
    for number, line in enumerate(page.read_text().splitlines(), 1):
        spelling(page.relative_to(root), number, line)
    widths(page)
    tables(page)
for top in ('include', 'lib', 'preload', 'tests', 'man'):
    for path in sorted((root / top).rglob('*')):
        if path.suffix in ('.c', '.h', '.sh', '.py', '.lua') and path.name != 'prose.py':
            for number, words in comments(path):
                spelling(path.relative_to(root), number, words)
see_also()
print('\n'.join(problems) or f'{len(pages())} pages')
sys.exit(1 if problems else 0)
