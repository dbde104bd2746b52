# SPDX-License-Identifier: MIT
"""Reasons: of REFUSE, SUBFLOW_CLOSE and FASTCLOSE."""
import enum


class Reason(enum.IntEnum):
    UNSPECIFIED = 0
    PROTOCOL = 1
    RESOURCES = 2
    PROHIBITED = 3
    TOO_MUCH_DATA = 4
    BAD_PERFORMANCE = 5
    MIDDLEBOX = 6
    UNKNOWN_TOKEN = 16
    BAD_HMAC = 17
    VERSION = 18
    TIMEOUT = 19
    ADDRESS_GONE = 20
    BAD_MAC = 21


def reason_of(number):
    """An unknown reason is treated as UNSPECIFIED."""
    return Reason(number) if number in Reason.__members__.values() else Reason.UNSPECIFIED


class Breach(Exception):
    """The peer, or somebody on the path, broke a rule: the subflow ends with this reason."""

    def __init__(self, reason, text):
        super().__init__("%s: %s" % (reason.name, text))
        self.reason = reason
