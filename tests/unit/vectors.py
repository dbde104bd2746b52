#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test vectors of mptcpshim-protocol(7), made without the project's code: the standard library,
and the package cryptography for X25519 and GCM.

    vectors.py PAGE           are the vectors of the page these?
    vectors.py PAGE --write   put these into the page
"""

import hashlib
import hmac
import re
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = bytes.fromhex('f54d50530d0a00e1')
KEY_C, KEY_S = bytes(range(0x01, 0x09)), bytes(range(0x11, 0x19))
NONCE_C, NONCE_S = bytes(range(0xa0, 0xb0)), bytes(range(0xb0, 0xc0))
PRIVATE_C = X25519PrivateKey.from_private_bytes(bytes(range(0x20, 0x40)))
PRIVATE_S = X25519PrivateKey.from_private_bytes(bytes(range(0x40, 0x60)))
PSK_ID, PSK = b'alice', bytes(range(0x60, 0x80))
SHA1, SHA256 = 1, 2
HASH = {SHA1: hashlib.sha1, SHA256: hashlib.sha256}


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def public(private):
    return private.public_key().public_bytes_raw()


# ---- opening messages ----

def option(kind, value, flags=0):
    return struct.pack('>BBH', kind, flags, len(value)) + value


def opening(kind, *options):
    body = b''.join(options)
    head = MAGIC + struct.pack('>BBH', 2, kind, 16 + len(body))
    return head + struct.pack('>I', crc32c(head + bytes(4) + body)) + body


def hello(algs, identity=b''):
    return opening(1, option(1, KEY_C), option(2, struct.pack('>I', 1)),
                   option(3, struct.pack('>Q', 65536)), option(16, public(PRIVATE_C)),
                   *([option(17, identity, 0x80)] if identity else []), option(18, bytes(algs)))


def hello_reply(alg, mac):
    return opening(2, option(1, KEY_S), option(2, struct.pack('>I', 1)),
                   option(3, struct.pack('>Q', 1048576)), option(9, mac),
                   option(16, public(PRIVATE_S)), option(18, bytes([alg])))


def join():
    token = hashlib.sha1(KEY_S).digest()[:4]
    return opening(3, option(4, token), option(5, struct.pack('>I', 2)), option(6, b'\x01'),
                   option(7, b'\x01'), option(8, NONCE_C))


def join_reply(mac):
    return opening(4, option(6, b'\x00'), option(7, b'\x00'), option(8, NONCE_S), option(9, mac))


def unsigned(message):
    """CRC zero; whoever calls has made the HMAC zero."""
    return message[:12] + bytes(4) + message[16:]


# ---- keys ----

class Keys:
    """All that follows from HELLO and its answer."""

    def __init__(self, first, answer, alg, psk=b''):
        agreed = PRIVATE_C.exchange(X25519PublicKey.from_public_bytes(public(PRIVATE_S)))
        self.alg = alg
        self.k_early = self.expand(hmac.digest(psk, KEY_C, 'sha256'), 'early',
                                   hashlib.sha256(first).digest(), 16, SHA256)
        self.main = hmac.digest(psk, agreed + KEY_C + KEY_S, HASH[alg])
        self.t = HASH[alg](first + unsigned(answer(bytes(20)))).digest()
        self.auth_c = self.expand(self.main, 'client', self.t, 20, alg)
        self.auth_s = self.expand(self.main, 'server', self.t, 20, alg)

    @staticmethod
    def expand(secret, label, context, length, alg):
        info = b'mptcpshim 2 ' + label.encode() + b'\0' + context + b'\x01'
        return hmac.digest(secret, info, HASH[alg])[:length]

    def frames(self, subflow, direction, nonces=b''):
        context = self.t + struct.pack('>IB', subflow, direction) + nonces
        return self.expand(self.main, 'frames', context, 16, self.alg)

    def by_client(self, message):
        return hmac.digest(self.auth_c + self.auth_s, message, HASH[self.alg])[:20]

    def by_server(self, message):
        return hmac.digest(self.auth_s + self.auth_c, message, HASH[self.alg])[:20]


# ---- frames ----

def gmac(key, number, data):
    return AESGCM(key).encrypt(struct.pack('>IQ', 0, number), b'', data)


def frame(key, n, kind, flags, fixed, rest=b''):
    prefix = struct.pack('>BBH', kind, flags, len(fixed) + 16 + len(rest))
    head = prefix + struct.pack('>I', crc32c(prefix + bytes(4) + fixed)) + fixed
    return head + gmac(key, 2 * n, head) + rest


def dss(key, n, flags, dsn, payload, checked=False):
    fixed = struct.pack('>QQQII', dsn, 512, 262144, 3, 1000000)
    rest = payload + (gmac(key, 2 * n + 1, payload) if checked else b'')
    return frame(key, n, 2 if checked else 1, flags, fixed, rest)


def suite(prefix, algs, identity=b'', psk=b''):
    """An opening with its keys."""
    alg = algs[0]
    first = hello(algs, identity)
    keys = Keys(first, lambda mac: hello_reply(alg, mac), alg, psk)
    answer = hello_reply(alg, keys.by_server(keys.t))
    padding = frame(keys.k_early, 0, 0x80, 0, b'')
    early = hashlib.sha256(padding).digest()
    j = join() + unsigned(join_reply(bytes(20)))
    out = {
        'hello': first,
        'k-early': keys.k_early,
        'main': keys.main,
        'transcript': keys.t,
        'auth-c': keys.auth_c,
        'auth-s': keys.auth_s,
        'hello-reply': answer,
        'padding': padding,
        'k-0-1': keys.frames(0, 1),
        'k-0-2': keys.frames(0, 2),
        'finished': frame(keys.frames(0, 1), 0, 11, 0, keys.by_client(early)),
        'join': join(),
        'join-reply': join_reply(keys.by_server(j)),
        'join-confirm': opening(5, option(9, keys.by_client(j))),
        'k-2-1': keys.frames(2, 1, NONCE_C + NONCE_S),
        'k-2-2': keys.frames(2, 2, NONCE_C + NONCE_S),
    }
    return keys, {prefix + name: value for name, value in out.items()}


def vectors():
    keys, out = suite('', [SHA256, SHA1])
    sha1, psk = suite('sha1-', [SHA1])[1], suite('psk-', [SHA256, SHA1], PSK_ID, PSK)[1]
    for name in ('hello', 'main', 'hello-reply', 'finished', 'join-reply'):
        out['sha1-' + name] = sha1['sha1-' + name]
    for name in ('hello', 'k-early', 'main', 'hello-reply', 'finished'):
        out['psk-' + name] = psk['psk-' + name]
    client, server = keys.frames(0, 1), keys.frames(0, 2)
    out['refuse'] = opening(6, option(10, b'\x10'))
    payload = b'multipath'
    out['dss'] = dss(client, 1, 2, 4096, payload)
    out['dss-mac'] = dss(client, 2, 2, 4096, payload, True)
    out['dss-urgent'] = dss(client, 3, 4, 4096, payload)
    out['dss-fin'] = dss(client, 4, 1, 4105, b'')
    v4, v6 = bytes([192, 0, 2, 1]), bytes.fromhex('20010db8000000000000000000000001')
    out['add-addr-4'] = frame(server, 0, 3, 0, struct.pack('>IBBH', 0, 1, 4, 8080) + v4)
    out['add-addr-6'] = frame(server, 1, 3, 0, struct.pack('>IBBH', 1, 2, 6, 0) + v6)
    out['remove-addr'] = frame(server, 2, 4, 0, struct.pack('>IB', 2, 1))
    out['prio'] = frame(server, 3, 5, 1, struct.pack('>II', 3, 2))
    out['fail'] = frame(server, 4, 6, 0, struct.pack('>IIQ', 4, 2, 4096))
    out['fastclose'] = frame(server, 5, 7, 0, struct.pack('>IB', 5, 0))
    out['subflow-close'] = frame(server, 6, 8, 1, struct.pack('>IIB', 6, 2, 5))
    out['ping'] = frame(server, 7, 9, 0, struct.pack('>II', 0, 0xcafef00d))
    out['pong'] = frame(server, 8, 10, 0, struct.pack('>II', 0, 0xcafef00d))
    out['optional'] = frame(server, 9, 0x80, 0, b'', b'skip me')
    return out


def shown(data):
    lines = [data[at:at + 16] for at in range(0, len(data), 16)]
    return ''.join(line.hex(' ').upper() + '\n' for line in lines)


def main():
    page = open(sys.argv[1], encoding='utf-8').read()
    made = vectors()
    pattern = re.compile(r'(\.\\" vector (\S+)\n\.EX\n)([0-9A-F\s]*)(\.EE\n)')
    seen = []

    def put(match):
        seen.append(match.group(2))
        return match.group(1) + shown(made.get(match.group(2), b'')) + match.group(4)

    right = pattern.sub(put, page)
    odd = set(seen).symmetric_difference(made)
    if odd:
        sys.exit('vectors on one side only: ' + ' '.join(sorted(odd)))
    if sys.argv[2:] == ['--write']:
        open(sys.argv[1], 'w', encoding='utf-8').write(right)
    elif right != page:
        wrong = [name for name, text in zip(seen, pattern.finditer(page))
                 if text.group(3) != shown(made[name])]
        sys.exit('other vectors in the page: ' + ' '.join(wrong))
    print(len(seen), 'vectors')


if __name__ == '__main__':
    main()
