#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: attack.py [--json FILE] [--only WORD] [--peers]: plays each attack on two agents, and its
control on two peers in Python whose defence is left out. TAP, and a table: attack, threats,
tries, successes, whether anything happened to other connections, and whether the control succeeded."""
import argparse
import asyncio
import json
import os
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), up) for up in ("..", "../lib")]
from tap import own_host, plan, point  # noqa: E402

own_host("nm")

from attack import claims, handshakes, joins, plays  # noqa: E402
from attack.box import CLIENT_TO_SERVER, SERVER_TO_CLIENT  # noqa: E402
from attack.ends import Victims  # noqa: E402
from peer import world  # noqa: E402
from peer.world import Paths  # noqa: E402

WAYS = {CLIENT_TO_SERVER: "to the server", SERVER_TO_CLIENT: "to the client"}
AT_ONCE = 4


async def strike(hosts, make, path, kind, off="", options=()):
    tamper = make()
    victims = await Victims(hosts, kind, tamper.paths or (path,), tamper, off, options,
                            tamper.hostile).start()
    await tamper.attack()
    await victims.finish()
    return tamper


async def one(hosts, make, path, name, args):
    """A row of the table."""
    began = time.monotonic()
    kind = "peers" if args.peers else "agents"
    attack = await strike(hosts, make, path, kind, options=make().options.get(kind, ()))
    control = await strike(hosts, make, path, "peers", attack.off, attack.control_options)
    row = {"attack": name, "threats": attack.threats, "tries": attack.tries,
           "successes": int(attack.succeeded()), "others": attack.victims.other_whole,
           "control": bool(control.tries and control.succeeded()),
           "seconds": round(time.monotonic() - began, 1)}
    details = [json.dumps(row), attack.details()] + [str(t.victims.told)[:1500] for t in (attack, control)]
    return row, bool(row["tries"] and not row["successes"] and row["others"] and row["control"]), details


def programme():
    """(what makes the attacker, path, name), the longest first: each attack on frames in one
    direction, on one path; directions and paths take turns."""
    for play in handshakes.PLAYS + joins.PLAYS + claims.PLAYS:
        yield play, 1, play.name
    for number, play in enumerate(plays.PLAYS):
        way, path = number % 2, play.paths[-1] if play.paths else number // 2 % 2 + 1
        yield (lambda play=play, way=way: play(way)), path, "%s, %s on path %d" % (
            play.name, WAYS[way], path)


async def run(args):
    todo = [what for what in programme() if not args.only or args.only in what[2]]
    rows = []

    async def work():
        hosts = Paths(2)
        while todo:
            make, path, name = todo.pop(0)
            row, good, details = await one(hosts, make, path, name, args)
            rows.append(row)
            point(good, row["attack"], *details)
        hosts.close()

    await asyncio.gather(*[work() for _ in range(AT_ONCE)])
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--only")
    parser.add_argument("--peers", action="store_true", help="attack peers in Python, not agents")
    args = parser.parse_args()
    rows = asyncio.run(run(args))
    plan()
    for row in rows:
        print("# %-66s %-9s tries %d, successes %d, others %s, control %s (%s s)" % (
            row["attack"], row["threats"], row["tries"], row["successes"],
            "unharmed" if row["others"] else "HARMED", "works" if row["control"] else "FAILS",
            row["seconds"]))
    if args.json:
        with open(args.json, "w") as out:
            json.dump(rows, out, indent=1)


if __name__ == "__main__":
    main()
