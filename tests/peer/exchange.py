# SPDX-License-Identifier: MIT
"""An application: each side sends bytes that its seed determines, and reads to the end of the stream.
The side that closes first ends its stream as soon as it has sent all, the other one only when it has
read all. Used on a Connection, and (as a program) on a plain socket under the shim:

    exchange.py client|server ADDRESS PORT BYTES SEED first|last [BIND]

which prints the SHA-256 of what came. The peer's bytes are those of seed + 1."""
import asyncio
import hashlib
import random
import socket
import sys
import threading

BLOCK = 32768


def data(seed, size):
    return random.Random(seed).randbytes(size)


def sum_of(seed, size):
    return hashlib.sha256(data(seed, size)).hexdigest()


async def over(connection, size, seed, first, skip=0):
    """Returns the SHA-256 of what came; skip: bytes that were sent already as early data."""
    digest, ended = hashlib.sha256(), asyncio.Event()

    async def receive():
        try:
            while block := await connection.read(BLOCK):
                digest.update(block)
        finally:
            ended.set()

    receiving = asyncio.ensure_future(receive())
    content = data(seed, size)
    for at in range(skip, size, BLOCK):
        await connection.write(content[at:at + BLOCK])
    if not first:
        await ended.wait()
    connection.finish()
    await receiving
    await connection.wait_closed()
    return digest.hexdigest()


def on_socket(sock, size, seed, first):
    digest = hashlib.sha256()

    def send():
        sock.sendall(data(seed, size))
        if first:
            sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    while block := sock.recv(BLOCK):
        digest.update(block)
    sender.join()
    sock.close()
    return digest.hexdigest()


def main(role, address, port, size, seed, order, bind=""):
    if role == "server":
        listener = socket.create_server((address, int(port)))
        sock, _ = listener.accept()
        listener.close()
    else:
        sock = socket.create_connection((address, int(port)), timeout=20,
                                        source_address=(bind, 0) if bind else None)
        sock.settimeout(None)
    print(on_socket(sock, int(size), int(seed), order == "first"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
