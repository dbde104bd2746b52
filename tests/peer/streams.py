# SPDX-License-Identifier: MIT
"""The two byte streams of a connection: FRAMES (Receiving data, Credit, Urgent data) and SENDING
OVER SEVERAL SUBFLOWS. Nothing here knows of sockets."""
import bisect

from .reasons import Breach, Reason

FIRST_CREDIT = 65536  # what a client may send before HELLO_REPLY has come


class SendStream:
    """What the application wrote, until its DATA_ACK."""

    def __init__(self, credit=FIRST_CREDIT):
        self.data = bytearray()  # from DSN `acked` on
        self.acked = 0  # highest DATA_ACK
        self.next = 0  # next DSN to be sent for the first time, DATA_FIN's own number included
        self.fin = None  # DSN of DATA_FIN
        self.credit = credit
        self.again = []  # runs (start, stop) to be sent once more
        self.held = {}  # subflow id: runs that it carries and that are not acknowledged
        self.urgent = None  # DSN of the urgent byte

    @property
    def written(self):
        return self.acked + len(self.data)

    @property
    def all_acked(self):
        return self.fin is not None and self.acked > self.fin

    def write(self, data, urgent=False):
        self.data += data
        if urgent:
            self.urgent = self.written - 1

    def finish(self):
        if self.fin is None:
            self.fin = self.written

    def take(self, subflow_id, most):
        """The next run for this subflow: (DSN, payload, ends the stream, urgent), or None. Lost runs
        go first: others wait for them."""
        while self.again:
            start, stop = self.again.pop(0)
            start = max(start, self.acked)
            if start < stop:
                cut = self._cut(start, min(stop, start + most))
                if cut < stop:
                    self.again.insert(0, (cut, stop))
                return self._run(subflow_id, start, cut)
        end = self.written if self.fin is None else self.fin
        stop = min(end, self.next + most, self.credit)
        if self.fin is not None and stop == self.fin >= self.next:
            stop += 1  # DATA_FIN takes a number, and needs no credit
        if stop <= self.next:
            return None
        start, self.next = self.next, self._cut(self.next, stop)
        return self._run(subflow_id, start, self.next)

    def _cut(self, start, stop):
        """A payload ends behind the urgent byte."""
        if self.urgent is not None and start <= self.urgent < stop - 1:
            return self.urgent + 1
        return stop

    def _run(self, subflow_id, start, stop):
        self.held.setdefault(subflow_id, []).append((start, stop))
        fin = self.fin is not None and stop == self.fin + 1
        last = stop - fin
        payload = bytes(self.data[start - self.acked:last - self.acked])
        return start, payload, fin, self.urgent is not None and last - 1 == self.urgent and start < last

    def on_ack(self, data_ack, checked=True):
        """Returns whether it tells anything new."""
        if data_ack > self.next and checked:
            raise Breach(Reason.PROTOCOL, "DATA_ACK %d of what was not sent" % data_ack)
        if data_ack <= self.acked:
            return False
        del self.data[:data_ack - self.acked]
        self.acked = data_ack
        self.held = {i: [r for r in runs if r[1] > data_ack] for i, runs in self.held.items()}
        return True

    def on_credit(self, credit):
        self.credit = max(self.credit, credit)

    def lost(self, subflow_id):
        """The subflow ended, or is stale: what only it carried is to be sent on another one."""
        elsewhere = [r for i, runs in self.held.items() if i != subflow_id for r in runs]
        for run in self.held.pop(subflow_id, []):
            if run not in elsewhere and run not in self.again:
                self.again.append(run)
        self.again.sort()


class ReceiveStream:
    """What came, in order for the application; what waits for bytes before it."""

    def __init__(self, window):
        self.window = window
        self.next = 0  # the DATA_ACK
        self.ready = bytearray()  # in order, not read yet
        self.waiting = []  # (DSN, bytes), sorted, no byte twice
        self.fin = None
        self.granted = window  # credit is never taken back
        self.urgent = None  # highest DSN that URGENT named

    @property
    def ended(self):
        return self.fin is not None and self.next > self.fin

    @property
    def credit(self):
        self.granted = max(self.granted, self.next - len(self.ready) + self.window)
        return self.granted

    def accept(self, dsn, payload, fin, urgent):
        """Take the first copy of each byte. Returns whether anything was new."""
        end = dsn + len(payload)
        if end > self.granted:
            raise Breach(Reason.TOO_MUCH_DATA, "DSN %d, credit %d" % (end, self.granted))
        if fin and self.fin not in (None, end) or fin and self._highest() > end:
            raise Breach(Reason.PROTOCOL, "another end of the stream")
        if self.fin is not None and end > self.fin:
            raise Breach(Reason.PROTOCOL, "data beyond the end")
        if fin:
            self.fin = end
        if urgent and payload:
            self.urgent = max(end - 1, self.urgent or 0)
        before = self.next, len(self.waiting)
        self._store(max(dsn, self.next), payload[max(0, self.next - dsn):])
        self._advance()
        return (self.next, len(self.waiting)) != before

    def _highest(self):
        return max([self.next - (self.fin is not None and self.next > self.fin)] +
                   [d + len(b) for d, b in self.waiting[-1:]])

    def _store(self, dsn, data):
        for known, other in list(self.waiting):
            if dsn < known:
                gap = data[:known - dsn]
                if gap:
                    bisect.insort(self.waiting, (dsn, gap))
            skip = known + len(other) - dsn
            if skip > 0:
                data, dsn = data[skip:], dsn + min(skip, len(data))
            if not data:
                return
        if data:
            bisect.insort(self.waiting, (dsn, data))

    def _advance(self):
        while self.waiting and self.waiting[0][0] == self.next:
            data = self.waiting.pop(0)[1]
            self.ready += data
            self.next += len(data)
        if self.fin == self.next:
            self.next += 1

    def read(self, most):
        data = bytes(self.ready[:most])
        del self.ready[:most]
        return data
