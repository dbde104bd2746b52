#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: readme.py SOURCE_ROOT: what README.md and the other documents of the top folder tell the reader
exists: subcommands and options of mptcpshim are in its manual page, files and folders are in the
tree, meson options are defined, links lead somewhere. README.md's table of programs has a row for
each case of tests/system/programs, all of which passed. CONTRIBUTING.md answers twenty questions with
one file each, has a row for each folder of code, and each word of its glossary once."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'NEWS.md', 'PERFORMANCE.md', 'SECURITY.md',
             'preload/LIFECYCLE.md']
texts = {name: (root / name).read_text() for name in DOCUMENTS}
text = texts['README.md']
manual = (root / 'man/mptcpshim.1').read_text().replace('\\-', '-')
meson_options = re.findall(r"option\('([\w-]+)'", (root / 'meson_options.txt').read_text())
problems = []



def check_command(name, line):
    line = re.sub(r'^\s*[$#]\s+', '', line)
    for sub, rest in re.findall(r'(?:^|[\s/;&|])mptcpshim\s+([a-z]+|--\w+)([^|;&]*)', line):
        if sub not in manual:
            problems.append(f'{name}: no subcommand "{sub}" in mptcpshim(1): {line}')
        # Options behind the program's name are the program's own.
        for option in re.match(r'((?:\s+--[\w-]+(?:[ =](?!-)\S+)?)*)', rest)[1].split():
            option = option.split('=')[0]
            if option.startswith('--') and option != '--' and option not in manual:
                problems.append(f'{name}: no option {option} in mptcpshim(1): {line}')
    for option in re.findall(r'\s-D([\w-]+)=', line):
        if option not in meson_options and not option.startswith(('b_', 'c_', 'build', 'prefix')):
            problems.append(f'{name}: no meson option {option}: {line}')


def check_names(name, words):
    """Files and folders of the tree, wherever they are named; not those that a build makes."""
    for path in re.findall(r'(?<![\w/.-])((?:lib|tests|man|preload|include)/[\w./-]*\w)', words):
        if not (root / path).exists():
            problems.append(f'{name}: no file {path}')
    for target in re.findall(r'\]\((?!https?:|#|mailto:)([^)#]+)', words):
        if not (root / name).parent.joinpath(target).exists():
            problems.append(f'{name}: link to {target} leads nowhere')


n_commands = 0
for name, words in texts.items():
    blocks = re.findall(r'^```\w*\n(.*?)^```', words, re.M | re.S)
    for line in ''.join(blocks).replace('\\\n', ' ').splitlines():
        check_command(name, line)
        n_commands += 1
    check_names(name, words)


def rows(name, heading):
    section = texts[name].split(f'\n## {heading}\n', 1)
    table = section[-1].split('\n## ', 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in table if line.startswith('|')][2:]


questions = rows('CONTRIBUTING.md', 'Where is ... decided?')
if len(questions) < 20:
    problems.append(f'CONTRIBUTING.md: {len(questions)} questions, not 20')
for question, answer in questions:
    if not (root / answer.strip('`')).is_file():
        problems.append(f'CONTRIBUTING.md: {question} {answer} is no file')
described = ' '.join(row[0] for row in rows('CONTRIBUTING.md', 'Where what is'))
for folder in {path.parent for top in ('lib', 'preload') for path in (root / top).rglob('*.c')}:
    folder = folder.relative_to(root).as_posix()
    if folder != 'preload/interpose/calls' and f'`{folder}`' not in described:
        problems.append(f'CONTRIBUTING.md: folder {folder} has no row')
glossary = [row[0].lower() for row in rows('CONTRIBUTING.md', 'Glossary')]
if glossary != sorted(glossary) or len(set(glossary)) < len(glossary) or not glossary:
    problems.append('CONTRIBUTING.md: the glossary is not sorted, or has a word twice')

cases = {path.read_text().splitlines()[1].removeprefix('# ')
         for path in (root / 'tests/system/programs').glob('*.case')}
table = text.partition('<!-- programs: ')[2].partition('<!-- programs end')[0]
rows = [line.strip('| ').split(' | ') for line in table.splitlines()[3:]]
for name in cases ^ {row[0] for row in rows}:
    problems.append(f'table of programs (run.sh --update-readme): case or row missing: {name}')
for row in rows:
    if len(row) != 4 or not all(cell.startswith('ok') for cell in row[1:]):
        problems.append(f'table of programs: not ok: {row}')
print('\n'.join(problems) or f'{n_commands} lines of commands, {len(questions)} questions')
sys.exit(1 if problems else 0)
