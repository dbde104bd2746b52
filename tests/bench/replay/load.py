#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of a replay: ordinary sockets, run as plain TCP, by kernel MPTCP or under the shim.

usage: load.py serve ADDRESS PORT
       load.py down|up|requests|echo|both ADDRESS PORT SECONDS

down, up: as many bytes as there is time for. requests: 64 KiB asked for each 0.5 s. echo: 100 bytes to
and fro each 40 ms. both: echo beside a download of its own connection. Times count from when a request
or an echo was due, so that one that hangs does not hide those behind it. What has not come back
2 seconds after the end counts as this long. One JSON object on stdout; `began` is the monotonic time of
connect().
"""
import json
import os
import select
import socket
import sys
import threading
import time

BLOCK = bytes(65536)
SERIES = {'requests': (0.5, 8, 65536), 'echo': (0.04, 100, 100)}  # period, question, answer
GRACE = 2


def exactly(sock, length):
    parts = bytearray()
    while len(parts) < length:
        part = sock.recv(length - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


# ---- the server ----

def send_until(sock, seconds):
    end = time.monotonic() + seconds + GRACE
    while time.monotonic() < end:
        sock.send(BLOCK)


def count_until(sock, seconds):
    """What came in so many seconds from the first byte on; told to the client on the way back."""
    got, end = 0, None
    while True:
        left = 60 if end is None else end - time.monotonic()
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            break
        part = sock.recv(262144)
        if not part:
            break
        got += len(part)
        end = end or time.monotonic() + seconds
    sock.sendall(f'{got}\n'.encode())


def answer(sock, question, length):
    while exactly(sock, question):
        sock.sendall(BLOCK[:length])


def attend(sock):
    try:
        kind, seconds = exactly(sock, 16).decode().split()
        if kind == 'down':
            send_until(sock, float(seconds))
        elif kind == 'up':
            count_until(sock, float(seconds))
        else:
            answer(sock, *SERIES[kind][1:])
    except (OSError, AttributeError):
        pass  # the client has had enough
    finally:
        sock.close()


def serve(address, port):
    listener = socket.create_server((address, port), backlog=16)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=attend, args=(sock,), daemon=True).start()


# ---- the client ----

def open_as(kind, where, seconds):
    sock = socket.create_connection(where, timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(None)
    sock.sendall(f'{kind} {seconds:g}'.ljust(16).encode())
    return sock


def down(sock, end):
    got, last, gap = 0, time.monotonic(), 0
    while (left := end - time.monotonic()) > 0:
        if not select.select([sock], [], [], left)[0]:
            break
        part = sock.recv(262144)
        if not part:
            break
        now = time.monotonic()
        got, gap, last = got + len(part), max(gap, now - last), now
    return {'bytes': got, 'gap_ms': round(1000 * max(gap, time.monotonic() - last))}


def up(sock, end):
    sock.setblocking(False)
    while True:
        left = end + 60 - time.monotonic()
        readable, writable, _ = select.select([sock], [sock], [], max(left, 0))
        if readable or not writable:
            break
        try:
            sock.send(BLOCK)
        except BlockingIOError:
            pass
    sock.setblocking(True)
    told = sock.recv(64) if readable else b'0'
    return {'bytes': int(told)}


def series(kind, sock, end):
    period, question, length = SERIES[kind]
    due, sent, took, have = time.monotonic(), 0, [], 0
    begin, total = due, int((end - due) / period)
    sock.setblocking(False)
    out = b''
    while len(took) < total and time.monotonic() < end + GRACE:
        while sent < total and time.monotonic() >= begin + sent * period:
            out += BLOCK[:question]
            sent += 1
        if out:
            try:
                out = out[sock.send(out):]
            except BlockingIOError:
                pass
        wait = begin + sent * period - time.monotonic() if sent < total else 0.05
        if select.select([sock], [sock] if out else [], [], max(wait, 0))[0]:
            part = sock.recv(262144)
            if not part:
                break
            have += len(part)
            while have >= length:
                have -= length
                took.append(time.monotonic() - (begin + len(took) * period))
    answered = len(took)
    while len(took) < total:
        took.append(end + GRACE - (begin + len(took) * period))
    return {'answered': answered, 'asked': total,
            'times': [[round(begin + i * period, 3), round(1000 * t, 2)] for i, t in enumerate(took)]}


def client(kind, where, seconds):
    began = time.monotonic()
    result = {}
    if kind == 'both':
        bulk = open_as('down', where, seconds)
        thread = threading.Thread(target=lambda: result.update(down(bulk, began + seconds)))
        thread.start()
    sock = open_as('echo' if kind == 'both' else kind, where, seconds)
    if kind in ('down', 'up'):
        result = globals()[kind](sock, began + seconds)
    else:
        result.update(series('echo' if kind == 'both' else kind, sock, began + seconds))
    if kind == 'both':
        thread.join()
    print(json.dumps({'began': began, **result}), flush=True)
    os._exit(0)  # what is still under way is of no interest


def main(arguments):
    if len(arguments) == 3 and arguments[0] == 'serve':
        serve(arguments[1], int(arguments[2]))
    elif len(arguments) == 4 and arguments[0] in ('down', 'up', 'both', *SERIES):
        client(arguments[0], (arguments[1], int(arguments[2])), float(arguments[3]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
