# SPDX-License-Identifier: MIT
"""Control frames: numbered in each direction of a connection, applied in order and once."""
from .frames import CONTROL
from .reasons import Breach, Reason

MOST_UNDER_WAY = 32


class ControlSender:
    def __init__(self):
        self.next = 0  # CSN
        self.under_way = []  # [frame, id of the subflow that carried it last], not acknowledged
        self.waiting = []  # frames beyond the 32

    def number(self, frame):
        """The frame, with its CSN, if it may be sent now."""
        self.waiting.append(frame)
        return self.due()

    def due(self):
        """Frames that may be sent now, for the first time."""
        out = []
        while self.waiting and len(self.under_way) < MOST_UNDER_WAY:
            frame = self.waiting.pop(0)
            frame.csn, self.next = self.next, self.next + 1
            self.under_way.append([frame, None])
            out.append(frame)
        return out

    def carried(self, frame, subflow_id):
        for entry in self.under_way:
            if entry[0] is frame:
                entry[1] = subflow_id

    def on_ack(self, ctrl_ack, checked=True):
        if ctrl_ack > self.next and checked:
            raise Breach(Reason.PROTOCOL, "CTRL_ACK %d of what was not sent" % ctrl_ack)
        self.under_way = [e for e in self.under_way if e[0].csn >= ctrl_ack]

    def lost(self, subflow_id):
        """Frames to be sent once more, since the subflow that carried them is lost."""
        return [frame for frame, carrier in self.under_way if carrier in (subflow_id, None)]


class ControlReceiver:
    def __init__(self):
        self.next = 0  # the CTRL_ACK
        self.early = {}  # CSN: frame, before one of a lower CSN

    def accept(self, frame):
        """The frames whose turn it is now. A repeated one is dropped."""
        assert frame.type in CONTROL
        if frame.csn >= self.next + MOST_UNDER_WAY:
            raise Breach(Reason.PROTOCOL, "CSN %d, expected %d" % (frame.csn, self.next))
        if frame.csn >= self.next:
            self.early.setdefault(frame.csn, frame)
        out = []
        while self.next in self.early:
            out.append(self.early.pop(self.next))
            self.next += 1
        return out
