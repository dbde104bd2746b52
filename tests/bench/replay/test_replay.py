#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What replay.sh reads and sums up: formats of recorded links, what they offer, bars and percentiles."""
import json
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parents[1] / 'lib')]
import report  # noqa: E402
import tap  # noqa: E402
import traces  # noqa: E402

folder = pathlib.Path(tempfile.mkdtemp(prefix='mptcpshim-replay-'))


def file(name, text):
    (folder / name).write_text(text, encoding='ascii')
    return str(folder / name)


def fault(text):
    try:
        traces.Link(text)
    except traces.Fault as found:
        return str(found)
    return None


# ---- formats ----

plain = traces.Link(file('plain.txt', '10.0\n0.0\n20\n'))
tap.point(plain.down.period == 1 and plain.down.rates == [10, 0, 20] and plain.delay == 20,
          'one rate a line, a second each')
tap.point(abs(plain.down.offered(0, 3) - 30e6) < 1, 'an outage offers nothing', plain.down.offered(0, 3))
tap.point(abs(plain.down.offered(0.5, 2.25) - 10e6) < 1e3, 'parts of periods count as parts')
tap.point(abs(plain.down.offered(2, 4) - 30e6) < 1e3, 'a file that ends begins again')
tap.point(plain.down.outages(3) == [(1, 2)], 'the outage is found', plain.down.outages(3))

own = traces.Link(file('own.txt', '# period=0.2 delay=35 queue=512\n5\n6\n') + ',queue=64')
tap.point((own.down.period, own.delay, own.queue) == (0.2, 35, 64),
          'a file has settings of its own, the command line wins')
far = traces.Link(file('far.txt', '5 30\n6 90\n'))
tap.point(far.down.at(1.5) == (6, 90), 'recorded delays are played')

# 12 Mbit/s are one packet a millisecond; then a second of nothing.
times = [*range(1, 1001), 2001]
mahimahi = traces.Link(file('mahimahi.txt', '\n'.join(map(str, times))) + ',period=0.5')
tap.point([round(r, 1) for r in mahimahi.down.rates[:4]] == [12.0, 12.0, 0.0, 0.0],
          "Mahimahi's format becomes rates", mahimahi.down.rates)
both = traces.Link(f"{folder}/plain.txt,up={folder}/own.txt")
tap.point(both.up.rates == [5, 6] and both.down.rates == [10, 0, 20], 'the way up has its own file')

for text, says in (('/nonexistent', 'No such file'), (f'{folder}/plain.txt,wait=1', 'no setting "wait"'),
                   (file('words.txt', '10\nten\n'), 'words.txt:2'), (file('none.txt', '# x\n'), 'no line'),
                   (f'{folder}/plain.txt,period=soon', 'soon'), (file('mixed.txt', '1 2\n3\n'), 'delay')):
    tap.point(says in (fault(text) or ''), f'refused: {says}', fault(text))

# ---- the bench's own pairs are what its generator makes ----

made = folder / 'made'
made.mkdir()
subprocess.run([sys.executable, str(here / 'make.py'), str(made)], check=True)
same = [p.name for p in made.iterdir() if p.read_text() == (here / p.name).read_text()]
tap.point(len(same) == 6, 'the generator makes the same pairs again', same)

# ---- sums ----

links = [f'{folder}/plain.txt,delay=10', f'{folder}/own.txt,delay=30']
base = {'round': 1, 'seconds': 1, 'links': links, 'played': 100.0, 'began': 100.0, 'repeated': None}
offered = (10e6 + 5.4e6) * report.PAYLOAD


def run(load, way, **more):
    return json.dumps({**base, 'load': load, 'way': way, **more})


slow = [[101.5, 700.0]]  # due in the second in which the first link is out of service
runs = [
    run('down', 'mptcp', bytes=offered * 0.97 / 8), run('down', 'shim', bytes=offered * 0.96 / 8),
    run('down', 'shim-x', bytes=offered * 0.98 / 8, repeated={'sent': 100, 'again': 4}),
    run('echo', 'plain1', times=[[100.0 + i / 100, 20.0] for i in range(100)]),
    run('echo', 'shim', times=[[100.0 + i / 100, 20.0] for i in range(99)] + slow),
    run('requests', 'shim', failed=True),
]
table = report.collect(file('runs.jsonl', '\n'.join(runs) + '\n'))
name = ('plain own', 'down')
tap.point(abs(table[name]['shim']['part'] - 0.96) < 0.005, 'the part of what links offered',
          table[name]['shim'])
tap.point(report.misses('down', table[name], 'shim') == ['part'], 'less than kernel MPTCP is a miss')
tap.point(report.misses('down', table[name], 'shim-x') == ['again'], 'too many repetitions are a miss')
echo = table['plain own', 'echo']
tap.point(echo['shim']['outage_ms'] == 700, 'the longest echo during an outage of one link')
tap.point(report.misses('echo', echo, 'shim') == ['p99', 'outage'], 'both are misses',
          report.misses('echo', echo, 'shim'))
failed = table['plain own', 'requests']
tap.point(report.misses('requests', failed, 'shim') == ['failed'], 'a run without a result is a miss')
tap.plan()
