# SPDX-License-Identifier: MIT
"""Records that carry the time of their making: how old are they when they arrive?

age.py receive PORT WAYS
age.py send HOST PORT SECONDS WAY...: the ways of a program to bound what lies ahead of its data
"""
import select
import socket
import struct
import sys
import time

RECORD = 1000
SETTLED = 1.5  # seconds, until what is measured is no more the start


def receive(port, count):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen()
    for _ in range(count):
        conn, _ = listener.accept()
        way, rest, ages, begin = None, b"", [], None
        while True:
            data = conn.recv(65536)
            if not data:
                break
            now = time.time()
            rest += data
            whole = len(rest) // RECORD * RECORD
            for at in range(0, whole, RECORD):
                made, name = struct.unpack("d16s", rest[at:at + 24])
                way, begin = name.rstrip(b"\0").decode(), begin or now
                if now - begin > SETTLED:
                    ages.append(now - made)
            rest = rest[whole:]
        conn.close()
        ages.sort()
        rate = len(ages) * RECORD * 8 / 1e6 / (now - begin - SETTLED)
        print(way, "%.3f" % ages[len(ages) // 2], "%.3f" % ages[-1], "%.2f" % rate, flush=True)


def send(host, port, seconds, way):
    conn = socket.socket()
    if way == "sndbuf":
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
    if way == "lowat":
        conn.setsockopt(socket.IPPROTO_TCP, 25, 16384)  # TCP_NOTSENT_LOWAT
    conn.connect((host, port))
    end = time.time() + seconds
    while time.time() < end:
        if way == "lowat":
            select.select([], [conn], [])
        conn.sendall(struct.pack("d16s", time.time(), way.encode()).ljust(RECORD, b"x"))
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)
    conn.close()


if sys.argv[1] == "receive":
    receive(int(sys.argv[2]), int(sys.argv[3]))
else:
    for one in sys.argv[5:]:
        send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), one)
