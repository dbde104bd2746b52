#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up what replay.sh measured.

usage: report.py [--json] FILE

down, up: bytes as a part of what the links offered to segments of 1448 bytes in packets of 1500, from
connect() on. requests, echo, both: milliseconds at the 50th, 95th and 99th percentile; `outage` is the
longest echo that was due while a link was out of service; there always was one that was not, until it
was answered. `again`: bytes that the shim sent again on another path, as a part of those sent. Medians
of the rounds. Bars: down and up at least 0.95 and kernel MPTCP's; 99th percentile at most that of the
best single link and of kernel MPTCP; again at most 3 %; outage at most 3 round trips and 100 ms.
"""
import json
import statistics
import sys
import traces

PAYLOAD = 1448 / 1500
TOLERANCE = 1.05  # of times: what two runs of the same kind differ by


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def in_partial_outage(links, t, took):
    """A link is out of service at t, and until t + took never each of them."""
    def out(t):
        return [link.down.at(t)[0] < traces.OUTAGE or link.up.at(t)[0] < traces.OUTAGE for link in links]

    return any(out(t)) and not any(all(out(t + 0.02 * i)) for i in range(int(took / 0.02) + 1))


def figures(run):
    links = [traces.Link(text) for text in run['links']]
    if run.get('failed'):
        return {'failed': 1}
    begin = run['began'] - run['played']
    sums = {}
    if run['load'] in ('down', 'up', 'both'):
        way = 'up' if run['load'] == 'up' else 'down'
        offered = sum(l.direction(way).offered(begin, begin + run['seconds']) for l in links) * PAYLOAD
        sums['part'] = run['bytes'] * 8 / offered
        if 'gap_ms' in run:
            sums['gap_ms'] = run['gap_ms']
    if 'times' in run:
        took = [ms for _, ms in run['times']]
        for part in (0.5, 0.95, 0.99):
            sums[f'p{part * 100:g}_ms'] = percentile(took, part)
        during = [ms for due, ms in run['times']
                  if in_partial_outage(links, due - run['played'], ms / 1000)]
        if during:
            sums['outage_ms'] = max(during)
    if run['repeated'] and run['repeated']['sent']:
        sums['again'] = run['repeated']['again'] / run['repeated']['sent']
    return sums


def collect(path):
    table = {}
    for line in open(path, encoding='ascii'):
        run = json.loads(line)
        key = (' '.join(traces.Link(text).name for text in run['links']), run['load'])
        ways = table.setdefault(key, {})
        for name, value in figures(run).items():
            ways.setdefault(run['way'], {}).setdefault(name, []).append(value)
        ways[run['way']].setdefault('rtt_ms', [2 * max(traces.Link(t).delay for t in run['links'])])
    return {key: {way: {name: statistics.median(values) for name, values in sums.items()}
                  for way, sums in ways.items()} for key, ways in table.items()}


def misses(load, ways, way):
    """What of this way, one of the shim's, misses its bar."""
    own, found = ways[way], []
    others = [sums for name, sums in ways.items() if not name.startswith('shim') and 'failed' not in sums]
    kernel = ways.get('mptcp', {}).get('part', 0)
    if 'failed' in own:
        return ['failed']
    if load in ('down', 'up') and own['part'] < max(0.95, kernel):
        found.append('part')
    p99 = [sums['p99_ms'] for sums in others if 'p99_ms' in sums]
    if load != 'both' and p99 and own.get('p99_ms', 0) > min(p99) * TOLERANCE:
        found.append('p99')
    if load == 'both' and p99 and own['p99_ms'] > min(p99) * TOLERANCE:
        found.append('p99')
    if own.get('again', 0) > 0.03:
        found.append('again')
    if load == 'echo' and own.get('outage_ms', 0) > 3 * own['rtt_ms'] + 100:
        found.append('outage')
    return found


def text(name, value):
    return f'{value:.1f}' if name.endswith('_ms') else f'{value:.3f}'


def main(arguments):
    as_json = '--json' in arguments
    paths = [a for a in arguments if a != '--json']
    if len(paths) != 1 or '--help' in arguments:
        print(__doc__)
        return 0 if '--help' in arguments else 2
    try:
        table = collect(paths[0])
    except (OSError, traces.Fault, ValueError) as fault:
        print(f'report.py: {fault}', file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps([{'links': links, 'load': load, 'way': way, **sums,
                           'missed': misses(load, ways, way) if way.startswith('shim') else []}
                          for (links, load), ways in table.items() for way, sums in ways.items()]))
        return 0
    columns = ('part', 'p50_ms', 'p95_ms', 'p99_ms', 'outage_ms', 'gap_ms', 'again')
    for (links, load), ways in table.items():
        print(f'\n{links}: {load}')
        print(f'{"":18}' + ''.join(f'{name:>11}' for name in columns))
        for way, sums in ways.items():
            missed = misses(load, ways, way) if way.startswith('shim') else []
            print(f'{way:18}' + ''.join(f'{text(n, sums[n]) if n in sums else "-":>11}' for n in columns)
                  + ('  MISSED: ' + ' '.join(missed) if missed else ''))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
