# SPDX-License-Identifier: MIT
"""MARKS IN THE TCP HANDSHAKE: window and MSS of SYN and SYN-ACK, by Linux's socket options.

Linux advertises whole segments of TCP_MAXSEG, so the MSS alone makes the window of CONNECT and of
LISTEN. JOIN and AGENT bound the window, too (TCP_WINDOW_CLAMP)."""
import socket
import struct

CONNECT_MSS, LISTEN_MSS, JOIN_MSS = 1319, 1303, 1323
LARGE_MSS = 8820
JOIN_WINDOW, LARGE_WINDOW, AGENT_WINDOW = 52920, 44100, 47000
TIMESTAMP_BYTES = 12
MUTE = (65535, 32767)
TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
WIDE_OPEN = 1 << 22


def mark_connect(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, CONNECT_MSS)


def mark_listen(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, LISTEN_MSS)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)


def mark_join(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, JOIN_MSS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, JOIN_WINDOW)


def mark_agent(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, JOIN_MSS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, AGENT_WINDOW)


def open_window(sock):
    """The mark has been sent: the window may grow."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, WIDE_OPEN)


def _syn_ack(sock):
    """Window and MSS that came in the SYN-ACK, and whether it had timestamps. To be read before the
    peer has sent anything else."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    timestamps = bool(info[5] & 1)
    mss, = struct.unpack_from("=I", info, 16)
    window, = struct.unpack_from("=I", info, 228)
    return window, mss + (TIMESTAMP_BYTES if timestamps else 0), timestamps


def is_multiple(window, mss):
    return window >= mss and window % mss == 0


def met_listen(sock):
    window, mss, timestamps = _syn_ack(sock)
    less = TIMESTAMP_BYTES if timestamps else 0
    if window in MUTE or window < mss - less:
        return mss == LISTEN_MSS
    return is_multiple(window, LISTEN_MSS - less)


def met_agent(sock):
    """The page also allows what this host's own MTU would leave of the MSS; the sockets of this
    module ask for less than any such MTU."""
    window, mss, timestamps = _syn_ack(sock)
    less = TIMESTAMP_BYTES if timestamps else 0
    return any(window == AGENT_WINDOW // (m - less) * (m - less)
               for m in (JOIN_MSS, LARGE_MSS, mss))


def _syn(sock):
    """Window and MSS of the SYN by which an accepted connection began."""
    packet = sock.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 512)
    tcp = packet[(packet[0] & 15) * 4:] if packet[0] >> 4 == 4 else packet[40:]
    window, = struct.unpack_from(">H", tcp, 14)
    options, mss = tcp[20:(tcp[12] >> 4) * 4], None
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] < 2:
            break
        if options[0] == 2:
            mss, = struct.unpack_from(">H", options, 2)
        options = options[options[1]:]
    return window, mss


def has_connect(sock):
    window, mss = _syn(sock)
    return mss == CONNECT_MSS or is_multiple(window, CONNECT_MSS) or \
        is_multiple(window, CONNECT_MSS - TIMESTAMP_BYTES)


def has_join(sock):
    window, mss = _syn(sock)
    return window == JOIN_WINDOW and mss is not None and mss <= JOIN_MSS or \
        (window, mss) == (LARGE_WINDOW, LARGE_MSS)
