# SPDX-License-Identifier: MIT
"""Attacks by joins: somebody asks for them without the keys, repeats what was said, changes what is
being said, or keeps others out.

Their controls leave the HMACs of joins out (join), X25519 (key-share), or the place that a new join
takes from older ones (displace)."""
import asyncio
import os
import random

from attack.box import CLIENT_TO_SERVER
from attack.ends import SERVER_2
from attack.handshakes import Eavesdropper, changed
from peer import keys, opening
from peer.world import until

GUESSED_TOKENS, HALF_OPEN = 300, 64
PATIENCE = 3  # seconds for an honest join
REJOINED = 20  # seconds: an agent is in no hurry to join again over a path that has just failed


class Joiner(Eavesdropper):
    """Makes joins of its own, from the box's address, once the connection has both paths."""
    paths, off = (1, 2), "join"
    accepted = 0
    effect = None

    def frame(self, flow, direction, raw):
        return raw

    def message(self, flow, direction, message):
        self.messages.setdefault(message.kind, message)
        return message.raw

    async def attack(self):
        if await until(self.victims.both_paths):
            await self.join_all()

    def succeeded(self):
        return bool(self.accepted) or not self.victims.whole

    def token(self):
        return keys.token(self.messages[opening.HELLO_REPLY].options[opening.KEY])

    def join_message(self, token, number=1000):
        return opening.encode(opening.JOIN, [
            (opening.TOKEN, token), (opening.SUBFLOW_ID, number), (opening.ADDR_ID, 7),
            (opening.FLAGS, 0), (opening.NONCE, os.urandom(16))])

    async def dial(self):
        sock = self.victims.box.dial((SERVER_2, self.port()), join=True)
        await asyncio.get_event_loop().sock_connect(sock, (SERVER_2, self.port()))
        return await asyncio.open_connection(sock=sock)

    def port(self):
        return self.victims.port + 2

    async def say(self, join, confirm):
        """A join; confirm(reply) makes JOIN_CONFIRM. Returns whether a frame came."""
        self.tries += 1
        reader, writer = await self.dial()
        try:
            writer.write(join)
            reply = await asyncio.wait_for(opening.receive(reader, opening.JOIN_REPLY), 3)
            writer.write(confirm(reply))
            return bool(await asyncio.wait_for(reader.read(1), 3))
        except (opening.Foreign, opening.Refused, OSError, asyncio.TimeoutError):
            return False
        finally:
            writer.transport.abort()


class EavesdroppersJoin(Joiner):
    name, threats, off = "an eavesdropper of the first handshake joins", "T8 P4 T3", "key-share"

    async def join_all(self):
        for number, guess in enumerate(self.guesses()):
            join = self.join_message(self.token(), 1000 + 2 * number)

            def confirm(reply, join=join, guess=guess):
                mac = guess.join_macs(keys.CLIENT, join + reply.without_hmac())[1]
                return opening.encode(opening.JOIN_CONFIRM, [(opening.HMAC, mac)])
            self.accepted += await self.say(join, confirm)


class SniffedToken(Joiner):
    name, threats = "joins with a token that was seen, and HMACs by chance", "T3 T5 T7"

    async def join_all(self):
        for number in range(20):
            self.accepted += await self.say(
                self.join_message(self.token(), 1000 + 2 * number),
                lambda _: opening.encode(opening.JOIN_CONFIRM, [(opening.HMAC, os.urandom(20))]))


class GuessedToken(Joiner):
    """The control knows the token: JOIN_REPLY comes then."""
    name, threats, off = "joins with tokens by chance", "T3 T5", "join"

    async def join_all(self):
        known = bool(self.victims.off)
        for _ in range(3 if known else GUESSED_TOKENS):
            self.accepted += await self.say(
                self.join_message(self.token() if known else random.randbytes(4)),
                lambda _: opening.encode(opening.JOIN_CONFIRM, [(opening.HMAC, bytes(20))]))


class Replay(Joiner):
    """With the number of the join that was recorded, and with others: it is not under a MAC before
    JOIN_REPLY."""
    name, threats = "JOIN and JOIN_CONFIRM repeated", "T11"

    async def join_all(self):
        await until(lambda: opening.JOIN_CONFIRM in self.messages)
        join, confirm = self.messages[opening.JOIN], self.messages[opening.JOIN_CONFIRM]
        for number in (None, 1000, 1002):
            raw = join.raw if number is None else \
                changed(join, SUBFLOW_ID=number.to_bytes(4, "big"))
            self.accepted += await self.say(raw, lambda _: confirm.raw)


class Meddler(Joiner):
    """On the path of joins. Success: frames of both hosts on one that was changed."""
    off = "join"

    def __init__(self):
        super().__init__()
        self.meddling, self.struck = True, []

    def message(self, flow, direction, message):
        super().message(flow, direction, message)
        if not self.meddling or not flow.is_join or message.kind not in self.kinds:
            return message.raw
        self.tries += 1
        self.struck.append(flow)
        return self.change(message)

    def change(self, message):
        return changed(message, **self.values)

    async def attack(self):
        await until(lambda: self.struck, REJOINED)
        await until(lambda: all(f.closed.is_set() or self.carries(f) for f in self.struck), 3)
        self.accepted = sum(map(self.carries, self.struck))

    @staticmethod
    def carries(flow):
        return min(flow.counts) >= 3


class ReplayedReply(Meddler):
    """The first join is left alone and cut when both paths are in use: the next ones get its answer."""
    name, threats, kinds = "JOIN_REPLY repeated", "T11", (opening.JOIN_REPLY,)

    async def attack(self):
        self.meddling, self.believed = False, []
        await until(self.victims.both_paths)
        self.meddling = True
        for flow in self.victims.box.flows:
            if flow.is_join:
                flow.cut()
        await super().attack()

    def message(self, flow, direction, message):
        if message.kind == opening.JOIN_CONFIRM and flow in self.struck:
            self.believed.append(flow)  # by the joining host
        return super().message(flow, direction, message)

    def carries(self, flow):
        return flow in self.believed

    def change(self, message):
        return self.messages[opening.JOIN_REPLY].raw


class OtherAddress(Meddler):
    name, threats = "JOIN names another address and asks for backup", "T3 P5"
    kinds, values = (opening.JOIN,), {"ADDR_ID": b"\x2a", "FLAGS": b"\x01"}


class ReplyChanged(Meddler):
    name, threats = "JOIN_REPLY asks for backup", "P6"
    kinds, values = (opening.JOIN_REPLY,), {"FLAGS": b"\x01"}


class HalfOpen(Joiner):
    """Joins that are never confirmed, with the right token, from one address; they are held, and made
    again when they end. The honest join comes when all are there."""
    name, threats, off = "half-open joins keep honest ones out", "P2", "displace"
    back = False

    async def admit(self, is_join):
        if is_join:
            await until(lambda: self.tries >= HALF_OPEN)

    async def attack(self):
        self.held = []
        await until(lambda: opening.HELLO_REPLY in self.messages)
        holding = asyncio.ensure_future(self.hold())
        await until(lambda: self.tries >= HALF_OPEN)
        self.back = await until(lambda: any(flow.is_join and min(flow.counts) >= 2
                                            for flow in self.victims.box.flows), PATIENCE)
        holding.cancel()
        for _, writer in self.held:
            writer.transport.abort()

    async def hold(self):
        while True:
            try:
                reader, writer = await self.dial()
                writer.write(self.join_message(self.token(), 1000 + 2 * self.tries))
                self.held.append((reader, writer))
            except OSError:
                pass
            self.tries += 1
            self.held = [h for h in self.held if not h[0].at_eof()]
            await asyncio.sleep(0.02 if self.tries > HALF_OPEN else 0)

    def succeeded(self):
        return not self.back or not self.victims.whole


PLAYS = [EavesdroppersJoin, SniffedToken, GuessedToken, Replay, ReplayedReply, OtherAddress,
         ReplyChanged, HalfOpen]
