#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays recorded links on the link emulator of a test bed, from now until it is killed.

usage: play.py CONTROL LINK...     CONTROL: the emulator's socket; LINK: see traces.py, for link1, link2...

Prints `began TIME` (monotonic) once the first rates are set. A change that comes late is made at once; the
next one keeps its own time.
"""
import socket
import sys
import time
import traces

TRIES = 100
NEVER = '1kbit'  # a rate of 0 would be no limit; at this one a packet takes longer than an outage


def ask(control, command):
    """The emulator's reply; empty if this process was so slow that it has not waited."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(control)
        try:
            sock.send(command.encode())
            return sock.recv(8192).decode()
        except (BrokenPipeError, ConnectionResetError):
            return ''


def tell(control, command):
    for _ in range(TRIES):
        reply = ask(control, command)
        if reply == 'ok\n':
            return
        if reply:
            break
    raise traces.Fault(f'{command}: {reply.strip()}')


def setting(rate):
    return NEVER if rate < traces.OUTAGE else f'{round(rate * 1000)}kbit'


def apply(control, links, elapsed, last):
    """What changed since the last time; `last` remembers what is set."""
    for i, link in enumerate(links, 1):
        for way, name in (('down', 's2c'), ('up', 'c2s')):
            rate, delay = link.direction(way).at(elapsed)
            want = (setting(rate), link.delay if delay is None else delay)
            if last.get((i, way)) != want:
                tell(control, f'link{i} {name} rate {want[0]} delay {round(want[1] * 1000)}us')
                last[i, way] = want


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    control, last = arguments[0], {}
    try:
        links = [traces.Link(text) for text in arguments[1:]]
        for i, link in enumerate(links, 1):
            tell(control, f'link{i} queue {round(link.queue)}k loss 0% up')
        step = min(d.period for link in links for d in (link.down, link.up))
        began = time.monotonic()
        apply(control, links, 0, last)
        print(f'began {began:.6f}', flush=True)
        n = 0
        while True:
            n += 1
            time.sleep(max(0, began + n * step - time.monotonic()))
            apply(control, links, n * step + 1e-6, last)
    except (traces.Fault, OSError) as fault:
        print(f'play.py: {fault}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
