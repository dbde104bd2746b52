# SPDX-License-Identifier: MIT
"""STATES of a subflow: one TCP connection behind its opening messages. It turns frames into bytes
and back, and tells the connection how it ended."""
import asyncio
import os
import socket
import struct
import time

from . import frames
from .frames import Frame
from .reasons import Breach

BYTES_AHEAD = 65536  # in this process and, about, in the socket: control frames wait behind them
CLOSING_SECONDS = 5


class Subflow:
    def __init__(self, connection, number, reader, writer, *, send_key=None, receive_key=None,
                 local_id=0, remote_id=0, backup=False):
        self.connection, self.id, self.reader, self.writer = connection, number, reader, writer
        self.sealer = send_key and frames.Sealer(send_key)
        self.opener = receive_key and frames.Sealer(receive_key)
        self.early_opener = None  # of a server until FINISHED: K-early
        self.held = False  # HELLO said that there is no early data
        self.early = None  # bytes behind HELLO before FINISHED: the client's, or the server's view
        self.local_id, self.remote_id = local_id, remote_id
        self.backup = backup  # the peer asks for data here only while no other subflow can carry it
        self.state = "active"  # then closing, dead
        self.stale = False
        self.full = False  # no room for the next run
        self.taken = 0  # bytes that it was given: subflows with room take turns
        self.heard = time.monotonic()
        self.pings = {}  # opaque: future
        self.wake = asyncio.Event()  # there may be something to send
        self.tasks = []
        writer.transport.set_write_buffer_limits(BYTES_AHEAD)
        sock = writer.get_extra_info("socket")
        self.local, self.remote = sock.getsockname(), sock.getpeername()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * BYTES_AHEAD)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __repr__(self):
        return "subflow %d %s-%s" % (self.id, self.local[:2], self.remote[:2])

    # ---- frames out ----

    def send(self, frame):
        if self.state != "active" or self.writer.is_closing():
            return
        raw = frames.encode(frame, self.sealer)
        if self.early is not None and self.connection.is_client:
            self.early += raw
        self.writer.write(raw)

    def start(self):
        self.tasks = [asyncio.ensure_future(t) for t in (self._read(), self._pump())]

    async def _pump(self):
        """New and lost runs, whenever there is room."""
        while self.state == "active":
            run = self.connection.next_run(self)
            if run is None:
                self.wake.clear()
                await self.wake.wait()
                continue
            self.send(run)
            self.full = True
            try:
                await self.writer.drain()
            except ConnectionError:
                return  # _read sees it, too
            self.full = False
            await asyncio.sleep(0)  # the other subflows' turn

    # ---- frames in ----

    def _opener_of(self, kind):
        if self.early_opener is not None and kind != frames.FINISHED:
            return self.early_opener
        return self.opener

    async def _read(self):
        connection = self.connection
        try:
            while True:
                frame = await frames.receive(self.reader, self._opener_of, connection.config.off)
                self.heard = time.monotonic()
                self.stale = False
                if self.early_opener is not None and frame.type != frames.FINISHED:
                    self.early += frame.raw
                connection.on_frame(self, frame)
        except frames.WrongPayload as wrong:
            connection.on_wrong_payload(self, wrong.dsn)
            await self._ignore_the_rest()
        except Breach as breach:
            connection.on_breach(self, breach)
            await self._ignore_the_rest()
        except asyncio.IncompleteReadError:
            self.ended("FIN")
        except OSError as error:
            self.ended(str(error))

    async def _ignore_the_rest(self):
        try:
            while await self.reader.read(65536):
                pass
        except OSError:
            pass
        self.ended("FIN")

    # ---- the end ----

    def ended(self, why):
        """TCP ended, by FIN or RST."""
        if self.state == "dead":
            return
        was, self.state = self.state, "dead"
        self.wake.set()
        if self.writer.transport is not None:
            self.writer.close()
        self.connection.on_subflow_end(self, why, was)

    def leave(self):
        """What is queued is sent, then TCP's FIN; frames are still received."""
        if self.state != "active":
            return
        self.state = "closing"
        self.wake.set()
        try:
            self.writer.write_eof()
        except OSError:
            pass
        self.tasks.append(asyncio.ensure_future(self._wait_for_fin()))

    async def _wait_for_fin(self):
        await asyncio.sleep(CLOSING_SECONDS)
        self.ended("no FIN came")

    def reset(self):
        if self.state == "dead":
            return
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.ended("reset here")

    async def ping(self):
        """Returns when the PONG has come."""
        opaque = os.urandom(4)
        self.pings[opaque] = asyncio.get_event_loop().create_future()
        self.send(Frame(frames.PING, zero=0, opaque=opaque))
        await self.pings[opaque]
