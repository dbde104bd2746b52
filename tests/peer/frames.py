# SPDX-License-Identifier: MIT
"""FRAMES: what a subflow consists of behind its opening messages, byte by byte, and the MACs that
seal them."""
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .crc import crc32c
from .keys import same
from .reasons import Breach, Reason

PREFIX_BYTES, MAC_BYTES, MOST_PAYLOAD = 8, 16, 61440

DSS, CHECKED_DSS, ADD_ADDR, REMOVE_ADDR, PRIO, FAIL, FASTCLOSE, SUBFLOW_CLOSE, PING, PONG, FINISHED \
    = range(1, 12)
PADDING = 0x80

DATA_FIN, ACK_NOW, URGENT = 1, 2, 4  # flags of DSS
BACKUP = TRANSIENT = 1  # flag of PRIO; of SUBFLOW_CLOSE

# The fixed part of each type: its layout, and the names of its fields.
_DSS_FIELDS = ">QQQII", "dsn data_ack credit ctrl_ack timestamp"
FIXED = {DSS: _DSS_FIELDS, CHECKED_DSS: _DSS_FIELDS,
         ADD_ADDR: (">IBBH", "csn id family port"),  # and the address, 4 or 16 bytes
         REMOVE_ADDR: (">IB", "csn id"),
         PRIO: (">II", "csn subflow"),
         FAIL: (">IIQ", "csn subflow dsn"),
         FASTCLOSE: (">IB", "csn reason"),
         SUBFLOW_CLOSE: (">IIB", "csn subflow reason"),
         PING: (">I4s", "zero opaque"), PONG: (">I4s", "zero opaque"),
         FINISHED: (">20s", "hmac")}
CONTROL = {ADD_ADDR, REMOVE_ADDR, PRIO, FAIL, FASTCLOSE, SUBFLOW_CLOSE}  # these have CSNs


class Frame:
    """type, flags, the fields of the fixed part as attributes, and payload."""

    def __init__(self, kind, flags=0, payload=b"", **fields):
        self.type, self.flags, self.payload = kind, flags, payload
        self.__dict__.update(fields)

    def __repr__(self):
        fields = {k: v for k, v in self.__dict__.items() if k not in ("payload", "raw")}
        return "Frame(%s, %d bytes)" % (fields, len(self.payload))


class Sealer:
    """The MACs of one direction of one subflow: AES-128-GMAC, numbered, so that a frame fits in one
    place only."""

    def __init__(self, key):
        self.gcm = AESGCM(key)
        self.n = 0  # of the next frame

    def mac(self, payload, data):
        """payload: 1 for that of a payload, 0 for that of a head."""
        nonce = bytes(4) + (2 * self.n + payload).to_bytes(8, "big")
        return self.gcm.encrypt(nonce, b"", data)

    def right(self, payload, data, mac):
        nonce = bytes(4) + (2 * self.n + payload).to_bytes(8, "big")
        try:
            self.gcm.decrypt(nonce, bytes(mac), bytes(data))
        except InvalidTag:
            return False
        return True


def fixed_part(frame):
    if frame.type >= PADDING:
        return b""
    layout, names = FIXED[frame.type]
    fixed = struct.pack(layout, *(getattr(frame, name) for name in names.split()))
    return fixed + frame.address if frame.type == ADD_ADDR else fixed


def head_with_crc(kind, flags, length, fixed):
    prefix = struct.pack(">BBH", kind, flags, length)
    crc = crc32c(prefix + bytes(4) + fixed)
    return prefix + crc.to_bytes(4, "big") + fixed


def encode(frame, sealer):
    """The frame's bytes; it becomes the next one of the sealer's direction."""
    fixed = fixed_part(frame)
    check = MAC_BYTES if frame.type == CHECKED_DSS else 0
    length = len(fixed) + MAC_BYTES + len(frame.payload) + check
    head = head_with_crc(frame.type, frame.flags, length, fixed)
    raw = head + sealer.mac(0, head) + frame.payload
    if frame.type == CHECKED_DSS:
        raw += sealer.mac(1, frame.payload)
    sealer.n += 1
    return raw


def fixed_bytes(kind, length):
    """How long the fixed part is, from the prefix alone; a length that the table does not allow is a
    framing error."""
    rest = length - MAC_BYTES
    if kind >= PADDING:
        size, allowed = 0, rest >= 0
    elif kind not in FIXED:
        raise Breach(Reason.PROTOCOL, "type %02x" % kind)
    else:
        size = struct.calcsize(FIXED[kind][0])
        if kind == ADD_ADDR:
            size, allowed = rest, rest in (size + 4, size + 16)
        elif kind == DSS:
            allowed = 0 <= rest - size <= MOST_PAYLOAD
        elif kind == CHECKED_DSS:
            allowed = 1 <= rest - size - MAC_BYTES <= MOST_PAYLOAD
        else:
            allowed = rest == size
    if not allowed:
        raise Breach(Reason.PROTOCOL, "length %d of type %02x" % (length, kind))
    return size


class WrongPayload(Exception):
    """The payload of a checked DSS was changed on the way; its head was not."""

    def __init__(self, dsn):
        super().__init__("payload at DSN %d" % dsn)
        self.dsn = dsn


async def receive(reader, key_for, off=()):
    """The next frame. key_for(type) is the Sealer of the direction. Breach: the subflow is lost."""
    prefix = await reader.readexactly(PREFIX_BYTES)
    kind, flags, length, crc = struct.unpack(">BBHI", prefix)
    fixed = await reader.readexactly(fixed_bytes(kind, length))
    head = prefix + fixed
    if crc32c(prefix[:4] + bytes(4) + fixed) != crc and "crc" not in off:
        raise Breach(Reason.MIDDLEBOX, "CRC of a frame's head")
    mac = await reader.readexactly(MAC_BYTES)
    sealer = key_for(kind)
    if "head-mac" not in off and not sealer.right(0, head, mac):
        raise Breach(Reason.BAD_MAC, "MAC of a frame of type %02x" % kind)
    payload = await reader.readexactly(length - len(fixed) - MAC_BYTES)
    frame = decode(kind, flags, fixed, payload)
    frame.raw = head + mac + payload
    if kind == CHECKED_DSS:
        payload, mac = payload[:-MAC_BYTES], payload[-MAC_BYTES:]
        frame.payload = payload
        if "payload-mac" not in off and not sealer.right(1, payload, mac):
            raise WrongPayload(frame.dsn)
    sealer.n += 1
    return frame


def decode(kind, flags, fixed, payload):
    if kind >= PADDING:
        return Frame(kind, flags, payload)
    layout, names = FIXED[kind]
    size = struct.calcsize(layout)
    frame = Frame(kind, flags, payload, **dict(zip(names.split(), struct.unpack(layout, fixed[:size]))))
    if getattr(frame, "zero", 0) != 0:
        raise Breach(Reason.PROTOCOL, "a field is not zero")
    if kind == ADD_ADDR:
        frame.address = fixed[size:]
        if (frame.family, len(frame.address)) not in ((4, 4), (6, 16)):
            raise Breach(Reason.PROTOCOL, "family of an address")
    if kind in (DSS, CHECKED_DSS):
        fin = flags & DATA_FIN
        data = len(payload) - (MAC_BYTES if kind == CHECKED_DSS else 0)
        if frame.dsn + data + fin > 2 ** 64 - 1:
            raise Breach(Reason.PROTOCOL, "DSN beyond the last one")
    return frame


def finished(mac):
    return Frame(FINISHED, hmac=mac)


def is_right_finished(frame, mac):
    return same(frame.hmac, mac)
