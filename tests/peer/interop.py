#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: interop.py [--all] [--only WORD] [--peers]: the second implementation with agents, in both
roles, over up to three paths. Without --all only so many cases that each pair of values comes in
one of them. The application's bytes are checked at both ends, and what had to happen has to have
happened. TAP."""
import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), up) for up in ("..", "../lib")]
from tap import own_host, plan, point  # noqa: E402

own_host("nm")

from peer import exchange, world  # noqa: E402
from peer.world import Paths, until  # noqa: E402

AXES = {"agent": ("client", "server"), "hash": ("1", "2", "1,2", "2,1"), "psk": (False, True),
        "integrity": ("control", "full"), "subflows": (1, 2, 3), "joins": ("program's", "agent's"),
        "first": ("agent", "peer"), "lost": (None, 1, 2), "early": (0, 20000)}
PSK = "us", "5a" * 32
AT_ONCE, ENOUGH = 4, 4 * exchange.BLOCK
PORTS = itertools.count(7000, 10)


def possible(case):
    """A path can be lost only beside another one; data right behind HELLO is a client's, and so are
    the joins of an agent: it does not join as a server. The peer takes joins at a port of its own."""
    return (case["lost"] or 0) <= case["subflows"] and not (case["lost"] and case["subflows"] == 1) \
        and not (case["agent"] == "client" and (case["early"] or case["joins"] == "program's"))


def all_cases():
    return [case for values in itertools.product(*AXES.values())
            if possible(case := dict(zip(AXES, values)))]


def pairwise():
    """Greedy: the case that has most pairs of values that no case before had."""
    def pairs(case):
        return set(itertools.combinations(sorted((k, repr(v)) for k, v in case.items()), 2))
    candidates = all_cases()
    missing = set().union(*map(pairs, candidates))
    while missing:
        best = max(candidates, key=lambda case: len(pairs(case) & missing))
        missing -= pairs(best)
        yield best


class Case:
    def __init__(self, paths, case, peers):
        self.paths, self.case, self.peers = paths, case, peers
        self.port = next(PORTS)
        self.stop = os.path.join(paths.tmp, "stop.%d" % self.port)
        self.before = [paths.carried(i) for i in range(1, 4)]

    def carried(self, path):
        """Since the begin of the case, each way."""
        return self.paths.carried(path) - self.before[path - 1]

    def peer_words(self, role, plays="peer"):
        """plays: whose part."""
        case, further = self.case, range(2, self.case["subflows"] + 1)
        mine = getattr(world, role)
        words = [role, world.server(1), self.port, "--until", self.stop, "--seed", int(role == "client"),
                 "--hashes", case["hash"], "--integrity", case["integrity"],
                 "--join-port", self.port + (1 if role == "client" else 2)]
        words += ["--first"] if case["first"] == plays else []
        words += ["--psk", ":".join(PSK)] if case["psk"] else []
        words += ["--early", case["early"]] if role == "client" else []
        words += ["--join" if role == "client" else "--announce",
                  ",".join(mine(i) for i in further)] if case["subflows"] > 1 else []
        return world.python("peer", *words)

    def agent_words(self, role):
        case = self.case
        if self.peers:
            return self.peer_words(role, "agent")
        words = [world.MPTCPSHIM, "run", "--scheduler", "roundrobin",
                 "--integrity", case["integrity"], "--join-port", str(self.port + 2),
                 "--local", ",".join(getattr(world, role)(i) for i in range(1, case["subflows"] + 1))]
        if case["psk"]:
            file = os.path.join(self.paths.tmp, "psk")
            with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
                out.write(" ".join(PSK) + "\n")
            words += ["--psk", file]
        return words + ["--", sys.executable, os.path.join(world.HERE, "exchange.py"), role,
                        world.server(1), str(self.port), "0",
                        "first" if case["first"] == "agent" else "last", self.stop,
                        "reuseport" if case["joins"] == "agent's" else ""]

    async def run(self):
        """(whether all is right, details)."""
        agent = self.case["agent"]
        words = {role: self.agent_words(role) if role == agent else self.peer_words(role)
                 for role in ("server", "client")}
        processes = {}
        for role in ("server", "client"):
            processes[role] = getattr(self.paths, role).start(
                words[role], env=world.environment(),
                stderr=None if "PEER_VERBOSE" in os.environ else subprocess.DEVNULL)
            if role == "server":
                await world.listening(self.paths.server, processes[role], self.port)
        used = range(1, self.case["subflows"] + 1)
        carried = await until(lambda: all(self.carried(i) > ENOUGH for i in used))
        if carried and self.case["lost"]:
            carried = await self.lose()
        open(self.stop, "w").close()
        results = []
        for process in processes.values():
            out = await asyncio.wait_for(asyncio.to_thread(process.communicate), 40)
            results.append(json.loads((out[0].splitlines() or ["{}"])[-1]))
        self.paths.mend()
        good = carried and exchange.whole(*results) and results[0]["bytes"] > 0
        return good, [" ".join(map(str, words[r])) for r in words] + [
            "carried: %s %s" % (carried, [self.carried(i) for i in (1, 2, 3)]), json.dumps(results)]

    async def lose(self):
        """Both streams go on over another path, whatever the lost one held."""
        self.paths.cut(self.case["lost"])
        rest = [i for i in range(1, self.case["subflows"] + 1) if i != self.case["lost"]]
        marks = [self.carried(i) for i in rest]
        return await until(lambda: sum(map(self.carried, rest)) - sum(marks) > 8 * ENOUGH)


def name_of(case):
    return "agent is %s, hash %s, %spsk, %s, %d subflows, joins at the %s port, %s closes first%s%s" % (
        case["agent"], case["hash"], "" if case["psk"] else "no ", case["integrity"],
        case["subflows"], case["joins"], case["first"],
        ", path %d lost" % case["lost"] if case["lost"] else "", ", early data" if case["early"] else "")


async def run(args):
    cases = all_cases() if args.all else list(pairwise())
    cases = [case for case in cases if not args.only or args.only in name_of(case)]

    async def work():
        paths = Paths(3)
        while cases:
            case = cases.pop(0)
            try:
                good, details = await Case(paths, case, args.peers).run()
            except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
                good, details = False, [repr(error)]
            point(good, name_of(case), *details)
        paths.close()

    await asyncio.gather(*[work() for _ in range(AT_ONCE)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--peers", action="store_true", help="peers in Python in place of agents")
    asyncio.run(run(parser.parse_args()))
    plan()


if __name__ == "__main__":
    main()
