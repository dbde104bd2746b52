#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: judge.py REPORT [--errors-allowed]: what both ends of the soak's connections say, put
together. Prints the counts, each connection that went wrong, and a last line of TAP for each rule.

Never right, whatever was killed: a wrong byte, a byte too many, an end that looks orderly although
bytes are missing while the peer's program lives, no progress for longer than an end may take to be
noticed. Without --errors-allowed (nothing but links was disturbed) each connection has to be whole,
and no event may come after its end.
"""
import collections
import json
import sys

CORRUPT = {'wrong_byte', 'too_much', 'wrong_header'}
SHOWN = 20

allowed = '--errors-allowed' in sys.argv[2:]
ends = {'client': {}, 'server': {}}
headless, stale = [], []
with open(sys.argv[1]) as report:
    for line in report:
        entry = json.loads(line)
        if entry['end'] == 'stale_event':
            stale.append((entry, None))
        elif entry['side'] == 'server' and entry['id'] == '0' * 16:
            headless.append(entry)  # ended before its header was there
        else:
            ends[entry['side']][entry['id']] = entry

corrupt, short, stalled, failed = [], [], [], []
for side, other in (('client', 'server'), ('server', 'client')):
    for key, entry in ends[side].items():
        peer = ends[other].get(key)
        pair = (entry, peer)
        if entry['end'] in CORRUPT:
            corrupt.append(pair)
        elif entry['end'] == 'short_eof' and peer is not None:
            # A killed program leaves no line: its kernel ends what it had in order, with TCP too.
            short.append(pair)
        elif entry['end'] == 'stalled':
            stalled.append(pair)
        elif entry['end'] != 'ok' and not allowed:
            failed.append(pair)
        elif side == 'client' and entry['end'] == 'ok' and peer is None and not allowed:
            failed.append(pair)
stalled += [(entry, None) for entry in headless if entry['end'] == 'stalled']
corrupt += [(entry, None) for entry in headless if entry['end'] in CORRUPT]

for side in ends:
    counts = collections.Counter(entry['end'] for entry in ends[side].values())
    print('#', side, dict(counts))
    gaps = sorted(entry['gap'] for entry in ends[side].values() if entry['end'] == 'ok')
    if gaps:
        print(f'# {side}: longest time without a byte {gaps[-1]:.1f} s, '
              f'99 of 100 at most {gaps[len(gaps) * 99 // 100]:.1f} s')
print('# events of closed descriptors:', len(stale))
print('# ended before the header:', dict(collections.Counter(e['end'] for e in headless)))

rules = [('no byte is wrong', corrupt), ('no end looks orderly that is not', short),
         ('no connection stands still for good', stalled)]
if not allowed:
    rules.append(('each connection is whole', failed))
    rules.append(('epoll is silent about what is closed', stale))
whole = sum(entry['end'] == 'ok' for entry in ends['client'].values())
bad = 0
for number, (rule, against) in enumerate(rules + [('connections were made', [])], 1):
    fails = bool(against) or (rule == 'connections were made' and whole == 0)
    bad += fails
    for pair in against[:SHOWN]:
        print('#  ', *(json.dumps(entry) for entry in pair if entry))
    print('not ok' if fails else 'ok', number, '-', f'{rule}: {len(against)} of {whole}'
          if rule != 'connections were made' else f'{whole} {rule} and ended well')
print(f'1..{len(rules) + 1}')
sys.exit(1 if bad else 0)
