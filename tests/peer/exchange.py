# SPDX-License-Identifier: MIT
"""An application: each side sends bytes that its seed determines, and reads to the end of the stream.
The side that closes first ends its stream when it has sent all, the other one only when it has read
all, too. Used on a Connection, and as a program on plain sockets, for the shim:

    exchange.py client|server ADDRESS PORT,... SEED first|last BYTES|FILE [reuseport]

with a connection for each port. BYTES is how much is sent; with a FILE, blocks are sent at leisure
until it exists. With reuseport a server shares its ports, so that its agent takes joins elsewhere. A
line of JSON tells for each connection, in the order of ports, the SHA-256 of what
was sent and of what came, and an error."""
import asyncio
import hashlib
import json
import os
import random
import socket
import sys
import threading
import time

BLOCK, LEAST = 16384, 4  # bytes; blocks
PAUSE, LONGEST = 0.01, 30  # seconds


def blocks(seed, until):
    """Endless, or so many bytes: until is a number, or the name of a file."""
    source, end = random.Random(seed), time.monotonic() + LONGEST
    if isinstance(until, int):
        for at in range(0, until, BLOCK):
            yield source.randbytes(BLOCK)[:until - at]
        return
    sent = 0
    while sent < LEAST or not os.path.exists(until) and time.monotonic() < end:
        yield source.randbytes(BLOCK)
        sent += 1


def data(seed, size):
    return b"".join(blocks(seed, size))


def sum_of(seed, size):
    return hashlib.sha256(data(seed, size)).hexdigest()


class Sums:
    def __init__(self):
        self.sent, self.received, self.error, self.bytes = hashlib.sha256(), hashlib.sha256(), None, 0

    def result(self):
        return {"sent": self.sent.hexdigest(), "received": self.received.hexdigest(),
                "bytes": self.bytes, "error": self.error}


def whole(one, other):
    """Has each of two results what the other one has sent?"""
    return not one["error"] and not other["error"] and one["sent"] == other["received"] and \
        other["sent"] == one["received"]


async def over(connection, until, seed, first, early=0, sums=None):
    """early: bytes that were sent already. The sums are in `sums`, whatever happens."""
    sums, ended = sums or Sums(), asyncio.Event()

    async def receive():
        try:
            while block := await connection.read(BLOCK):
                sums.received.update(block)
                sums.bytes += len(block)
        finally:
            ended.set()

    receiving = asyncio.ensure_future(receive())
    for block in blocks(seed, until):
        sums.sent.update(block)
        skipped, early = block[early:], max(0, early - len(block))
        await connection.write(skipped)
        if not isinstance(until, int):
            await asyncio.sleep(PAUSE)
    if not first:
        await ended.wait()
    connection.finish()
    await receiving
    await connection.wait_closed()
    return sums


def on_socket(sock, until, seed, first, sums):
    ended = threading.Event()

    def send():
        try:
            for block in blocks(seed, until):
                sums.sent.update(block)
                sock.sendall(block)
                if not isinstance(until, int):
                    time.sleep(PAUSE)
            first or ended.wait()
            sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            sums.error = repr(error)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        while block := sock.recv(BLOCK):
            sums.received.update(block)
            sums.bytes += len(block)
    except OSError as error:
        sums.error = repr(error)
    ended.set()
    sender.join()
    sock.close()


def dial(address, port):
    sock = socket.create_connection((address, port), timeout=20)
    sock.settimeout(None)
    return sock


def main(role, address, ports, seed, order, until, how=""):
    ports, until = [int(p) for p in ports.split(",")], int(until) if until.isdigit() else until
    if role == "server":
        listeners = [socket.create_server((address, port), reuse_port=how == "reuseport")
                     for port in ports]
        for listener in listeners:
            listener.settimeout(LONGEST)
        opens = [lambda listener=listener: listener.accept()[0] for listener in listeners]
    else:
        opens = [lambda port=port: dial(address, port) for port in ports]
    sums = [Sums() for _ in opens]

    def run(number):
        """A client whose first attempt failed, or was plain TCP and not to be, comes back."""
        while True:
            try:
                sock = opens[number]()
            except OSError as error:
                sums[number].error = repr(error)
                return
            on_socket(sock, until, int(seed), order == "first", sums[number])
            if role == "client" or sums[number].bytes:
                return
            sums[number] = Sums()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(opens))]
    for thread in threads:
        thread.start()
    if role == "server":
        print("listening", flush=True)
    for thread in threads:
        thread.join()
    for s in sums:
        print(json.dumps(s.result()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
