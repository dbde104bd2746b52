#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recorded links: what a file says of a link's rate over time, and how much that offers.

usage: traces.py LINK...     prints of each link: period, length, mean rate, outages, delay, queue

LINK is FILE[,NAME=VALUE...]. FILE has one line for each period, `RATE [DELAY]`, in Mbit/s and
milliseconds one way, or is in Mahimahi's format: one line for each packet of 1500 bytes, the
millisecond at which it can be delivered. Lines that begin with # are comments; `# period=0.2` and the
like there are the file's own settings. Settings:

  period=S    seconds that a line stands for (default 1; for Mahimahi's format the bins, default 0.1)
  delay=MS    one way, where the file has none (default 20)
  queue=KIB   of each direction (default 256)
  up=FILE     from the client to the server (default: FILE is for both directions)

A rate below OUTAGE Mbit/s is an outage: nothing gets through, nothing in the queue is lost.
"""
import itertools
import sys

OUTAGE = 0.05
PACKET_BITS = 1500 * 8


class Fault(Exception):
    """Says what is wrong with a file or a setting, and where."""


class Direction:
    """rates: Mbit/s, one a period; delays: milliseconds one way, or None where the file has none."""

    def __init__(self, rates, delays, period):
        self.rates, self.delays, self.period = rates, delays, period

    def at(self, seconds):
        """Rate and delay so long after the beginning; a file that ends begins again."""
        i = int(seconds / self.period) % len(self.rates)
        return self.rates[i], self.delays[i] if self.delays else None

    def offered(self, begin, end):
        """Bits that the link can carry in this time."""
        bits, t = 0, begin
        while t < end:
            until = min(end, (int(t / self.period + 1e-9) + 1) * self.period)
            rate = self.at(t + 1e-6)[0]
            bits += (rate if rate >= OUTAGE else 0) * 1e6 * (until - t)
            t = until
        return bits

    def outages(self, end):
        """(begin, end) of each time without service until then."""
        edges, since, t = [], None, 0
        while t < end:
            out = self.at(t + 1e-6)[0] < OUTAGE
            if out and since is None:
                since = t
            elif not out and since is not None:
                edges.append((since, t))
                since = None
            t += self.period
        return edges + ([(since, end)] if since is not None else [])


def is_mahimahi(rows):
    """Whole numbers that never fall, and reach more than there are rows: times, no rates."""
    if len(rows) < 20 or any(len(row) != 1 or not row[0].isdigit() for row in rows):
        return False
    times = [int(row[0]) for row in rows]
    return all(a <= b for a, b in itertools.pairwise(times)) and times[-1] > 1000


def bins(rows, period):
    times = [int(row[0]) / 1000 for row in rows]
    counts = [0] * max(1, round(times[-1] / period))
    for t in times:
        counts[min(len(counts) - 1, int(t / period))] += 1
    return [n * PACKET_BITS / 1e6 / period for n in counts]


def read(path, settings):
    try:
        lines = open(path, encoding='ascii').read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f'{path}: {error}') from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.startswith('#'):
            for word in line[1:].split():
                name, equals, value = word.partition('=')
                if equals:
                    settings.setdefault(name, value)
        elif line.strip():
            rows.append(line.split())
            if len(rows[-1]) > 2 or not all(x.replace('.', '', 1).isdigit() for x in rows[-1]):
                raise Fault(f'{path}:{number}: "{line}" is neither RATE [DELAY] nor a time in ms')
    if not rows:
        raise Fault(f'{path}: no line')
    if is_mahimahi(rows):
        period = float(settings.get('period', 0.1))
        return Direction(bins(rows, period), None, period)
    if len({len(row) for row in rows}) > 1:
        raise Fault(f'{path}: some lines have a delay, others have none')
    delays = [float(row[1]) for row in rows] if len(rows[0]) == 2 else None
    return Direction([float(row[0]) for row in rows], delays, float(settings.get('period', 1)))


class Link:
    """down: from the server to the client; delay in ms one way, queue in KiB."""

    def __init__(self, text):
        path, *words = text.split(',')
        given = dict(word.partition('=')[::2] for word in words)
        unknown = set(given) - {'period', 'delay', 'queue', 'up'}
        if unknown:
            raise Fault(f'{text}: no setting "{unknown.pop()}"; there are period, delay, queue, up')
        settings = dict(given)
        try:
            self.down = read(path, settings)
            self.up = read(settings['up'], dict(given)) if 'up' in settings else self.down
            self.delay = float(settings.get('delay', 20))
            self.queue = float(settings.get('queue', 256))
        except ValueError as error:
            raise Fault(f'{text}: {error}') from error
        if self.down.period < 0.02 or self.delay < 0 or self.queue < 3:
            raise Fault(f'{text}: period at least 0.02, delay at least 0, queue at least 3')
        self.name = path.rsplit('/', 1)[-1].rsplit('.', 1)[0]

    def direction(self, way):
        return self.down if way == 'down' else self.up


def main(arguments):
    if not arguments or '--help' in arguments:
        print(__doc__)
        return 0 if arguments else 2
    try:
        for text in arguments:
            link = Link(text)
            for way in ('down', 'up'):
                d = link.direction(way)
                length = len(d.rates) * d.period
                out = sum(end - begin for begin, end in d.outages(length))
                print(f'{link.name} {way}: {length:g} s of {d.period:g} s, mean '
                      f'{d.offered(0, length) / length / 1e6:.2f} Mbit/s, {out:g} s of outages, '
                      f'{link.delay:g} ms, {link.queue:g} KiB')
    except Fault as fault:
        print(f'traces.py: {fault}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
