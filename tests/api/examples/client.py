#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: client.py PORT: sends standard input to the server at 127.0.0.1, and prints what comes back.

The library is called by ctypes; what it returns is a descriptor, of which Python makes a socket. The
library is libmptcpshim.so.0, or what MPTCPSHIM_LIBRARY names."""
import ctypes
import os
import socket
import struct
import sys
import threading

lib = ctypes.CDLL(os.environ.get('MPTCPSHIM_LIBRARY', 'libmptcpshim.so.0'), use_errno=True)
lib.mptcpshim_connect.argtypes = [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p]
lib.mptcpshim_is_multipath.argtypes = [ctypes.c_int]


def connect(host, port):
    at = struct.pack('=H', socket.AF_INET) + struct.pack('!H', port) + socket.inet_aton(host) + bytes(8)
    fd = lib.mptcpshim_connect(at, len(at), socket.SOCK_CLOEXEC, None)
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return socket.socket(fileno=fd)


def write(connection):
    while data := sys.stdin.buffer.read(65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


with connect('127.0.0.1', int(sys.argv[1])) as connection:
    print('multipath' if lib.mptcpshim_is_multipath(connection.fileno()) == 1 else 'plain TCP',
          file=sys.stderr)
    writer = threading.Thread(target=write, args=(connection,))
    writer.start()
    while data := connection.recv(65536):
        sys.stdout.buffer.write(data)
    writer.join()
sys.stdout.buffer.flush()
