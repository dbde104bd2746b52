#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the ingredients of fairness and of repetition are worth: each is taken out in turn.

    meson setup -Dablate=true --buildtype=release build-ablate && ninja -C build-ablate
    python3 tests/bench/ablate.py build-ablate [OPTION...]

In the simulator every row is run by several seeds, which change the links by a few percent, with
everything and without the part. The difference is that of the two runs of a seed, so that the
seeds' own differences do not count. A part is worth what it changes in the median beyond the
spread: at least one percent (of the carried part) or three (of anything else), with the same sign
from the first to the third quartile of the seeds. Rows and metrics: tests/sim/measure.c. With
--bed the fair bench of the emulated links is run with the kernel's TCP, with and without by turns.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
WHOLE = ""  # nothing is taken out


def names_of_parts():
    text = (SOURCE / "lib/core/base/part.h").read_text()
    return re.findall(r"X\([A-Z]+, (\w+)\)", text)


def quartile(values, fraction):
    values = sorted(values)
    at = fraction * (len(values) - 1)
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (at - below) * (values[above] - values[below])


def simulate(arguments, out, seed, extra):
    command = [str(arguments.build / "tests/sim/measure"), "--first", str(seed), "--seeds", "1"]
    lines = subprocess.run(command + extra, env={**os.environ, "MPS_OUT": out}, check=True,
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()
    values = {}
    for line in lines:
        row, _, metric, value = line.split("\t")
        values[row, metric] = float(value)
    return values


def records(traces):
    """Arguments of `measure` for pairs of recorded links: the names of the files tell the pairs."""
    for wifi in sorted(traces.glob("*-wifi.txt")):
        name = wifi.name.removesuffix("-wifi.txt")
        other = wifi.with_name(name + "-cellular.txt")
        yield ["--record", name, f"{wifi},1000,10,256", f"{other},1000,30,512"]
    driven = sorted(traces.glob("mahimahi-*.down.txt"))
    for one, other in zip(driven[::2], driven[1::2]):
        name = one.name.removesuffix(".down.txt")
        yield ["--record", name, f"{one},200,25,512", f"{other},200,25,512"]


def worth(key, differences, whole):
    low, high = quartile(differences, 0.25), quartile(differences, 0.75)
    least = 0.01 if key[1] == "part" else 0.03
    return (low > 0 or high < 0) and abs(statistics.median(differences)) >= least * abs(whole)


def compare(part, whole, without, everything):
    for key in sorted({key for values in whole for key in values}):
        pairs = [(a[key], b[key]) for a, b in zip(whole, without) if key in a and key in b]
        differences = [b - a for a, b in pairs]
        median = statistics.median(a for a, _ in pairs)
        beyond = worth(key, differences, median)
        if beyond or everything:
            print(f"{part:10} {key[0]:22} {key[1]:8} {median:9.3f} "
                  f"{statistics.median(b for _, b in pairs):9.3f} "
                  f"{quartile(differences, 0.25):+9.3f} {quartile(differences, 0.75):+9.3f}"
                  f"{' *' if beyond and everything else ''}", flush=True)


def in_simulator(arguments):
    wanted = [["--rows", arguments.rows] if arguments.rows else []]
    if arguments.traces:
        wanted += records(arguments.traces)
    seeds = range(1, arguments.seeds + 1)

    def all_seeds(out):
        def one(seed):
            values = {}
            for extra in wanted:
                values |= simulate(arguments, out, seed, extra)
            return values
        return list(pool.map(one, seeds))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        whole = all_seeds(WHOLE)
        for part in arguments.parts:
            compare(part, whole, all_seeds(part), arguments.all)


def on_bed(arguments):
    """The fair bench: ratio to a rival over the second half, by turns with and without."""
    ratios = {part: [] for part in [WHOLE, *arguments.parts]}
    file = arguments.build / "ablate-fair.jsonl"
    for _ in range(arguments.bed):
        for part in ratios:
            command = ["sh", str(SOURCE / "tests/bench/fair.sh"), "--rounds", "1", "--ways", "auto",
                       "--seconds", "24", "--out", str(file)]
            environment = {**os.environ, "MPS_OUT": part, "BED_BUILD": str(arguments.build)}
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
            runs = [json.loads(line) for line in file.read_text().splitlines()]
            own, beside = (sum(sum(run[way][12:]) for run in runs) for way in ("itself", "beside"))
            ratios[part].append(own / beside)
    for part, values in ratios.items():
        print(f"{part or 'everything':10} bed ratio, median {statistics.median(values):.2f}, "
              f"all {' '.join(f'{value:.2f}' for value in sorted(values))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder, made with -Dablate=true")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=names_of_parts(),
                        metavar="PART,...", help="default: each; A+B: both at once")
    parser.add_argument("--rows", metavar="ROW,...", help="of the simulator; default: all")
    parser.add_argument("--seeds", type=int, default=8, metavar="N")
    parser.add_argument("--traces", type=Path, metavar="FOLDER", help="recorded links, too")
    parser.add_argument("--all", action="store_true", help="what changes nothing as well")
    parser.add_argument("--bed", type=int, default=0, metavar="ROUNDS")
    arguments = parser.parse_args()
    arguments.parts = [part.replace("+", ",") for part in arguments.parts]
    if arguments.bed:
        on_bed(arguments)
    else:
        print(f"{'without':10} {'row':22} {'metric':8} {'with':>9} {'without':>9} "
              "quartiles of the difference")
        in_simulator(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
