#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: vectors.py PAGE: every test vector of the protocol page is made by this implementation, and
comes out as it stands there. TAP."""
import os
import pathlib
import re
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), up) for up in ("..", "../lib")]
from tap import plan, point  # noqa: E402

from peer import frames, keys, opening  # noqa: E402
from peer.frames import Frame  # noqa: E402

PAGE = pathlib.Path(sys.argv[1]).read_text()
VECTORS = {name: bytes.fromhex(text) for name, text in
           re.findall(r'\\" vector (\S+)\n\.EX\n(.*?)\.EE', PAGE, re.S)}

KEY = bytes(range(0x01, 0x09)), bytes(range(0x11, 0x19))  # the client's, the server's
NONCE = bytes(range(0xA0, 0xB0)), bytes(range(0xB0, 0xC0))
SHARE = keys.Share(bytes(range(0x20, 0x40))), keys.Share(bytes(range(0x40, 0x60)))
SHARED = SHARE[0].meet(SHARE[1].public)
PSK = b"alice", bytes(range(0x60, 0x80))
MADE = {}


def messages(prefix, hashes, psk=None):
    """HELLO and HELLO_REPLY, what is derived from them, FINISHED and JOIN_REPLY."""
    hello = [(opening.KEY, KEY[0]), (opening.CAPABILITIES, opening.PAYLOAD_MAC),
             (opening.CREDIT, 65536), (opening.KEY_SHARE, SHARE[0].public)] + \
        ([(opening.PSK_IDENTITY, psk[0])] if psk else []) + [(opening.HMAC_ALGS, hashes)]

    def reply(mac):
        return opening.encode(opening.HELLO_REPLY, [
            (opening.KEY, KEY[1]), (opening.CAPABILITIES, opening.PAYLOAD_MAC),
            (opening.CREDIT, 1048576), (opening.HMAC, mac), (opening.KEY_SHARE, SHARE[1].public),
            (opening.HMAC_ALGS, hashes[:1])])

    def join_reply(mac):
        return opening.encode(opening.JOIN_REPLY, [
            (opening.ADDR_ID, 0), (opening.FLAGS, 0), (opening.NONCE, NONCE[1]), (opening.HMAC, mac)])

    hello, key = opening.encode(opening.HELLO, hello), psk[1] if psk else b""
    secrets = keys.Secrets(hashes[0], key, SHARED, *KEY,
                           hello + opening.parse(reply(bytes(20))).without_hmac())
    early = keys.early_key(key, KEY[0], hello)
    padding = frames.encode(Frame(frames.PADDING), frames.Sealer(early))
    finished = frames.finished(secrets.finished_mac(padding))
    join = opening.encode(opening.JOIN, [
        (opening.TOKEN, keys.token(KEY[1])), (opening.SUBFLOW_ID, 2), (opening.ADDR_ID, 1),
        (opening.FLAGS, opening.BACKUP), (opening.NONCE, NONCE[0])])
    mac_a, mac_j = secrets.join_macs(keys.CLIENT, join + opening.parse(
        join_reply(bytes(20))).without_hmac())
    sealer = frames.Sealer(secrets.frame_key(0, keys.CLIENT))
    for name, value in {
            "hello": hello, "k-early": early, "padding": padding,
            "hello-reply": reply(secrets.hello_reply_mac()), "main": secrets.main,
            "transcript": secrets.t, "auth-c": secrets.auth[keys.CLIENT],
            "auth-s": secrets.auth[keys.SERVER], "k-0-1": secrets.frame_key(0, keys.CLIENT),
            "k-0-2": secrets.frame_key(0, keys.SERVER), "finished": frames.encode(finished, sealer),
            "join": join, "join-reply": join_reply(mac_a),
            "join-confirm": opening.encode(opening.JOIN_CONFIRM, [(opening.HMAC, mac_j)]),
            "k-2-1": secrets.frame_key(2, keys.CLIENT, b"".join(NONCE)),
            "k-2-2": secrets.frame_key(2, keys.SERVER, b"".join(NONCE)),
            "refuse": opening.encode(opening.REFUSE, [(opening.REASON, 16)])}.items():
        MADE[prefix + name] = value
    return sealer, frames.Sealer(secrets.frame_key(0, keys.SERVER))


def all_frames(client, server):
    fields = {"dsn": 4096, "data_ack": 512, "credit": 262144, "ctrl_ack": 3, "timestamp": 1000000}
    for name, sealer, frame in (
            ("dss", client, Frame(frames.DSS, frames.ACK_NOW, b"multipath", **fields)),
            ("dss-mac", client, Frame(frames.CHECKED_DSS, frames.ACK_NOW, b"multipath", **fields)),
            ("dss-urgent", client, Frame(frames.DSS, frames.URGENT, b"multipath", **fields)),
            ("dss-fin", client, Frame(frames.DSS, frames.DATA_FIN, **dict(fields, dsn=4105))),
            ("add-addr-4", server, Frame(frames.ADD_ADDR, csn=0, id=1, family=4, port=8080,
                                         address=bytes((192, 0, 2, 1)))),
            ("add-addr-6", server, Frame(frames.ADD_ADDR, csn=1, id=2, family=6, port=0, address=bytes(
                (0x20, 1, 0x0d, 0xb8)) + bytes(11) + b"\1")),
            ("remove-addr", server, Frame(frames.REMOVE_ADDR, csn=2, id=1)),
            ("prio", server, Frame(frames.PRIO, frames.BACKUP, csn=3, subflow=2)),
            ("fail", server, Frame(frames.FAIL, csn=4, subflow=2, dsn=4096)),
            ("fastclose", server, Frame(frames.FASTCLOSE, csn=5, reason=0)),
            ("subflow-close", server, Frame(frames.SUBFLOW_CLOSE, frames.TRANSIENT, csn=6, subflow=2,
                                            reason=5)),
            ("ping", server, Frame(frames.PING, zero=0, opaque=b"\xca\xfe\xf0\x0d")),
            ("pong", server, Frame(frames.PONG, zero=0, opaque=b"\xca\xfe\xf0\x0d")),
            ("optional", server, Frame(frames.PADDING, payload=b"skip me"))):
        MADE[name] = frames.encode(frame, sealer)


def main():
    messages("psk-", b"\2\1", PSK)
    messages("sha1-", b"\1")
    all_frames(*messages("", b"\2\1"))
    for name, value in VECTORS.items():
        point(MADE.get(name) == value, name, "page: " + value.hex(), "made: " + MADE.get(name, b"").hex())
    point(len(VECTORS) > 30, "there are vectors")
    plan()


if __name__ == "__main__":
    main()
