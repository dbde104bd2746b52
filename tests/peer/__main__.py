# SPDX-License-Identifier: MIT
"""A client or a server for the command line, whose application is exchange.py:

    python3 -m peer server ADDRESS PORT [option...]
    python3 -m peer client ADDRESS PORT [option...]

Either end may announce further addresses (--announce), and join from further ones of its own (--join)
to those that the other end has announced, pair by pair, again and again while the connection lives.
The last line is JSON: the members of exchange.py, the
hash in force, and what happened."""
import argparse
import asyncio
import itertools
import json
import sys

from . import exchange
from .connection import Config
from .host import Host, Plain
from .opening import Foreign, Refused
from .reasons import Breach

JOIN_AGAIN_SECONDS = 0.3
FAILURES = Plain, Foreign, Refused, Breach, OSError, asyncio.TimeoutError


def arguments():
    parser = argparse.ArgumentParser(prog="peer")
    parser.add_argument("role", choices=("client", "server"))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--until", default="1000000", help="BYTES or FILE, as in exchange.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", action="store_true", help="close before the other end")
    parser.add_argument("--early", type=int, default=0, help="bytes right behind HELLO")
    parser.add_argument("--hashes", default="2,1", help="numbers of HMAC_ALGS, by preference")
    parser.add_argument("--psk", default="", help="IDENTITY:KEY(hex)")
    parser.add_argument("--integrity", choices=("control", "full"), default="full")
    parser.add_argument("--join", default=[], type=addresses, help="ADDRESS,...: join from these")
    parser.add_argument("--announce", default=[], type=addresses, help="ADDRESS,...")
    parser.add_argument("--join-port", type=int, default=0, help="where joins may come")
    parser.add_argument("--claim", default=[], type=addresses,
                        help="ADDRESS/PORT,...: announce these, whoever has them")
    parser.add_argument("--timeout", type=float, default=15)
    parser.add_argument("--off", default="", help="checks that are not made: see __init__.py")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def addresses(text):
    return [address for address in text.split(",") if address]


def config_of(args):
    psk = None
    if args.psk:
        identity, key = args.psk.split(":")
        psk = identity.encode(), bytes.fromhex(key)
    return Config(algorithms=tuple(map(int, args.hashes.split(","))), psk=psk,
                  psks=dict([psk] if psk else []), require_psk=bool(psk),
                  full=args.integrity == "full", off=frozenset(args.off.split(",")),
                  log=(lambda text: print(text, file=sys.stderr)) if args.verbose else None)


async def keep_joined(host, connection, local):
    """A subflow from each further address to the next address that the peer has announced."""
    joined = {}

    async def join(address, announced):
        number, (remote, port) = announced
        if joined.get((address, number)) in connection.subflows.values():
            return
        try:
            joined[address, number] = await host.join(
                connection, (remote, port or connection.first_remote[1]), address, number)
        except FAILURES as error:
            connection.tell("join failed", repr(error))

    while not connection.closed.is_set():
        announced = sorted((number, to) for number, to in connection.announced.items()
                           if to[0] != connection.first_remote[0])
        pairs = zip(local, announced) if "claims" not in host.config.off else \
            itertools.product(local, announced)
        await asyncio.gather(*[join(*pair) for pair in pairs])
        await asyncio.sleep(JOIN_AGAIN_SECONDS)


async def serve(host, args):
    accepted = asyncio.get_event_loop().create_future()
    host.listen((args.address, args.port),
                lambda c: accepted.done() or accepted.set_result(c))
    print("listening", flush=True)
    return await accepted


async def run(args):
    host, sums = Host(config_of(args)), exchange.Sums()
    until = int(args.until) if args.until.isdigit() else args.until
    ports = [host.listen_joins((address, args.join_port))[1] for address in args.announce]
    if args.role == "server":
        connection = await serve(host, args)
    else:
        early = exchange.data(args.seed, args.early)
        connection = await host.connect_marked((args.address, args.port), early=early)
    for address, port in zip(args.announce, ports):
        connection.announce(address, port)
    for number, claim in enumerate(args.claim):
        address, port = claim.split("/")
        connection.announce(address, int(port), number=number + 1)
    joining = asyncio.ensure_future(keep_joined(host, connection, args.join))
    try:
        await asyncio.wait_for(exchange.over(connection, until, args.seed, args.first, args.early,
                                             sums), args.timeout)
    except (OSError, asyncio.TimeoutError) as error:
        sums.error = repr(error)
    joining.cancel()
    return dict(sums.result(), algorithm=connection.secrets.algorithm, events=connection.events)


def main():
    args = arguments()
    try:
        result = asyncio.run(asyncio.wait_for(run(args), args.timeout + 10))
    except FAILURES as error:
        result = {"sent": None, "received": None, "error": repr(error), "events": []}
    print(json.dumps(result, default=repr), flush=True)


if __name__ == "__main__":
    main()
