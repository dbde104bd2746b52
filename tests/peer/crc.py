# SPDX-License-Identifier: MIT
"""CRC-32C as the page's Terms define it: reflected polynomial 0x82F63B78, initial value and final
XOR 0xFFFFFFFF."""


def _entry(value):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = [_entry(byte) for byte in range(256)]


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF
