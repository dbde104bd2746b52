# SPDX-License-Identifier: MIT
"""STATES of a connection: what each frame does, and what is sent when."""
import asyncio
import dataclasses
import ipaddress
import time

from . import frames, keys
from .control import ControlReceiver, ControlSender
from .frames import Frame
from .reasons import Breach, Reason, reason_of
from .streams import ReceiveStream, SendStream

ACK_BYTES, ACK_SECONDS = 65536, 0.01
TICK_SECONDS, STALE_SECONDS = 0.05, 0.4
MOST_ADDRESSES = 8


@dataclasses.dataclass
class Config:
    algorithms: tuple = (keys.SHA256, keys.SHA1)  # by preference
    psk: tuple = None  # of a client: (identity, key)
    psks: dict = dataclasses.field(default_factory=dict)  # of a server: identity: key
    require_psk: bool = False  # of a server
    full: bool = True  # payloads carry MACs, and the peer is asked for the same
    window: int = 1 << 20
    payload: int = 16384  # bytes of one frame
    no_subflow_seconds: float = 10
    off: frozenset = frozenset()  # checks that are not made: see __init__.py
    log: object = None  # called with a line of text


class Connection:
    def __init__(self, host, is_client, key):
        self.host, self.config, self.is_client = host, host.config, is_client
        self.direction = keys.CLIENT if is_client else keys.SERVER  # of what this host sends
        self.key, self.token = key, keys.token(key)
        self.peer_token = None
        self.secrets = None
        self.out, self.received = SendStream(), ReceiveStream(host.config.window)
        self.control_out, self.control_in = ControlSender(), ControlReceiver()
        self.subflows = {}
        self.join_ids = set()  # of confirmed joins, ever
        self.next_join_id = 2 if is_client else 1
        self.local_addresses = {}  # address: id; 0 is that of the first subflow
        self.announced = {}  # id: (address, port) that the peer can be reached at
        self.withdrawn = set()  # ids
        self.payload_macs = False
        self.early_payload = False  # accepted, and not vouched for by FINISHED yet
        self.finished = is_client
        self.error = None  # why the application sees a reset
        self.closed = asyncio.Event()
        self.readable, self.writable = asyncio.Event(), asyncio.Event()
        self.acks = {}  # subflow: bytes since the last DATA_ACK there
        self.ack_timers = {}
        self.lonely_since = None
        self.events = []  # what happened, as (word, value): for tests

    def tell(self, word, value):
        self.events.append((word, value))
        if self.config.log:
            self.config.log("%s %s: %s" % ("client" if self.is_client else "server", word, value))

    # ---- what the application does ----

    async def read(self, most=65536):
        """b"" at the end of the stream."""
        while not self.received.ready and not self.received.ended:
            if self.error:
                raise ConnectionResetError(self.error)
            self.readable.clear()
            await self.readable.wait()
        data = self.received.read(most)
        if data and self.received.credit - self.received.next <= self.config.window // 2 + len(data):
            self._acknowledge(None)  # credit that had nearly run out
        return data

    async def write(self, data, urgent=False):
        self.out.write(data, urgent)
        self._wake()
        while len(self.out.data) > 1 << 20:
            if self.error:
                raise ConnectionResetError(self.error)
            self.writable.clear()
            await self.writable.wait()

    def finish(self):
        self.out.finish()
        self._wake()

    async def wait_closed(self):
        await self.closed.wait()
        if self.error:
            raise ConnectionResetError(self.error)

    def abort(self, reason=Reason.UNSPECIFIED, text="aborted here"):
        """FASTCLOSE goes on every subflow; it is one control frame, with one CSN."""
        if self.closed.is_set():
            return
        frame = Frame(frames.FASTCLOSE, reason=reason, csn=self.control_out.next)
        self.control_out.next += 1
        for subflow in self._active():
            subflow.send(frame)
            subflow.leave()
        self._close(text)

    # ---- what a path manager does ----

    def address_id(self, address):
        """An identifier is used for one address only and never again."""
        return self.local_addresses.setdefault(address, len(self.local_addresses))

    def announce(self, address, port=0, interface=0, number=None):
        packed = ipaddress.ip_address(address).packed
        number = self.address_id(address) if number is None else number
        self.send_control(Frame(frames.ADD_ADDR, interface, id=number, port=port,
                                family=4 if len(packed) == 4 else 6, address=packed))

    def withdraw(self, address):
        self.send_control(Frame(frames.REMOVE_ADDR, id=self.local_addresses[address]))
        self.local_addresses[object()] = self.local_addresses.pop(address)  # the number stays used

    def prioritize(self, subflow, backup):
        self.send_control(Frame(frames.PRIO, frames.BACKUP if backup else 0, subflow=subflow.id))

    def leave(self, subflow, reason=Reason.UNSPECIFIED, transient=True):
        self._close_subflow(subflow, reason, transient)

    # ---- sending ----

    def _active(self):
        return [s for s in self.subflows.values() if s.state == "active"]

    def _wake(self):
        for subflow in self._active():
            subflow.wake.set()

    def _best(self, but=None):
        """Where to send what is not bound to a subflow."""
        choice = [s for s in self._active() if s is not but]
        return min(choice, key=lambda s: (s.stale, -s.heard), default=None)

    def next_run(self, subflow):
        """A DSS with payload for a subflow that has room, or None."""
        others = [s for s in self._active() if not s.stale and s is not subflow]
        if subflow.stale or (subflow.backup and any(not s.backup for s in others)):
            return None
        if any(s.taken < subflow.taken and not s.full and not s.backup for s in others):
            return None  # it is their turn
        run = self.out.take(subflow.id, self.config.payload)
        if run is None:
            return None
        dsn, payload, fin, urgent = run
        subflow.taken += len(payload)
        self._wake()
        return self.dss(subflow, dsn, payload, frames.DATA_FIN * fin | frames.URGENT * urgent)

    def dss(self, subflow, dsn=None, payload=b"", flags=0):
        """DATA_ACK, credit and CTRL_ACK are absolute and ride on every DSS."""
        checked = self.payload_macs and payload
        return Frame(frames.CHECKED_DSS if checked else frames.DSS, flags, payload,
                     dsn=self.out.next if dsn is None else dsn,
                     data_ack=self.received.next if self.secrets else 0,
                     credit=self.received.credit, ctrl_ack=self.control_in.next,
                     timestamp=(int(time.monotonic() * 1e6) & 0xFFFFFFFF) or 1)

    def _acknowledge(self, subflow):
        if subflow is None or subflow.state != "active" or subflow.stale:
            subflow = self._best() or subflow
        if subflow is not None and self.secrets:
            self.acks.pop(subflow, None)
            timer = self.ack_timers.pop(subflow, None)
            if timer:
                timer.cancel()
            subflow.send(self.dss(subflow))

    def _acknowledge_soon(self, subflow, size, at_once):
        self.acks[subflow] = self.acks.get(subflow, 0) + size
        if at_once or self.acks[subflow] >= ACK_BYTES:
            self._acknowledge(subflow)
        elif subflow not in self.ack_timers:
            self.ack_timers[subflow] = asyncio.get_event_loop().call_later(
                ACK_SECONDS, self._acknowledge, subflow)

    def send_control(self, frame, subflow=None):
        for due in self.control_out.number(frame):
            self._carry(due, subflow or self._best())

    def _carry(self, frame, subflow):
        if subflow is not None:
            subflow.send(frame)
            self.control_out.carried(frame, subflow.id)

    def _resend(self, subflow):
        """The subflow is lost or stale: what it carried last goes over another one."""
        self.out.lost(subflow.id)
        other = self._best(but=subflow)
        if other is not None:
            for frame in self.control_out.lost(subflow.id):
                self._carry(frame, other)
            self._acknowledge(other)
        self._wake()

    # ---- receiving ----

    def on_frame(self, subflow, frame):
        """Raises Breach if the frame breaks a rule."""
        if self.closed.is_set():
            return
        if subflow.early_opener is not None:
            self._on_early(subflow, frame)
        elif frame.type == frames.FINISHED:
            raise Breach(Reason.PROTOCOL, "FINISHED here")
        if frame.type in (frames.DSS, frames.CHECKED_DSS):
            self._on_dss(subflow, frame)
        elif frame.type in frames.CONTROL:
            if frame.type == frames.FASTCLOSE:
                self._on_fastclose(frame)
                return
            for ready in self.control_in.accept(frame):
                getattr(self, "_on_" + CONTROL_NAMES[ready.type])(subflow, ready)
            self._acknowledge(subflow)
        elif frame.type == frames.PING:
            subflow.send(Frame(frames.PONG, zero=0, opaque=frame.opaque))
        elif frame.type == frames.PONG:
            waiting = subflow.pings.pop(frame.opaque, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(True)

    def _on_early(self, subflow, frame):
        """What a client may send before FINISHED, which vouches for it."""
        if frame.type == frames.FINISHED:
            right = self.secrets.finished_mac(bytes(subflow.early))
            subflow.early_opener = subflow.early = None
            if not keys.same(frame.hmac, right) and "finished" not in self.config.off:
                self.abort(Reason.BAD_MAC, "the early bytes were not the client's")
                raise Breach(Reason.BAD_MAC, "FINISHED")
            self.finished, self.early_payload = True, False
        elif frame.type in (frames.DSS, frames.CHECKED_DSS):
            if frame.data_ack or frame.ctrl_ack or subflow.held:
                raise Breach(Reason.PROTOCOL, "an acknowledgment before FINISHED, or data held back")
            frame.credit = 0  # ignored
            self.early_payload |= bool(frame.payload) or bool(frame.flags & frames.DATA_FIN)
        elif frame.type not in (frames.PING, frames.PONG) and frame.type < frames.PADDING:
            raise Breach(Reason.PROTOCOL, "type %02x before FINISHED" % frame.type)

    def _on_dss(self, subflow, frame):
        if self.out.on_ack(frame.data_ack, "ack-range" not in self.config.off):
            self.writable.set()
        self.out.on_credit(frame.credit)
        self.control_out.on_ack(frame.ctrl_ack, "ack-range" not in self.config.off)
        for due in self.control_out.due():
            self._carry(due, subflow)
        fin = bool(frame.flags & frames.DATA_FIN)
        if frame.payload or fin:
            was = self.received.next
            new = self.received.accept(frame.dsn, frame.payload, fin,
                                       bool(frame.flags & frames.URGENT))
            if self.received.next > was:
                self.readable.set()
            at_once = not new or fin or bool(frame.flags & frames.ACK_NOW)
            self._acknowledge_soon(subflow, len(frame.payload), at_once)
        elif frame.flags & frames.ACK_NOW:
            self._acknowledge(subflow)
        self._wake()
        if self.out.all_acked and self.received.ended:
            self._close(None)

    def _on_fastclose(self, frame):
        self.tell("fastclose", reason_of(frame.reason).name)
        self._close("the peer aborted the connection")
        for subflow in list(self.subflows.values()):
            subflow.reset()

    def _on_add_addr(self, _subflow, frame):
        address = ipaddress.ip_address(frame.address)
        if address.is_unspecified or address.is_multicast or address.is_link_local or \
                getattr(address, "ipv4_mapped", None) or int(address) == 0xFFFFFFFF or \
                address.is_loopback and not self._first_is_loopback():
            self.tell("ignored", str(address))
            return
        if frame.id in self.withdrawn:
            return
        if frame.id in self.announced or len(self.announced) < MOST_ADDRESSES or \
                "claims" in self.config.off:
            self.announced[frame.id] = str(address), frame.port
            self.tell("address", (frame.id, str(address), frame.port))

    def _first_is_loopback(self):
        return ipaddress.ip_address(self.first_remote[0]).is_loopback

    def _on_remove_addr(self, came_on, frame):
        self.announced.pop(frame.id, None)
        self.withdrawn.add(frame.id)
        self.tell("removed", frame.id)
        for subflow in self._active():
            if subflow.remote_id == frame.id and subflow is not came_on:
                asyncio.ensure_future(self._probe(subflow))

    async def _probe(self, subflow):
        """A subflow whose address was withdrawn stays if it answers."""
        subflow.stale = True
        try:
            await asyncio.wait_for(subflow.ping(), STALE_SECONDS)
        except asyncio.TimeoutError:
            self._close_subflow(subflow, Reason.ADDRESS_GONE, True)

    def _on_prio(self, _subflow, frame):
        subflow = self.subflows.get(frame.subflow)
        if subflow is not None:
            subflow.backup = bool(frame.flags & frames.BACKUP)
            self.tell("prio", (frame.subflow, subflow.backup))
            self._wake()

    def _on_fail(self, _subflow, frame):
        """The peer got a payload that was changed on the way."""
        self.tell("fail", (frame.subflow, frame.dsn))
        subflow = self.subflows.get(frame.subflow)
        if subflow is not None:
            subflow.leave()
            self._resend(subflow)

    def _on_subflow_close(self, _subflow, frame):
        self.tell("subflow_close", (frame.subflow, reason_of(frame.reason).name))
        subflow = self.subflows.get(frame.subflow)
        if subflow is not None:
            subflow.leave()
            self._resend(subflow)

    def on_wrong_payload(self, subflow, dsn):
        self.tell("wrong_payload", subflow.id)
        self.send_control(Frame(frames.FAIL, subflow=subflow.id, dsn=dsn),
                          self._best(but=subflow) or subflow)
        self._close_subflow(subflow, Reason.MIDDLEBOX, True)

    def on_breach(self, subflow, breach):
        self.tell("breach", (subflow.id, str(breach)))
        if breach.reason in (Reason.BAD_MAC, Reason.MIDDLEBOX):
            self._close_subflow(subflow, breach.reason, True, elsewhere=True)
            subflow.reset()
        else:
            self._close_subflow(subflow, breach.reason, False)

    def _close_subflow(self, subflow, reason, transient, elsewhere=False):
        """SUBFLOW_CLOSE is sent on the subflow itself if that still works, else on another one."""
        if self.closed.is_set() or subflow.state != "active":
            return
        where = self._best(but=subflow) if elsewhere else subflow
        self.send_control(Frame(frames.SUBFLOW_CLOSE, frames.TRANSIENT if transient else 0,
                                subflow=subflow.id, reason=reason), where)
        subflow.leave()
        self._resend(subflow)

    # ---- subflows come and go ----

    def add(self, subflow):
        self.subflows[subflow.id] = subflow
        if subflow.id == keys.FIRST_SUBFLOW:
            self.first_remote = subflow.remote
            self.ticker = asyncio.ensure_future(self._tick())
        else:
            self.join_ids.add(subflow.id)
        self.lonely_since = None
        subflow.taken = max(s.taken for s in self.subflows.values())
        self.tell("subflow", subflow)
        subflow.start()
        self._resend(subflow)  # what had no subflow to go on
        self._wake()

    def on_subflow_end(self, subflow, why, was):
        self.tell("ended", (subflow.id, why))
        if self.subflows.get(subflow.id) is subflow:
            del self.subflows[subflow.id]
        if self.closed.is_set():
            return
        if subflow.early_opener is not None and self.early_payload:
            self.abort(Reason.BAD_MAC, "FINISHED never came")
            return
        self._resend(subflow)
        if not self.subflows:
            self.lonely_since = time.monotonic()

    async def _tick(self):
        """Subflows on which something is outstanding and nothing comes are stale."""
        while not self.closed.is_set():
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            for subflow in self._active():
                outstanding = self.out.held.get(subflow.id) or [
                    1 for _, carrier in self.control_out.under_way if carrier == subflow.id]
                if not outstanding:
                    subflow.heard = max(subflow.heard, now - STALE_SECONDS / 2)
                elif now - subflow.heard > STALE_SECONDS and not subflow.stale:
                    subflow.stale = True
                    self.tell("stale", subflow.id)
                    self._resend(subflow)
            if self.lonely_since and now - self.lonely_since > self.config.no_subflow_seconds:
                self._close("no subflow is left")

    def _close(self, error):
        """error: the application sees a reset."""
        if self.closed.is_set():
            return
        if error is None:
            for subflow in list(self.acks):
                self._acknowledge(subflow)
        self.error = error
        self.closed.set()
        for event in (self.readable, self.writable):
            event.set()
        for timer in self.ack_timers.values():
            timer.cancel()
        self.host.connections.pop(self.token, None)
        for subflow in list(self.subflows.values()):
            subflow.leave()


CONTROL_NAMES = {frames.ADD_ADDR: "add_addr", frames.REMOVE_ADDR: "remove_addr", frames.PRIO: "prio",
                 frames.FAIL: "fail", frames.SUBFLOW_CLOSE: "subflow_close"}
