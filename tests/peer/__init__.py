# SPDX-License-Identifier: MIT
"""A second implementation of the protocol, written from man/mptcpshim-protocol.7 alone.

It shares no line with the C code, so what both agree on is what the page says. It is slow and plain
on purpose: read it beside the page. Each module names the section that it implements:

    marks.py       MARKS IN THE TCP HANDSHAKE
    opening.py     OPENING MESSAGES
    keys.py        AUTHENTICATION
    frames.py      FRAMES: their bytes and their MACs
    streams.py     FRAMES: receiving data, credit; SENDING OVER SEVERAL SUBFLOWS
    control.py     FRAMES: control frames, in order and each exactly once
    subflow.py     STATES of a subflow: frames in, frames out
    connection.py  STATES of a connection: what each frame does
    host.py        THE FIRST SUBFLOW and JOINS: who says what first
    __main__.py    a client and a server for the command line

What it leaves out: scheduling beyond taking turns, the repair of lost HELLOs, plain TCP as a
fallback, and all that the page leaves to the host (when to join, where to, how often).

Config.off names defences that are left out. Such a peer is a victim: the tests in tests/attack show
with it that an attack would work if the defence were not there.

    crc          CRCs of frames' heads
    head-mac     MACs of frames' heads
    payload-mac  MACs of payloads
    ack-range    a DATA_ACK or CTRL_ACK of what was not sent is an error
    finished     the HMAC of FINISHED
    hello-reply  the HMAC of HELLO_REPLY
    join         the HMACs of JOIN_REPLY and JOIN_CONFIRM
    key-share    the X25519 result as a part of the secret
    transcript   HELLO and HELLO_REPLY as a part of the secret
    claims       only so many addresses that the peer has named are remembered and tried
    agent-mark   AGENT in the SYN-ACK of a join
    displace     a new join takes the place of an older one that was not confirmed
"""
