# SPDX-License-Identifier: MIT
"""Attacks on the first handshake: it is changed, or listened to and made use of later.

Their controls leave X25519 out of the secret (key-share), the messages out of it (transcript), or
the pre-shared key."""
import atexit
import os
import shutil
import tempfile

from attack.box import CLIENT_TO_SERVER, Tamper
from peer import frames, keys, opening
from peer.world import until

FRAMES_ENOUGH = 5


def changed(message, **options):
    """The message with values replaced, and the CRC right."""
    known = {getattr(opening, name): value for name, value in options.items()}
    return opening.encode(message.kind, [(number, known.get(number, value))
                                         for number, value in message.options.items()])


class Handshake(Tamper):
    """An attack that has succeeded if frames flow both ways on the first subflow afterwards."""
    paths, off, options, control_options, hostile = (1,), "transcript", {}, (), ()
    tries = 0
    kinds, values = (), {}  # messages that are changed, and options of theirs

    def alive(self):
        return any(not flow.plain and not flow.is_join and min(flow.counts) >= FRAMES_ENOUGH
                   for flow in self.victims.box.flows)

    def plain(self):
        return any(flow.plain for flow in self.victims.box.flows)

    async def attack(self):
        """An agent comes back by plain TCP, a peer in Python gives up."""
        await until(lambda: self.alive() or self.plain() or self.victims.ended())
        self.works = self.alive()

    def succeeded(self):
        return self.works

    def message(self, flow, direction, message):
        if message.kind not in self.kinds:
            return message.raw
        self.tries += 1
        return changed(message, **self.values)


class BidDown(Handshake):
    name, threats = "HELLO offers HMAC-SHA1 alone", "P7"
    kinds, values = (opening.HELLO,), {"HMAC_ALGS": b"\x01"}


class NoPayloadMacs(Handshake):
    name, threats = "nobody asks for MACs of payloads", "P7"
    kinds, values = (opening.HELLO, opening.HELLO_REPLY), {"CAPABILITIES": bytes(4)}
    options = {"agents": ("--integrity", "full")}


class MoreCredit(Handshake):
    name, threats = "HELLO_REPLY grants more than the server does", "P7"
    kinds, values = (opening.HELLO_REPLY,), {"CREDIT": bytes((0, 0, 0, 1, 0, 0, 0, 0))}


def key_file():
    """As an administrator gives it to both hosts."""
    name = os.path.join(tempfile.mkdtemp(prefix="keys."), "psk")
    atexit.register(shutil.rmtree, os.path.dirname(name))
    with open(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as out:
        out.write("us " + "5a" * 32 + "\n")
    return name


class Between(Handshake):
    """Two connections of one: own shares on both sides, and every frame sealed anew, with payloads
    changed. It works where no pre-shared key is in the secret, as on plain TCP."""
    name, threats, off = "in the middle of the first handshake, with a pre-shared key", "T9", ""

    def __init__(self):
        self.share = keys.Share()
        self.keys = {}  # direction: (opener, sealer), once it is known
        self.early = None

    def message(self, flow, direction, message):
        if message.kind == opening.HELLO:
            self.tries += 1
            self.hello = message
            self.hello_on = opening.parse(changed(message, KEY_SHARE=self.share.public))
            self.early, self.early_on = b"", b""
            key = message.options[opening.KEY]
            self.keys[CLIENT_TO_SERVER] = [frames.Sealer(keys.early_key(b"", key, hello.raw))
                                           for hello in (self.hello, self.hello_on)]
            return self.hello_on.raw
        if message.kind != opening.HELLO_REPLY:
            return message.raw
        towards_server = self._secrets(message, self.hello_on.raw, message)
        reply = opening.parse(changed(message, KEY_SHARE=self.share.public))
        towards_client = self._secrets(self.hello, self.hello.raw, reply)
        self.secrets = towards_client, towards_server
        self.keys[1] = [frames.Sealer(s.frame_key(0, keys.SERVER))
                        for s in (towards_server, towards_client)]
        return changed(reply, HMAC=towards_client.hello_reply_mac())

    def _secrets(self, whose, hello, reply):
        """With the host whose share is in the message."""
        key_server = reply.options[opening.KEY]
        return keys.Secrets(reply.options[opening.HMAC_ALGS][0], b"",
                            self.share.meet(whose.options[opening.KEY_SHARE]),
                            self.hello.options[opening.KEY], key_server,
                            hello + reply.without_hmac())

    def frame(self, flow, direction, raw):
        size = frames.fixed_bytes(raw[0], int.from_bytes(raw[2:4], "big"))
        kind, flags, fixed = raw[0], raw[1], raw[8:8 + size]
        frame = frames.decode(kind, flags, fixed, raw[8 + size + 16:])
        if kind == frames.CHECKED_DSS:
            frame.payload = frame.payload[:-16]
        if kind == frames.FINISHED:
            frame.hmac = self.secrets[1].finished_mac(self.early_on)
            self.keys[CLIENT_TO_SERVER] = [frames.Sealer(s.frame_key(0, keys.CLIENT))
                                           for s in self.secrets]
        elif frame.payload and kind < frames.PADDING:
            frame.payload = bytes([frame.payload[0] ^ 1]) + frame.payload[1:]
        out = frames.encode(frame, self.keys[direction][1])
        if direction == CLIENT_TO_SERVER:
            self.early_on += out
        return out

    @property
    def options(self):
        return {"peers": ("--psk", "us:" + "5a" * 32), "agents": ("--psk", key_file())}


class Eavesdropper(Handshake):
    """Saw HELLO and HELLO_REPLY, and goes on with what can be computed of them."""
    name, threats, off = "an eavesdropper's frames", "T8 P4", "key-share"
    effect = "prio"

    def __init__(self):
        self.messages, self.sealers = {}, []

    def message(self, flow, direction, message):
        self.messages[message.kind] = message
        return message.raw

    def guesses(self):
        """Secrets of X25519 that one may try who knows the public values only."""
        hello, reply = self.messages[opening.HELLO], self.messages[opening.HELLO_REPLY]
        public = [m.options[opening.KEY_SHARE] for m in (hello, reply)]
        shared = [b"", bytes(32), *public, public[0] + public[1],
                  *(keys.Share(bytes([1]) * 32).meet(p) for p in public)]
        return [keys.Secrets(reply.options[opening.HMAC_ALGS][0], b"", guess,
                             hello.options[opening.KEY], reply.options[opening.KEY],
                             hello.raw + reply.without_hmac()) for guess in shared]

    def frame(self, flow, direction, raw):
        """A frame of the eavesdropper's for each guess, with the right number."""
        if self.tries or direction == CLIENT_TO_SERVER or flow.counts[direction] < FRAMES_ENOUGH or \
                not self.victims.both_paths():
            return raw
        self.struck, out = flow, b""
        for guess in self.guesses():
            sealer = frames.Sealer(guess.frame_key(0, keys.SERVER))
            sealer.n = flow.counts[direction] - 1
            self.tries += 1
            out += frames.encode(frames.Frame(frames.PRIO, frames.BACKUP, csn=1, subflow=0), sealer)
        return out + raw

    async def attack(self):
        await until(lambda: self.tries and self.struck.closed.is_set())

    def succeeded(self):
        told = [word for events in self.victims.told for word, _ in events]
        return "prio" in told or bool(self.tries) and not self.struck.closed.is_set() or \
            not self.victims.whole


PLAYS = [BidDown, NoPayloadMacs, MoreCredit, Between, Eavesdropper]
