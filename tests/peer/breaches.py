#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A peer that knows the keys and breaks one rule, on the second of two subflows: the agent closes that
subflow with the reason that the page names, and both streams go on over the other one. TAP."""
import asyncio
import json
import os
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), up) for up in ("..", "../lib")]
from tap import own_host, plan, point  # noqa: E402

own_host("nm")

from peer import exchange, frames, world  # noqa: E402
from peer.frames import Frame  # noqa: E402
from peer.host import Host  # noqa: E402
from peer.world import Paths, until  # noqa: E402

FIRST_PORT = 7000


def send(kind, flags=0, payload=b"", **fields):
    return lambda connection, subflow: subflow.send(Frame(kind, flags, payload, **fields))


def dss(**fields):
    """A DSS that tells the truth but for these fields."""
    def act(connection, subflow):
        frame = connection.dss(subflow)
        frame.__dict__.update(fields)
        subflow.send(frame)
    return act


def raw(change):
    """The next payload of the subflow, with its bytes changed."""
    def act(_connection, subflow):
        send = subflow.send

        def once(frame):
            if not frame.payload:
                send(frame)
                return
            subflow.send, frame.type = send, frames.CHECKED_DSS
            subflow.writer.write(change(bytearray(frames.encode(frame, subflow.sealer))))
        subflow.send = once
    return act


def flip(at):
    def change(data):
        data[at] ^= 1
        return data
    return change


def unknown_type(_connection, subflow):
    head = frames.head_with_crc(0x0C, 0, frames.MAC_BYTES, b"")
    subflow.writer.write(head + subflow.sealer.mac(0, head))


def long_prio(_connection, subflow):
    head = frames.head_with_crc(frames.PRIO, 0, frames.MAC_BYTES + 9, bytes(9))
    subflow.writer.write(head + subflow.sealer.mac(0, head))


def high_csn(connection, subflow):
    subflow.send(Frame(frames.PRIO, csn=connection.control_out.next + 32, subflow=2))


def beyond_credit(connection, subflow):
    frame = connection.dss(subflow, connection.out.credit + (1 << 24), b"x")
    subflow.send(frame)


BREACHES = [
    ("a DATA_ACK of what was not sent", "PROTOCOL", dss(data_ack=1 << 40)),
    ("a CTRL_ACK of what was not sent", "PROTOCOL", dss(ctrl_ack=1000)),
    ("a CSN 32 above the one expected", "PROTOCOL", high_csn),
    ("a byte beyond the credit", "TOO_MUCH_DATA", beyond_credit),
    ("a byte beyond the last DSN", "PROTOCOL", dss(dsn=2 ** 64 - 1, payload=b"x")),
    ("an unknown type", "PROTOCOL", unknown_type),
    ("a length that the table does not allow", "PROTOCOL", long_prio),
    ("a field that is not zero", "PROTOCOL", send(frames.PING, zero=1, opaque=b"ping")),
    ("FINISHED on a join", "PROTOCOL", send(frames.FINISHED, hmac=bytes(20))),
    ("a wrong CRC", "MIDDLEBOX", raw(flip(20))),
    ("a wrong MAC of a head", "BAD_MAC", raw(flip(45))),
    ("a wrong MAC of a payload", "MIDDLEBOX", raw(flip(60))),
]


async def breach(reason, act, port, stop):
    """(whether the subflow was closed with that reason and the other one lives, the exchange, what
    happened)."""
    host = Host()
    connection = await host.connect_marked((world.server(1), port))
    exchanging = asyncio.ensure_future(exchange.over(connection, stop, port, True))
    await until(lambda: any(to[0] == world.server(2) for to in connection.announced.values()))
    number, (_, at) = next((n, to) for n, to in connection.announced.items()
                           if to[0] == world.server(2))
    subflow = await host.join(connection, (world.server(2), at or port), world.client(2), number)
    await until(lambda: subflow.taken > 2 * exchange.BLOCK)
    act(connection, subflow)
    told = await until(lambda: ("subflow_close", (subflow.id, reason)) in connection.events)
    alone = await until(lambda: list(connection.subflows) == [0])
    return told and alone, exchanging, "told %s, alone %s, %s" % (told, alone, connection.events)


async def run():
    paths = Paths(2)
    ports = [str(FIRST_PORT + i) for i in range(len(BREACHES))]
    stop = os.path.join(paths.tmp, "stop")
    server = paths.server.start(
        [world.MPTCPSHIM, "run", "--", sys.executable, os.path.join(world.HERE, "exchange.py"), "server",
         world.ANY, ",".join(ports), "0", "last", stop], env=world.environment(),
        stderr=None if "PEER_VERBOSE" in os.environ else subprocess.DEVNULL)
    await world.listening(paths.server, server, *map(int, ports))
    with paths.client.here():
        results = await asyncio.gather(*[
            breach(reason, act, int(port), stop) for (_, reason, act), port in zip(BREACHES, ports)])
        open(stop, "w").close()
        mine = await asyncio.wait_for(asyncio.gather(
            *[exchanging for _, exchanging, _ in results], return_exceptions=True), 20)
    out, _ = await asyncio.wait_for(asyncio.to_thread(server.communicate), 40)
    theirs = [json.loads(line) for line in out.splitlines()]
    for (name, reason, _), (good, _, details), sums, other in zip(BREACHES, results, mine, theirs):
        whole = isinstance(sums, exchange.Sums) and exchange.whole(sums.result(), other)
        point(good and whole, "%s: %s, and nothing else" % (name, reason), details, repr(getattr(sums, "result", lambda: sums)()), other)
    paths.close()


if __name__ == "__main__":
    asyncio.run(run())
    plan()
