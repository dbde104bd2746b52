# SPDX-License-Identifier: MIT
"""A hostile server that names addresses of others, so that its client connects to them, or sends them
bytes. Its control has a client that tries all that is named, and does not look for the mark.

All of 203.0.113.0/24 leads to the box, where every SYN is counted and one port listens."""
import asyncio
import socket
import struct
import time

from attack.handshakes import Handshake
from peer.world import until

NETWORK, PORT = "203.0.113.0/24", 9
NAMED, SECONDS = 200, 3
# What a client may send to addresses that only a peer has named: 16 at once, and one each 2 seconds;
# there is some slack for SYNs that TCP repeats.
AT_ONCE, EACH, SLACK = 16, 2, 4


class Claims(Handshake):
    paths, off = (), "claims,agent-mark"
    syns = got = 0

    async def attack(self):
        hosts = self.victims.hosts
        with hosts.box.here():
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
            listener = socket.socket()
        raw.setblocking(False)
        listener.setblocking(False)
        listener.bind(("0.0.0.0", PORT))
        listener.listen(64)
        tasks = [asyncio.ensure_future(self.count(raw)), asyncio.ensure_future(self.accept(listener))]
        began = time.monotonic()
        await until(lambda: self.syns > 0)
        await until(lambda: self.syns > NAMED // 2, SECONDS)
        self.bound = AT_ONCE + (time.monotonic() - began) / EACH + SLACK
        for task in tasks:
            task.cancel()
        raw.close()
        listener.close()
        self.tries = NAMED

    async def count(self, raw):
        loop = asyncio.get_event_loop()
        while True:
            packet = await loop.sock_recv(raw, 2048)
            header = (packet[0] & 15) * 4
            flags = packet[header + 13]
            self.syns += packet[16:19] == bytes((203, 0, 113)) and flags & 0x12 == 2

    async def accept(self, listener):
        loop = asyncio.get_event_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            asyncio.ensure_future(self.read(sock))

    async def read(self, sock):
        try:
            self.got += len(await asyncio.get_event_loop().sock_recv(sock, 2048))
        except OSError:
            pass
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def details(self):
        return "%d SYNs, %d bytes" % (self.syns, self.got)

    def succeeded(self):
        return self.syns > self.bound or self.got > 0


class ManyAddresses(Claims):
    name, threats = "a server names 200 addresses of others", "T1 T2"
    hostile = ("--claim", ",".join("203.0.113.%d/%d" % (i + 1, PORT) for i in range(NAMED)))


class ManyPorts(Claims):
    name, threats = "a server names 200 ports of one address", "T2"
    hostile = ("--claim", ",".join("203.0.113.7/%d" % (PORT + i) for i in range(NAMED)))


PLAYS = [ManyAddresses, ManyPorts]
