#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Somebody who types, and waits for each echo.

usage: typist.py STATE COMMAND...     COMMAND gives back on standard output what it is given

Types a line into COMMAND every 0.15 s, whether the echo of the last one has come or not, until it is
told to end (SIGTERM). STATE holds one line, replaced ten times a second: how many lines were typed, how many
came back, for how many seconds the oldest of those that have not come back waits, and the longest wait so
far, that one included. The first line, which waits for COMMAND to begin, is typed alone and not timed.
"""
import os
import selectors
import signal
import subprocess
import sys
import time

BETWEEN_KEYS, BETWEEN_STATES = 0.15, 0.1


class Typist:
    def __init__(self, state, process):
        self.state, self.process = state, process
        self.typed, self.echoed, self.longest = [], 0, 0.0
        self.rest = b''

    def type(self, now):
        self.typed.append(now)
        self.process.stdin.write(b'%5d\n' % len(self.typed))

    def read(self, now):
        more = os.read(self.process.stdout.fileno(), 65536)
        *lines, self.rest = (self.rest + more).split(b'\n')
        for line in lines:
            if int(line) != self.echoed + 1:
                raise SystemExit(f'typist.py: echo {line!r} after {self.echoed}')
            if self.echoed > 0:
                self.longest = max(self.longest, now - self.typed[self.echoed])
            self.echoed += 1
        return bool(more)

    def tell(self, now):
        waits = now - self.typed[self.echoed] if 0 < self.echoed < len(self.typed) else 0.0
        self.longest = max(self.longest, waits)
        with open(self.state + '.new', 'w', encoding='ascii') as file:
            file.write(f'{len(self.typed)} {self.echoed} {waits:.2f} {self.longest:.2f}\n')
        os.replace(self.state + '.new', self.state)


def main(state, command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    typist = Typist(state, process)
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    ready = selectors.DefaultSelector()
    ready.register(process.stdout, selectors.EVENT_READ)
    key = says = time.monotonic()
    open_end = True
    while open_end and not told:
        now = time.monotonic()
        if now >= key and (typist.echoed or not typist.typed):
            typist.type(now)
            key = now + BETWEEN_KEYS
        if now >= says:
            typist.tell(now)
            says = now + BETWEEN_STATES
        if ready.select(0.02):
            open_end = typist.read(time.monotonic())
    typist.tell(time.monotonic())
    process.terminate()
    process.wait()
    return 0 if open_end else 1


if __name__ == '__main__':
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except BrokenPipeError:
        sys.exit(1)
