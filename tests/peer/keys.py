# SPDX-License-Identifier: MIT
"""AUTHENTICATION: from what the opening messages carry to the keys of the frames."""
import hashlib
import hmac as hmac_module

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SHA1, SHA256 = 1, 2
HASHES = {SHA1: hashlib.sha1, SHA256: hashlib.sha256}
MAC_BYTES = 20  # of the HMACs in messages and in FINISHED
CLIENT, SERVER = 1, 2  # directions, named after who sends
FIRST_SUBFLOW = 0


def token(key):
    """The name of a connection on the wire; SHA-1 whatever hash is in force."""
    return hashlib.sha1(key).digest()[:4]


def digest(algorithm, *parts):
    return HASHES[algorithm](b"".join(parts)).digest()


def hmac(algorithm, key, *parts):
    return hmac_module.new(key, b"".join(parts), HASHES[algorithm]).digest()


def same(one, other):
    """In constant time."""
    return hmac_module.compare_digest(one, other)


def expand(algorithm, secret, label, context, length):
    """E(secret, label, context, n): HKDF-Expand of RFC 5869, one block."""
    return hmac(algorithm, secret, b"mptcpshim 2 ", label, b"\0", context, b"\x01")[:length]


class Share:
    """One end of X25519 (RFC 7748)."""

    def __init__(self, private=None):
        self.private = (X25519PrivateKey.from_private_bytes(private) if private
                        else X25519PrivateKey.generate())
        self.public = self.private.public_key().public_bytes_raw() if hasattr(
            X25519PublicKey, "public_bytes_raw") else _raw(self.private.public_key())

    def meet(self, other):
        """The shared secret; ValueError if it is all zeros."""
        return self.private.exchange(X25519PublicKey.from_public_bytes(other))


def _raw(public):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def early_key(psk, key_client, hello):
    """K-early, of what a client sends behind HELLO before it has HELLO_REPLY: SHA-256 always, since
    no algorithm is in force yet."""
    return expand(SHA256, hmac(SHA256, psk, key_client), b"early", digest(SHA256, hello), 16)


class Secrets:
    """What both hosts of a connection know once HELLO and HELLO_REPLY were exchanged."""

    def __init__(self, algorithm, psk, shared, key_client, key_server, transcript):
        self.algorithm = algorithm
        self.main = hmac(algorithm, psk, shared, key_client, key_server)
        self.t = digest(algorithm, transcript)  # T
        self.auth = {CLIENT: expand(algorithm, self.main, b"client", self.t, 20),
                     SERVER: expand(algorithm, self.main, b"server", self.t, 20)}

    def hello_reply_mac(self):
        return hmac(self.algorithm, self.auth[SERVER] + self.auth[CLIENT], self.t)[:MAC_BYTES]

    def finished_mac(self, early):
        """early: all bytes that the client sent behind HELLO before FINISHED."""
        return hmac(self.algorithm, self.auth[CLIENT] + self.auth[SERVER],
                    digest(SHA256, early))[:MAC_BYTES]

    def join_macs(self, joiner, messages):
        """(HMAC-A of JOIN_REPLY, HMAC-J of JOIN_CONFIRM); joiner: CLIENT or SERVER of the
        connection; messages: J, that is JOIN || JOIN_REPLY without what depends on its HMAC."""
        a, j = self.auth[CLIENT + SERVER - joiner], self.auth[joiner]
        return tuple(hmac(self.algorithm, key, messages)[:MAC_BYTES] for key in (a + j, j + a))

    def frame_key(self, subflow_id, direction, nonces=b""):
        """K(subflow, direction); nonces: nonce-J || nonce-A of a join."""
        context = self.t + subflow_id.to_bytes(4, "big") + bytes([direction]) + nonces
        return expand(self.algorithm, self.main, b"frames", context, 16)
