# SPDX-License-Identifier: MIT
"""Attacks on the protocol, by the peer in Python (tests/peer), each with its control.

    attack.py      the programme, and the table
    ends.py        the victims: two hosts with agents, or with peers in Python
    box.py         a box on a path, which has every message and frame in its hands
    plays.py       on one path of a running connection: frames made, changed, repeated, moved
    handshakes.py  on the first handshake
    joins.py       by joins
    claims.py      a hostile server, which names addresses of others

A new attack is a class with name, threats (rows of mptcpshim-security(7)), off (the defences that its
control leaves out, see peer/__init__.py), attack(), tries and succeeded(); in plays.py a function.
"""
