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

What it leaves out: scheduling beyond "who has room", the repair of lost HELLOs, plain TCP as a
fallback, and all that the page leaves to the host (when to join, where to, how often).

Config.off names checks that are not made. Such a peer is a victim: the tests in tests/attack show
with it that an attack would work if the check were not there.
"""
