#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second implementation against itself, over loopback addresses of a host of its own, and
against vectors of the RFCs that the page builds upon. TAP."""
import asyncio
import itertools
import os
import sys
import traceback

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), up) for up in ("..", "../lib")]
from tap import own_host, plan, point  # noqa: E402

own_host("nm")

from peer import exchange, frames, keys, opening  # noqa: E402
from peer.connection import Config  # noqa: E402
from peer.crc import crc32c  # noqa: E402
from peer.frames import Frame  # noqa: E402
from peer.host import Host  # noqa: E402
from peer.opening import Refused  # noqa: E402
from peer.reasons import Breach, Reason  # noqa: E402
from peer.streams import ReceiveStream  # noqa: E402

SIZE = 300000
PSK = (b"me", b"k" * 32)


class Pair:
    """Two hosts, a connection between them, and joins' ports on both."""

    async def open(self, client=None, server=None, early=b""):
        self.client, self.server = Host(client), Host(server)
        accepted = asyncio.get_event_loop().create_future()
        address = self.server.listen(("127.0.0.1", 0), accepted.set_result)
        self.ports = [h.listen_joins(("127.0.0.2", 0)) for h in (self.client, self.server)]
        self.c = await self.client.connect(address, early=early)
        self.s = await accepted
        return self

    async def join(self, joiner):
        """By the client or by the server."""
        host, connection, port = (self.client, self.c, self.ports[1]) if joiner == "client" else \
            (self.server, self.s, self.ports[0])
        subflow = await host.join(connection, port)
        await until(lambda: subflow.id in self.c.subflows and subflow.id in self.s.subflows)
        return subflow

    async def exchange(self, size=SIZE, first="client", early=0):
        sums = await asyncio.gather(exchange.over(self.c, size, 1, first == "client", early),
                                    exchange.over(self.s, size, 2, first == "server"))
        return exchange.whole(*[s.result() for s in sums]) and sums[0].bytes == size


async def until(condition, seconds=5):
    for _ in range(seconds * 200):
        if condition():
            return True
        await asyncio.sleep(0.005)
    return False


def told(connection, word):
    return [value for w, value in connection.events if w == word]


# ---- matrix ----

async def whole(algorithm, psk, full, joins, first):
    config = dict(algorithms=algorithm, full=full)
    pair = await Pair().open(Config(psk=PSK if psk else None, **config),
                             Config(psks=dict([PSK]), **config))
    for joiner in joins:
        await pair.join(joiner)
    return await pair.exchange(first=first)


async def test_matrix():
    """Every combination carries both streams whole."""
    return all([await whole(*row) for row in itertools.product(
        ((keys.SHA1,), (keys.SHA256,), (keys.SHA256, keys.SHA1)), (False, True), (False, True),
        ((), ("client",), ("client", "server")), ("client", "server"))])


# ---- vectors ----

async def test_vectors():
    """CRC-32C of RFC 3720, X25519 of RFC 7748 section 5.2, HKDF of RFC 5869 appendix A.1, and test
    case 1 of the GCM specification come out."""
    share = keys.Share(bytes.fromhex(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"))
    shared = share.meet(bytes.fromhex(
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
    extracted = keys.hmac(keys.SHA256, bytes(range(13)), b"\x0b" * 22)
    expanded = keys.hmac(keys.SHA256, extracted, bytes(range(0xf0, 0xfa)), b"\x01")
    return crc32c(b"123456789") == 0xE3069283 and \
        shared.hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" and \
        expanded.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf" and \
        frames.Sealer(bytes(16)).mac(0, b"").hex() == "58e2fccefa7e3061367f1d57a4e7455a"


async def test_reassembly():
    """Runs in any order, doubled and overlapping, give the stream."""
    content, stream, got = exchange.data(7, 5000), ReceiveStream(1 << 20), b""
    order = exchange.random.Random(7)
    for _ in range(2000):
        start = max(0, order.randrange(-100, 5000))
        stop = min(5000, start + order.randrange(200))
        stream.accept(start, content[start:stop], stop == 5000, False)
        got += stream.read(100)
    got += stream.read(5000)
    return stream.ended and got == content


# ---- the opening ----

async def test_early_data():
    """Data right behind HELLO is part of the stream, and FINISHED vouches for it."""
    early = exchange.data(1, SIZE)[:50000]
    results = []
    for client in (Config(psk=PSK), Config(), Config(algorithms=(keys.SHA1,))):
        pair = await Pair().open(client, Config(psks=dict([PSK])), early=early)
        results.append(pair.s.received.next > 0 or await until(lambda: pair.s.received.next > 0))
        results.append(await pair.exchange(early=len(early)))
        results.append(pair.s.finished)
    return all(results)


async def test_psk_refused():
    """An identity that the server does not know is refused with PROHIBITED, a wrong key fails."""
    try:
        await Pair().open(Config(psk=PSK), Config())
        return False
    except Refused as refused:
        if refused.reason != Reason.PROHIBITED:
            return False
    try:
        await Pair().open(Config(psk=PSK), Config(psks={b"me": b"other key"}))
        return False
    except Breach as breach:
        return breach.reason == Reason.BAD_HMAC


async def test_messages():
    """Each option that is missing, doubled, foreign, of another length or critical is refused."""
    good = [(opening.KEY, 1), (opening.CAPABILITIES, 0), (opening.CREDIT, 65536),
            (opening.KEY_SHARE, bytes(32)), (opening.HMAC_ALGS, b"\2\1")]
    bad = [good[:i] + good[i + 1:] for i in range(5)] + [good + [option] for option in good] + \
        [good + [(opening.NONCE, bytes(16))], good[:3] + [(opening.KEY_SHARE, bytes(31))] + good[4:]]
    for options in bad:
        try:
            opening.parse(opening.encode(opening.HELLO, options))
            return False
        except Breach:
            pass
    opening.parse(opening.encode(opening.HELLO, good + [(200, b"skipped"), (200, b"")]))
    return True


# ---- control frames ----

async def test_control_frames():
    """Each does what the page says."""
    pair = await Pair().open()
    c, s = pair.c, pair.s
    join = await pair.join("client")
    results = [await asyncio.wait_for(c.subflows[0].ping(), 2) is None]
    s.announce("192.0.2.1", 8080)
    s.announce("2001:db8::1")
    s.announce("224.0.0.1")
    results.append(await until(lambda: told(c, "ignored") == ["224.0.0.1"]))
    results.append(set(c.announced.values()) == {("192.0.2.1", 8080), ("2001:db8::1", 0)})
    s.withdraw("192.0.2.1")
    results.append(await until(lambda: len(c.announced) == 1))
    s.prioritize(s.subflows[0], True)
    results.append(await until(lambda: c.subflows[0].backup))
    c.subflows[0].send(Frame(frames.PADDING, payload=bytes(1000)))
    c.subflows[0].send(Frame(0x81, payload=b"skip me"))
    await c.write(exchange.data(1, SIZE))
    results.append(await until(lambda: s.received.next == SIZE))
    results.append(not c.out.held.get(0))  # nothing on the one that is backup
    c.leave(join, Reason.BAD_PERFORMANCE)
    results.append(await until(lambda: told(s, "subflow_close") == [(2, "BAD_PERFORMANCE")]))
    results.append(await until(lambda: list(s.subflows) == [0]))
    results.append(await until(lambda: not c.control_out.under_way and not s.control_out.under_way))
    c.abort(Reason.RESOURCES)
    results.append(await until(lambda: told(s, "fastclose") == ["RESOURCES"] and s.error))
    return all(results) or print("#", results)


async def test_urgent():
    """The urgent byte ends a payload and is named, and is part of the stream."""
    pair = await Pair().open()
    await pair.c.write(b"abc", urgent=True)
    await pair.c.write(b"def")
    return await until(lambda: pair.s.received.next == 6) and pair.s.received.urgent == 2 and \
        await pair.s.read() == b"abcdef"


# ---- subflows are lost ----

async def lose(how):
    pair = await Pair().open(Config(payload=4000), Config(payload=4000))
    await pair.join("client")
    await pair.join("server")
    exchanged = asyncio.ensure_future(pair.exchange(8 << 20))
    await until(lambda: pair.s.received.next > 1 << 20)
    how(pair)
    return await asyncio.wait_for(exchanged, 20) and pair.c.received.next > 8 << 20


async def test_reset_subflow():
    """A reset of any subflow loses nothing."""
    return all([await lose(lambda pair, i=i: pair.c.subflows[i].reset()) for i in (0, 1, 2)])


async def test_silent_subflow():
    """Nor does one on which nothing arrives any more."""
    def silence(pair):
        for connection in (pair.c, pair.s):
            connection.subflows[0].reader.readexactly = lambda _n: asyncio.sleep(3600)
    return await lose(silence)


async def changed(where):
    """What a box on one path does to the next frame of the client: (told at the server, whole)."""
    pair = await Pair().open()
    await pair.join("client")
    subflow, write = pair.c.subflows[0], pair.c.subflows[0].writer.write

    def change(raw):
        if len(raw) > 1000:
            raw = bytearray(raw)
            raw[where] ^= 1
            if where == 9:  # inside the fixed part: an attacker puts the CRC right
                raw[4:8] = crc32c(raw[:4] + bytes(4) + raw[8:40]).to_bytes(4, "big")
            subflow.writer.write = write
        write(bytes(raw))
    subflow.writer.write = change
    good = await asyncio.wait_for(pair.exchange(), 20)
    return good, pair


async def test_changed_head():
    """A changed head with a right CRC costs the subflow, with BAD_MAC, and nothing else."""
    good, pair = await changed(9)
    return good and "BAD_MAC" in str(told(pair.s, "breach")) and \
        told(pair.c, "subflow_close") == [(0, "BAD_MAC")]


async def test_accident():
    """With a wrong CRC it is an accident."""
    good, pair = await changed(30)
    return good and told(pair.c, "subflow_close") == [(0, "MIDDLEBOX")]


async def test_changed_payload():
    """A changed payload is told by FAIL, and repeated on another subflow."""
    good, pair = await changed(500)
    return good and told(pair.c, "fail") != [] and told(pair.s, "wrong_payload") == [0]


def main():
    os.system("ip link set lo up")
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            try:
                point(asyncio.run(asyncio.wait_for(test(), 60)), "%s: %s" % (
                    name[5:], " ".join(test.__doc__.split())))
            except Exception:
                point(False, name, traceback.format_exc())
    plan()


if __name__ == "__main__":
    main()
