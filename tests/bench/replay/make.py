#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the pairs of links in this folder; invented ones, with the habits of recorded ones.

usage: make.py [DIRECTORY]

Rates are log-normal around a mean that moves slowly (what a walk or a drive does), with short dips and
with outages. The same seed makes the same file.
"""
import math
import pathlib
import random
import sys

PAIRS = {
    # name: (seed, period, seconds, mean Mbit/s, spread, outages as (first second, length), delay, queue)
    'walk-wifi': (11, 1, 60, 32, 0.25, [(24, 5), (47, 2)], 10, 256),
    'walk-lte': (12, 1, 60, 18, 0.45, [], 30, 512),
    'train-lte-a': (21, 0.2, 60, 12, 0.7, [(14, 3), (38, 6)], 30, 512),
    'train-lte-b': (22, 0.2, 60, 7, 0.8, [(30, 2), (42, 1)], 45, 512),
    # For the demonstration: out of the house and back.
    'roam-wifi': (31, 1, 60, 30, 0.2, [(8, 8)], 8, 256),
    'roam-lte': (32, 1, 60, 18, 0.3, [], 30, 512),
}


def rates(seed, period, seconds, mean, spread, outages):
    source = random.Random(seed)
    slow = fast = 0.0
    for i in range(round(seconds / period)):
        t = i * period
        slow = 0.97 ** period * slow + math.sqrt(1 - 0.94 ** period) * source.gauss(0, spread)
        fast = 0.5 * fast + source.gauss(0, spread / 3)
        rate = mean * math.exp(slow + fast - spread * spread / 2)
        out = any(begin <= t < begin + length for begin, length in outages)
        yield 0.0 if out else max(rate, 0.2)


def main(where):
    for name, (seed, period, seconds, mean, spread, outages, delay, queue) in PAIRS.items():
        lines = [f'# made by make.py; period={period} delay={delay} queue={queue}']
        lines += [f'{rate:.2f}' for rate in rates(seed, period, seconds, mean, spread, outages)]
        (where / f'{name}.txt').write_text('\n'.join(lines) + '\n', encoding='ascii')


if __name__ == '__main__':
    if '--help' in sys.argv:
        print(__doc__)
    else:
        main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent))
