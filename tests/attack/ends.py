# SPDX-License-Identifier: MIT
"""The victims: two hosts with two paths between them (peer.world.Paths), the first subflow on path 1,
joins on path 2, and on each host either the real agent with a program, or the peer in Python. On
either path the box may be an attacker's."""
import asyncio
import itertools
import json
import os
import subprocess
import sys

from attack.box import Box
from peer import exchange, world

SERVER, CLIENT_2, SERVER_2 = world.server(1), world.client(2), world.server(2)
PORTS = itertools.count(7000, 10)
WAIT_SECONDS = 12


class Victims:
    """A connection between the hosts, and a second one by the same agents, at the next port, which the
    attacker leaves alone. kind: "agents" or "peers". options: of `mptcpshim run`, or of the peer in
    Python. hostile: options of a server in Python that is the attacker itself."""

    def __init__(self, hosts, kind, paths, tamper, off="", options=(), hostile=()):
        self.hosts, self.kind, self.off, self.options = hosts, kind, off, options
        self.hostile = hostile
        self.port = next(PORTS)
        self.stop = os.path.join(hosts.tmp, "stop.%d" % self.port)
        self.carried = {path: hosts.carried(path) for path in (1, 2)}
        devices = [end + str(path) for path in paths for end in "cs"]
        self.box = Box(hosts.box, devices, [self.port, self.port + 2], [self.port + 2])
        self.box.tamper = tamper
        tamper.victims = self
        self.processes = []

    def both_paths(self):
        """Both have brought data of this connection."""
        return all(self.hosts.carried(path) - before > 2 * exchange.BLOCK
                   for path, before in self.carried.items())

    def ended(self):
        return any(process.poll() is not None for process in self.processes)

    def _command(self, role):
        if self.kind == "agents" and not (self.hostile and role == "server"):
            return [world.MPTCPSHIM, "run", "--join-port", str(self.port + 2),
                    "--scheduler", "roundrobin", *self.options, "--",
                    sys.executable, os.path.join(world.HERE, "exchange.py"), role,
                    world.ANY if role == "server" else SERVER,
                    str(self.port) if self.hostile else "%d,%d" % (self.port, self.port + 1), str("cs".index(role[0])),
                    "first" if role == "client" else "last", self.stop, "reuseport"]
        local = ["--join", CLIENT_2] if role == "client" else \
            ["--announce", SERVER_2, "--join-port", str(self.port + 2)]
        if self.hostile:
            local = ["--join", CLIENT_2] if role == "client" else self.hostile
        return world.python("peer", role, SERVER, self.port, *local, "--until", self.stop,
                            "--seed", "cs".index(role[0]), "--off", self.off, "--timeout", 7,
                            *(["--first"] if role == "client" else []), *self.options)

    async def start(self):
        for role, space in (("server", self.hosts.server), ("client", self.hosts.client)):
            process = space.start(self._command(role), env=world.environment(),
                                  stderr=None if "ATTACK_VERBOSE" in os.environ else subprocess.DEVNULL)
            self.processes.append(process)
            if role == "server":
                other = self.kind == "agents" and not self.hostile
                await world.listening(self.hosts.server, process, self.port, *[self.port + 1] * other)
        return self

    async def finish(self):
        """The results of the victims: whether both streams arrived whole, and those of the other
        connection."""
        open(self.stop, "w").close()
        lines = [await self._lines(process) for process in self.processes]
        self.box.close()
        try:
            results = [[json.loads(line) for line in out] for out in lines]
            self.told = [r.get("events", []) for r in (results[0][-1], results[1][-1])]
            self.whole = exchange.whole(results[0][0], results[1][0])
            self.other_whole = self.kind == "peers" or bool(self.hostile) or exchange.whole(results[0][1], results[1][1])
            self.received = [r[0].get("bytes", 0) for r in results]
        except (ValueError, IndexError):
            self.told, self.whole, self.other_whole, self.received = [[], []], False, False, [0, 0]
        return self

    @staticmethod
    async def _lines(process):
        try:
            out, _ = await asyncio.wait_for(asyncio.to_thread(process.communicate), WAIT_SECONDS * 2)
        except asyncio.TimeoutError:
            process.kill()
            return []
        return out.splitlines()

    def status(self, space):
        """Of the agents of a host."""
        out = space.run("%s status --json" % world.MPTCPSHIM)
        return json.loads(out or "[]")
