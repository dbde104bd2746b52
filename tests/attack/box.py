# SPDX-License-Identifier: MIT
"""A box on one path: it ends each TCP connection that goes through it, makes it anew from the same
address to the same address, with the same marks, and has every message and every frame in its hands.

A tamper (class Tamper) decides what comes out of them. What it does not touch goes through as it
came. The box knows what an attacker knows: all that it sees, and the protocol."""
import asyncio
import socket
import struct

from peer import frames, marks, opening
from peer.crc import crc32c

CLIENT_TO_SERVER, SERVER_TO_CLIENT = 0, 1
TABLE = 100
IP_TRANSPARENT = 19


class Tamper:
    """What a man in the middle does. Each method gets what came in one direction of a connection, and
    returns the bytes that go on."""
    rewrites_source = False  # connections go on from the box's own address, as from a NAT

    def message(self, flow, direction, message):
        """An opening message, peer.opening.Message."""
        return message.raw

    def frame(self, flow, direction, raw):
        """A whole frame."""
        return raw

    def details(self):
        """For who wants to know why it succeeded."""
        return ""

    async def admit(self, is_join):
        """A connection has come; it is made anew to its server when this returns."""


class Flow:
    """One TCP connection through the box: two sockets, `ends[0]` towards its client."""

    def __init__(self, box, client, server, is_join):
        self.box, self.is_join = box, is_join
        self.ends = client, server  # (reader, writer)
        self.counts = [0, 0]  # frames that came, by direction
        self.plain = False
        self.closed = asyncio.Event()

    def inject(self, direction, raw):
        """Bytes of the box's own, between two frames."""
        self.ends[1 - direction][1].write(raw)

    def cut(self):
        for _, writer in self.ends:
            if not writer.transport.is_closing():
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def relay(self, direction):
        reader, writer = self.ends[direction][0], self.ends[1 - direction][1]
        try:
            messages = 2 if self.is_join and direction == CLIENT_TO_SERVER else 1
            for _ in range(messages):
                message = await self._message(reader)
                writer.write(self.box.tamper.message(self, direction, message))
            while True:
                raw = await self._frame(reader)
                self.counts[direction] += 1
                writer.write(self.box.tamper.frame(self, direction, raw))
                await writer.drain()
        except asyncio.IncompleteReadError as error:
            try:
                writer.write(error.partial)
                writer.write_eof()
            except (OSError, RuntimeError):
                self.cut()
        except opening.Foreign as foreign:
            await self._relay_plain(reader, writer, foreign.args[0])
        except (OSError, RuntimeError):
            self.cut()
        self.closed.set()

    async def _relay_plain(self, reader, writer, raw):
        self.plain = True
        try:
            while raw:
                writer.write(raw)
                await writer.drain()
                raw = await reader.read(65536)
            writer.write_eof()
        except (OSError, RuntimeError):
            self.cut()

    @staticmethod
    async def _message(reader):
        raw = await reader.readexactly(12)
        if raw[:8] != opening.MAGIC:
            raise opening.Foreign(raw)
        raw += await reader.readexactly(int.from_bytes(raw[10:12], "big") - 12)
        return opening.parse(raw)

    @staticmethod
    async def _frame(reader):
        prefix = await reader.readexactly(frames.PREFIX_BYTES)
        return prefix + await reader.readexactly(int.from_bytes(prefix[2:4], "big"))


class Box:
    """Runs in the namespace `space`, which forwards between two devices. `joins`: ports of agents;
    connections to other ports are first subflows."""

    def __init__(self, space, devices, ports, joins=()):
        self.space, self.tamper, self.flows = space, Tamper(), []
        self.devices = devices
        for device in devices:
            for port in ports:
                for way in "sport", "dport":
                    space.run("ip rule add iif %s ipproto tcp %s %d lookup %d" % (
                        device, way, port, TABLE))
        space.run("ip route replace local default dev lo table %d" % TABLE)
        with space.here():
            self.listeners = [(port, port in joins, self._listener(port, port in joins))
                              for port in ports]
        self.tasks = [asyncio.ensure_future(self._accept(*what)) for what in self.listeners]

    def close(self):
        """From now on the box only forwards."""
        for task in self.tasks:
            task.cancel()
        for _, _, listener in self.listeners:
            listener.close()
        for flow in self.flows:
            flow.cut()
        self.space.run("while ip rule del lookup %d 2>/dev/null; do :; done" % TABLE)

    @staticmethod
    def _listener(port, is_join):
        listener = socket.socket()
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        marks.mark_agent(listener) if is_join else marks.mark_listen(listener)
        listener.setsockopt(socket.IPPROTO_TCP, marks.TCP_SAVE_SYN, 1)
        listener.bind(("0.0.0.0", port))
        listener.listen(64)
        return listener

    async def _accept(self, _port, _is_join, listener):
        while True:
            sock, client = await asyncio.get_event_loop().sock_accept(listener)
            asyncio.ensure_future(self._pass_on(sock, client))

    def dial(self, server, client=None, join=False):
        """A socket of the box's own towards a host, from somebody's address."""
        with self.space.here():
            sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        marks.mark_join(sock) if join else marks.mark_connect(sock)
        if client:
            sock.bind(client)
        return sock

    async def _pass_on(self, sock, client):
        is_join = marks.has_join(sock)
        server = sock.getsockname()
        await self.tamper.admit(is_join)
        onward = self.dial(server, None if self.tamper.rewrites_source else client, is_join)
        try:
            await asyncio.wait_for(asyncio.get_event_loop().sock_connect(onward, server), 5)
        except (OSError, asyncio.TimeoutError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            return
        flow = Flow(self, await asyncio.open_connection(sock=sock),
                    await asyncio.open_connection(sock=onward), is_join)
        self.flows.append(flow)
        await asyncio.gather(flow.relay(CLIENT_TO_SERVER), flow.relay(SERVER_TO_CLIENT))
        for _, writer in flow.ends:
            writer.close()


def forged(kind, flags=0, payload=b"", mac=bytes(16), **fields):
    """A frame as one makes it who has no key: its CRC is right, its MAC is a guess."""
    fixed = frames.fixed_part(frames.Frame(kind, flags, payload, **fields))
    length = len(fixed) + len(mac) + len(payload)
    return frames.head_with_crc(kind, flags, length, fixed) + mac + payload


def with_head(raw, size, change):
    """A frame with its fixed part changed by a function, and its CRC put right; its MAC stays."""
    fixed = change(bytearray(raw[8:8 + size]))
    crc = crc32c(raw[:4] + bytes(4) + fixed).to_bytes(4, "big")
    return raw[:4] + crc + bytes(fixed) + raw[8 + size:]
