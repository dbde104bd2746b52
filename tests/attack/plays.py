# SPDX-License-Identifier: MIT
"""Attacks of somebody on one of two paths, on a running connection: frames made, changed, left out,
repeated, sent back, moved.

A play succeeds if what the attacker did is taken as genuine: the subflow lives on, or the
application's bytes are not what was sent. `off` names the defences that its control leaves out."""
import random

from attack import box
from attack.box import Tamper, forged
from peer import frames
from peer.world import until

MOST_TRIES = 3  # subflows that are attacked
DSS_FIXED = 32


class OnPath(Tamper):
    """Strikes once on each of the first subflows on its path, when both paths carry data. `way`: of
    the frame that is made or changed."""

    control_options, hostile = (), ()

    def __init__(self, way):
        self.way, self.struck = way, []
        self.seen = []  # frames that came in that direction of the attacked flow, lately
        self.after = 0  # frames since the strike
        self.target = None  # the flow that is struck, if it is another one
        self.lives = False  # an attacked subflow at the end

    @property
    def tries(self):
        return len(self.struck)

    def frame(self, flow, direction, raw):
        if flow in self.struck:
            self.after += 1
            return self.go_on(flow, direction, raw)
        if direction != self.way or len(self.struck) >= MOST_TRIES or \
                flow.counts[0] < 3 or flow.counts[1] < 3 or not self.victims.both_paths():
            if direction == self.way:
                self.seen = (self.seen + [raw])[-100:]
            return raw
        out = self.strike(flow, raw)
        if out is None:  # this frame does not serve
            self.seen = (self.seen + [raw])[-100:]
            return raw
        self.struck.append(self.target or flow)
        return out

    def go_on(self, flow, direction, raw):
        return raw

    def strike(self, flow, raw):
        raise NotImplementedError

    def settled(self):
        lives = any(not flow.closed.is_set() for flow in self.struck)
        return self.struck and (not lives or self.after > 40)

    def succeeded(self):
        return self.lives and self.lives_on or not self.victims.whole or self.felt()

    def felt(self):
        told = [event for events in self.victims.told for event in events]
        return any(word == self.effect or (word, value) == self.effect for word, value in told)

    async def attack(self):
        await until(self.settled)
        self.lives = any(not flow.closed.is_set() for flow in self.struck)


def play(name, threats, off, effect=None, paths=None, options=(), lives_on=True):
    """A decorator: this function makes a frame, or frames, of the one that comes (raw), or None.
    effect: what a peer in Python tells of it if it was taken as genuine, beside what it tells anyway:
    a word, or (word, value). lives_on: that the subflow does is a success."""
    def make(function):
        class Play(OnPath):
            def strike(self, flow, raw):
                return function(self, flow, raw)

        Play.name, Play.threats, Play.off, Play.__doc__ = name, threats, off, function.__doc__
        Play.lives_on = lives_on
        Play.effect, Play.paths, Play.options = effect, paths, {"agents": options}
        PLAYS.append(Play)
        return function
    return make


PLAYS = []
NO_MAC = "head-mac,payload-mac"


def payload_of(raw):
    """(DSN, length of the payload) of a DSS, or None."""
    if raw[0] not in (frames.DSS, frames.CHECKED_DSS):
        return None
    length = int.from_bytes(raw[2:4], "big") - DSS_FIXED - 16 - (16 if raw[0] == 2 else 0)
    return (int.from_bytes(raw[8:16], "big"), length) if length > 0 else None


def dss(dsn=0, data_ack=0, credit=0, ctrl_ack=0, **more):
    return forged(frames.DSS, dsn=dsn, data_ack=data_ack, credit=credit, ctrl_ack=ctrl_ack,
                  timestamp=1, **more)


# ---- made ----

@play("DATA_ACK of what the attacker swallowed", "T5", NO_MAC)
def swallowed(self, flow, raw):
    """The sender believes that the peer has the bytes, and forgets them."""
    what = payload_of(raw)
    if what is None:
        return None
    flow.inject(1 - self.way, dss(data_ack=sum(what)))
    return b""


@play("DATA_ACK beyond what was sent", "T5", NO_MAC + ",ack-range")
def beyond(self, flow, raw):
    return dss(data_ack=1 << 40) + raw


@play("data of the attacker's", "T5", NO_MAC)
def data(self, flow, raw):
    """Bytes that come next, before the genuine ones."""
    what = payload_of(raw)
    return what and dss(dsn=what[0], payload=b"evil") + raw


@play("data on a join whose source the attacker has rewritten", "P5 T10", NO_MAC, paths=(2,))
def data_behind_nat(self, flow, raw):
    """The join itself is taken, since a NAT does the same."""
    return data(self, flow, raw)


PLAYS[-1].rewrites_source = True


@play("six PRIO", "P6 T6", NO_MAC, "prio")
def prio(self, flow, raw):
    return b"".join(forged(frames.PRIO, frames.BACKUP, csn=csn, subflow=0) for csn in range(6)) + raw


@play("REMOVE_ADDR of address 0", "T4", NO_MAC, "removed")
def remove(self, flow, raw):
    return b"".join(forged(frames.REMOVE_ADDR, csn=csn, id=0) for csn in range(4)) + raw


@play("ADD_ADDR of the attacker's address", "P1 T3 T6", NO_MAC, ("address", [9, "10.98.1.254", 99]))
def add(self, flow, raw):
    return b"".join(forged(frames.ADD_ADDR, csn=csn, id=9, family=4, port=99,
                           address=bytes((10, 98, 1, 254))) for csn in range(4)) + raw


@play("FASTCLOSE", "T4", NO_MAC, "fastclose")
def fastclose(self, flow, raw):
    return forged(frames.FASTCLOSE, csn=0, reason=0) + raw


@play("SUBFLOW_CLOSE of another subflow", "T4", NO_MAC, ("subflow_close", [0, "RESOURCES"]))
def subflow_close(self, flow, raw):
    return b"".join(forged(frames.SUBFLOW_CLOSE, csn=csn, subflow=0, reason=2)
                    for csn in range(4)) + raw


@play("FAIL of another subflow", "T4", NO_MAC, "fail")
def fail(self, flow, raw):
    return b"".join(forged(frames.FAIL, csn=csn, subflow=0 if flow.is_join else 2, dsn=0)
                    for csn in range(4)) + raw


@play("PING", "T5", NO_MAC)
def ping(self, flow, raw):
    return forged(frames.PING, zero=0, opaque=b"evil") + raw


@play("an optional extension", "T5", NO_MAC)
def extension(self, flow, raw):
    return forged(0x81, payload=b"evil") + raw


# ---- changed ----

def head_changed(at):
    def strike(self, flow, raw):
        if payload_of(raw) is None:
            return None

        def change(fixed):
            fixed[at] ^= 1
            return fixed
        return box.with_head(raw, DSS_FIXED, change)
    return strike


for field, place in (("DSN", 5), ("DATA_ACK", 13), ("credit", 21)):
    play("%s changed on the way" % field, "T5", NO_MAC + ",ack-range")(head_changed(place))


@play("payload changed on the way", "T5 P5", "payload-mac", options=("--integrity", "full"), lives_on=False)
def payload_changed(self, flow, raw):
    if payload_of(raw) is None:
        return None
    raw = bytearray(raw)
    raw[8 + DSS_FIXED + 16] ^= 1
    return bytes(raw)


# ---- left out, repeated, sent back, moved ----

@play("a frame left out", "T5", NO_MAC)
def left_out(self, flow, raw):
    return b"" if payload_of(raw) is None else None


@play("a frame repeated", "T11", NO_MAC)
def repeated(self, flow, raw):
    return raw + raw


@play("a frame of some time ago", "T11", NO_MAC)
def old(self, flow, raw):
    """On the same subflow, or if this subflow is a new one, perhaps of an earlier subflow."""
    return self.seen[0] + raw if self.seen else None


@play("a frame sent back to its sender", "T11", NO_MAC + ",ack-range")
def reflected(self, flow, raw):
    if payload_of(raw) is not None:
        return None
    flow.inject(1 - self.way, raw)
    return raw


@play("a frame moved to the other subflow", "T11", NO_MAC, paths=(1, 2))
def moved(self, flow, raw):
    """The frame with the same number, of the other subflow and the same direction."""
    others = [f for f in self.victims.box.flows if f is not flow and not f.closed.is_set()]
    if not others:
        return None
    self.target = others[0]
    self.target.inject(self.way, raw)
    return raw


@play("two frames in the other order", "T11", NO_MAC)
def swapped(self, flow, raw):
    self.kept = raw
    return b""


def _swap(self, flow, direction, raw):
    if direction == self.way and getattr(self, "kept", None):
        raw, self.kept = raw + self.kept, None
    return raw


PLAYS[-1].go_on = _swap


@play("MACs by chance, 300 in a row", "T5", NO_MAC)
def guessed(self, flow, raw):
    """A subflow dies of the first one; with 128 bits there is no second chance."""
    return b"".join(dss(mac=random.randbytes(16)) for _ in range(300)) + raw
