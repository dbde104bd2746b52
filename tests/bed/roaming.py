#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The screen of tests/demo-roaming.sh.

usage: roaming.py watch DIRECTORY RUN PID SECONDS     until process PID has ended, and SECONDS at least
       roaming.py table DIRECTORY                     what came out; exit code 1 if a backup is not right

RUN is `plain` or `shim`, plain first. DIRECTORY has: `whole`, the size of the database; `RUN/`, the
backup; `typist`, see typist.py; `ctl`, the socket of the link emulator; `wifi`, the rates of the first
link; `RUN.verified`, the exit code of pg_verifybackup. `RUN.json`, made here, is what happened twice a
second. On a terminal the screen is drawn again and again, else it is printed once in four seconds.
"""
import json
import os
import pathlib
import socket
import sys
import time

STEP = 0.5
EVERY = 8  # steps between two screens that are no terminal's
BAR = 18
TITLES = {'plain': 'plain TCP, over Wi-Fi', 'shim': 'mptcpshim, over Wi-Fi and LTE'}
LIVE = sys.stdout.isatty() and os.get_terminal_size().columns >= 80  # what a line has at most
BOLD, RED, GREEN, NORMAL = ('\033[1m', '\033[31m', '\033[32m', '\033[0m') if LIVE else ('',) * 4


def size(directory):
    """Files come and go while they are counted."""
    total = 0
    for folder, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
    return total


def carried(directory):
    """Bytes that came out of each link so far, both ways."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(str(directory / 'ctl'))
        control.send(b'stats')
        links = json.loads(control.recv(65536))
    return [link['c2s']['out_bytes'] + link['s2c']['out_bytes'] for link in links]


class Run:
    """What was seen of one run: a list of samples, one for each step."""

    def __init__(self, directory, name):
        self.directory, self.name, self.samples = directory, name, []
        self.first = carried(directory)

    def sample(self, seconds, fetched):
        links = [now - first for now, first in zip(carried(self.directory), self.first)]
        before = self.samples[-1] if self.samples else {'seconds': 0, 'links': [0, 0]}
        past = max(seconds - before['seconds'], 0.01)
        _, echoes, waits, longest = map(float, (self.directory / 'typist').read_text().split())
        self.samples.append({
            'seconds': seconds, 'backup': size(self.directory / self.name), 'fetched': fetched,
            'links': links, 'rates': [(b - a) * 8e-6 / past for a, b in zip(before['links'], links)],
            'echoes': int(echoes), 'waits': waits, 'longest': longest})

    def keep(self):
        (self.directory / f'{self.name}.json').write_text(json.dumps(self.samples))


def cells(sample, whole, links):
    """What the screen says of one run, line by line: (text, colour)."""
    part = min(1, sample['backup'] / whole)
    done = sample['fetched']
    backup = f"{sample['backup'] / 1e6:5.1f} MB" if done is None else f'done, {done:4.1f} s'
    yield (f"{backup:<12} {'=' * round(BAR * part):<{BAR}}", '' if done is None else GREEN)
    for rate in sample['rates'][:links]:
        yield (f'{rate:5.1f} Mbit/s {"#" * min(BAR, round(rate / 2)):<{BAR}}', '')
    for _ in range(links, 2):
        yield ('  -', '')
    waits = sample['waits'] > 1
    yield (f"waits for an echo, {sample['waits']:4.1f} s" if waits else 'each echo comes at once',
           RED if waits else '')
    yield (f"{sample['longest']:5.2f} s", '')


def screen(samples, whole, lost):
    """`samples`: of plain TCP, and of the shim once that runs."""
    where = f'{RED}the Wi-Fi is lost{NORMAL}' if lost else 'Wi-Fi and LTE are there'
    lines = [f"  {samples[-1]['seconds']:4.0f} s      {where}", '']
    lines.append(f"  {'':<13}{BOLD}" + ''.join(f'{TITLES[name]:<33}' for name, _ in zip(TITLES, samples)).rstrip() + NORMAL)
    names = ('backup', 'Wi-Fi', 'LTE', 'ssh', 'longest wait')
    columns = [list(cells(sample, whole, links)) for links, sample in enumerate(samples, 1)]
    for name, *row in zip(names, *columns):
        lines.append(f'  {name:<13}' + ''.join(f'{colour}{text:<33}{NORMAL if colour else ""}' for text, colour in row).rstrip())
    return lines


def show(lines, again):
    if LIVE and again:
        print(f'\033[{len(lines)}A', end='')
    end = '\033[K\n' if LIVE else '\n'
    print(end.join(lines), end=end, flush=True)


def beside(directory, step):
    """Plain TCP at the same step, or at its last one."""
    plain = json.loads((directory / 'plain.json').read_text())
    return plain[min(step, len(plain) - 1)]


def ended(pid):
    """A process that its shell has not waited for yet has ended, too."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z'
    except OSError:
        return True


def watch(directory, name, pid, seconds):
    whole = int((directory / 'whole').read_text())
    wifi = [float(line) for line in (directory / 'wifi').read_text().splitlines() if line[0] != '#']
    print()
    run, began, fetched, step = Run(directory, name), time.monotonic(), None, 0
    while fetched is None or step * STEP <= seconds:
        step += 1
        while time.monotonic() < began + step * STEP:
            time.sleep(0.02)
            if fetched is None and ended(pid):
                fetched = time.monotonic() - began
        now = time.monotonic() - began
        run.sample(now, fetched)
        samples = [run.samples[-1]] if name == 'plain' else [beside(directory, step - 1), run.samples[-1]]
        if LIVE or step % EVERY == 0:
            lost = wifi[int(now) % len(wifi)] == 0
            show(screen(samples, whole, lost), step > 1)
            if not LIVE:
                print()
    run.keep()


def table(directory):
    good = True
    print(f"  {'':<11} {'backup':>8} {'':<10} {'longest wait':>13} {'echoes':>7} {'Wi-Fi':>9} {'LTE':>8}")
    for name, title in (('plain', 'plain TCP'), ('shim', 'mptcpshim')):
        last = json.loads((directory / f'{name}.json').read_text())[-1]
        right = (directory / f'{name}.verified').read_text().strip() == '0'
        good = good and right
        verified = f'{GREEN}verified  {NORMAL}' if right else f'{RED}NOT RIGHT {NORMAL}'
        print(f"  {title:<11} {last['fetched']:6.1f} s {verified} {last['longest']:11.2f} s {last['echoes']:7}"
              f" {last['links'][0] / 1e6:6.1f} MB {last['links'][1] / 1e6:5.1f} MB")
    return 0 if good else 1


if __name__ == '__main__':
    if sys.argv[1:2] == ['watch'] and len(sys.argv) == 6:
        watch(pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    elif sys.argv[1:2] == ['table'] and len(sys.argv) == 3:
        sys.exit(table(pathlib.Path(sys.argv[2])))
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
