# SPDX-License-Identifier: MIT
"""Connections whose programs want to know when the peer is gone: dead_peer.py server PORT, and
dead_peer.py client HOST PORT. Both ends have two that ask; each says what it is told: NAME ERROR
SECONDS, counted from SIGUSR1."""
import errno
import signal
import socket
import sys
import threading
import time

TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT = 4, 5, 6, 18
cut = threading.Event()
begin = 0.0


def on_signal(*_):
    global begin
    begin = time.time()
    cut.set()


def ask_for(conn, kind):
    if kind == "keepalive":
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        conn.setsockopt(socket.IPPROTO_TCP, TCP_KEEPIDLE, 2)
        conn.setsockopt(socket.IPPROTO_TCP, TCP_KEEPINTVL, 1)
        conn.setsockopt(socket.IPPROTO_TCP, TCP_KEEPCNT, 3)
    else:
        conn.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 3000)


def watch(conn, kind, name):
    try:
        if kind == "patience":
            cut.wait(60)
            conn.sendall(b"is anybody there?")
        conn.settimeout(30)
        what = "data" if conn.recv(1) else "end"
    except OSError as error:
        what = errno.errorcode.get(error.errno, "nothing")
    # What comes before the signal counts as at once.
    print(name, what, "%.1f" % (time.time() - begin if begin else 0), flush=True)


signal.signal(signal.SIGUSR1, on_signal)
threads, kept = [], []
if sys.argv[1] == "server":
    listener = socket.create_server(("0.0.0.0", int(sys.argv[2])))
for asker in ("client", "server"):
    for kind in ("keepalive", "patience"):
        if sys.argv[1] == "server":
            conn, _ = listener.accept()
        else:
            conn = socket.socket()
            if asker == "client":
                ask_for(conn, kind)  # before there is a connection
            conn.connect((sys.argv[2], int(sys.argv[3])))
        if sys.argv[1] == asker == "server":
            ask_for(conn, kind)
        conn.sendall(b"x" * 20000)  # there is something to join for
        left = 20000
        while left:
            left -= len(conn.recv(left))
        kept.append(conn)
        if sys.argv[1] == asker:
            name = kind + ("-server" if asker == "server" else "")
            threads.append(threading.Thread(target=watch, args=(conn, kind, name)))
            threads[-1].start()
print("ready", flush=True)
for thread in threads:
    thread.join()
