# SPDX-License-Identifier: MIT
"""OPENING MESSAGES: the first bytes of each direction of a marked TCP connection."""
import asyncio

from .crc import crc32c
from .keys import HASHES
from .reasons import Breach, Reason

MAGIC = bytes.fromhex("F54D50530D0A00E1")
VERSION = 2
HEAD_BYTES, SHORTEST, LONGEST = 16, 16, 1024
CRC_AT = slice(12, 16)

HELLO, HELLO_REPLY, JOIN, JOIN_REPLY, JOIN_CONFIRM, REFUSE = range(1, 7)

KEY, CAPABILITIES, CREDIT, TOKEN, SUBFLOW_ID, ADDR_ID, FLAGS, NONCE, HMAC, REASON = range(1, 11)
KEY_SHARE, PSK_IDENTITY, HMAC_ALGS = 16, 17, 18
CRITICAL = 0x80

PAYLOAD_MAC, HELD = 1, 2  # bits of CAPABILITIES
BACKUP = 1  # bit of FLAGS

# Length of the value: least and most.
LENGTHS = {KEY: (8, 8), CAPABILITIES: (4, 4), CREDIT: (8, 8), TOKEN: (4, 4), SUBFLOW_ID: (4, 4),
           ADDR_ID: (1, 1), FLAGS: (1, 1), NONCE: (16, 16), HMAC: (20, 20), REASON: (1, 1),
           KEY_SHARE: (32, 32), PSK_IDENTITY: (1, 255), HMAC_ALGS: (1, 255)}
# Mandatory options of each kind, and those that it may have.
KINDS = {HELLO: ({KEY, CAPABILITIES, CREDIT, KEY_SHARE, HMAC_ALGS}, {PSK_IDENTITY}),
         HELLO_REPLY: ({KEY, CAPABILITIES, CREDIT, KEY_SHARE, HMAC_ALGS, HMAC}, set()),
         JOIN: ({TOKEN, SUBFLOW_ID, ADDR_ID, FLAGS, NONCE}, set()),
         JOIN_REPLY: ({ADDR_ID, FLAGS, NONCE, HMAC}, set()),
         JOIN_CONFIRM: ({HMAC}, set()),
         REFUSE: ({REASON}, set())}


class Foreign(Exception):
    """The first bytes are none of this protocol."""


class Refused(Exception):
    """The peer answered REFUSE."""

    def __init__(self, reason):
        super().__init__(reason.name)
        self.reason = reason


class Message:
    """kind, options (type: value as bytes) and raw, the bytes as they were on the wire."""

    def __init__(self, kind, options, raw):
        self.kind, self.options, self.raw = kind, options, raw

    def number(self, option):
        return int.from_bytes(self.options[option], "big")

    def without_hmac(self):
        """The message as it enters a transcript: its HMAC and its CRC, which depends on that, are
        zero."""
        raw = bytearray(self.raw)
        raw[CRC_AT] = bytes(4)
        at = HEAD_BYTES
        while at < len(raw):
            length = int.from_bytes(raw[at + 2:at + 4], "big")
            if raw[at] == HMAC:
                raw[at + 4:at + 4 + length] = bytes(length)
            at += 4 + length
        return bytes(raw)


def encode(kind, options, version=VERSION):
    """options: (type, value) in the order of the wire; value bytes, or an int of the option's size."""
    body = b""
    for number, value in options:
        if isinstance(value, int):
            value = value.to_bytes(LENGTHS[number][0], "big")
        flags = CRITICAL if number == PSK_IDENTITY else 0
        body += bytes([number, flags]) + len(value).to_bytes(2, "big") + value
    return seal(bytearray(MAGIC + bytes([version, kind]) +
                          (HEAD_BYTES + len(body)).to_bytes(2, "big") + bytes(4) + body))


def seal(raw):
    """Put the CRC in."""
    raw[CRC_AT] = bytes(4)
    raw[CRC_AT] = crc32c(raw).to_bytes(4, "big")
    return bytes(raw)


def parse(raw):
    """A whole message, in the order of checks that the page demands."""
    if raw[:8] != MAGIC:
        raise Foreign
    if not SHORTEST <= len(raw) <= LONGEST or int.from_bytes(raw[10:12], "big") != len(raw):
        raise Breach(Reason.PROTOCOL, "length of a message")
    blank = bytearray(raw)
    blank[CRC_AT] = bytes(4)
    if crc32c(blank) != int.from_bytes(raw[CRC_AT], "big"):
        raise Breach(Reason.MIDDLEBOX, "CRC of a message")
    if raw[8] != VERSION:
        raise Breach(Reason.VERSION, "version %d" % raw[8])
    if raw[9] not in KINDS:
        raise Breach(Reason.PROTOCOL, "kind %d" % raw[9])
    options = _parse_options(raw[HEAD_BYTES:], *KINDS[raw[9]])
    return Message(raw[9], options, bytes(raw))


def _parse_options(body, mandatory, possible):
    options = {}
    while body:
        if len(body) < 4 or body[0] == 0:
            raise Breach(Reason.PROTOCOL, "options")
        number, flags, length = body[0], body[1], int.from_bytes(body[2:4], "big")
        value, body = body[4:4 + length], body[4 + length:]
        if len(value) != length:
            raise Breach(Reason.PROTOCOL, "an option reaches beyond the message")
        if number not in LENGTHS:
            if flags & CRITICAL:
                raise Breach(Reason.VERSION, "unknown critical option %d" % number)
            continue
        least, most = LENGTHS[number]
        if number in options or number not in mandatory | possible or not least <= length <= most:
            raise Breach(Reason.PROTOCOL, "option %d" % number)
        options[number] = value
    if mandatory - set(options):
        raise Breach(Reason.PROTOCOL, "options are missing")
    return options


async def receive(reader, *kinds):
    """The next message, which must be of one of these kinds, or REFUSE, which raises Refused.
    Nothing behind it is taken from the reader."""
    raw = b""
    try:
        while len(raw) < 8:
            raw += await reader.readexactly(1)
            if not MAGIC.startswith(raw):
                raise Foreign
        raw += await reader.readexactly(4)
        length = int.from_bytes(raw[10:12], "big")
        if not SHORTEST <= length <= LONGEST:
            raise Breach(Reason.PROTOCOL, "length of a message")
        raw += await reader.readexactly(length - len(raw))
    except asyncio.IncompleteReadError:
        raise Foreign from None
    message = parse(raw)
    if message.kind == REFUSE:
        from .reasons import reason_of
        raise Refused(reason_of(message.number(REASON)))
    if message.kind not in kinds:
        raise Breach(Reason.PROHIBITED if message.kind in (HELLO, JOIN) else Reason.PROTOCOL,
                     "kind %d here" % message.kind)
    return message


def known_algorithms(message):
    """The algorithms of HMAC_ALGS that this host knows, in the order of the message."""
    known = [number for number in message.options[HMAC_ALGS] if number in HASHES]
    if not known:
        raise Breach(Reason.VERSION, "no known algorithm")
    return known
