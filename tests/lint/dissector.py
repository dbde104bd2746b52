#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: dissector.py SOURCE_ROOT TABLES: the dissector for Wireshark (lib/wireshark/names.lua) knows each
row of frame_list.h, as the program TABLES prints it, and the messages, options, frames and reasons of
mptcpshim-protocol(7), under the same numbers and names, and no others."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
lua = (root / 'lib/wireshark/names.lua').read_text()
page = (root / 'man/mptcpshim-protocol.7').read_text().replace('\\-', '-').replace('\\ ', ' ')
problems = []


def known(table):
    body = re.search(rf'^local {table} = \{{$(.*?)^\}}', lua, re.M | re.S)[1]
    return {int(number, 0): name for number, name in re.findall(r'\[(\w+)\] = \{? ?"([\w ]+)"', body)}


def listed(heading, pattern, base=10):
    text = re.search(rf'^\.S[HS] "?{heading}"?$(.*?)^\.S[HS] ', page, re.M | re.S)[1]
    return {int(number, base): name for number, name in re.findall(pattern, text, re.M)}


def compare(what, here, there):
    if not there:
        problems.append(f'no {what} found')
    for number in sorted(set(here) | set(there)):
        if here.get(number) != there.get(number):
            problems.append(f'names.lua: {what} {number:#x}: {here.get(number)}, not {there.get(number)}')


opening = 'OPENING MESSAGES'
compare('option', known('OPTIONS'), listed(opening, r'^ *(\d+) +([A-Z_]+) +\d'))
compare('message', known('KINDS'), listed(opening, r'^ *(\d+) +([A-Z_]+) +[A-Z]{2}'))
compare('frame', known('FRAMES'), listed('FRAMES', r'^([0-9A-F]{2}) (checked DSS|[A-Z_]+)', 16))
compare('reason', known('REASONS'), listed('Reasons', r'\b(\d+)[ ;]([A-Z_]{4,})'))
rows = subprocess.run([sys.argv[2]], check=True, capture_output=True, text=True).stdout
rows = {int(number, 16): name for number, name in re.findall(r'^frame (\w+) (\w+)', rows, re.M)}
compare('row of frame_list.h', {number: known('FRAMES').get(number) for number in rows}, rows)
print('\n'.join(problems) or f'{len(rows)} rows of frame_list.h')
sys.exit(1 if problems else 0)
