#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: dissect.py DISSECTOR.lua PAGE: what tshark tells of captures made of the page's vectors, in
segments of several sizes, and of data in every order."""
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'peer'))
from crc import crc32c  # noqa: E402

DISSECTOR, PAGE = sys.argv[1:]
VECTORS = {name: bytes.fromhex(text) for name, text in
           re.findall(r'\.\\" vector (\S+)\n\.EX\n([0-9A-F\s]*)\.EE', pathlib.Path(PAGE).read_text())}
count = failed = 0


def check(name, good, told=''):
    global count, failed
    count += 1
    failed += not good
    print('ok' if good else 'not ok', count, '-', name)
    if not good:
        print('not ok', count, '-', name, told, file=sys.stderr)


def dss(dsn, payload=b'', ack=0, flags=0, credit=1 << 20):
    """A DSS with a right CRC. Its MAC is zeros: who only looks on cannot check it."""
    head = struct.pack('>BBHI', 1, flags, 48 + len(payload), 0)
    fixed = struct.pack('>QQQII', dsn, ack, credit, 0, 1)
    return head[:4] + struct.pack('>I', crc32c(head + fixed)) + fixed + bytes(16) + payload


class Capture:
    """Packets of raw IPv4. Flows are TCP connections, named by the port of the client."""

    def __init__(self, folder, size):
        self.path = pathlib.Path(folder) / 'capture.pcap'
        self.size = size
        self.packets = []
        self.seq = {}

    def packet(self, flow, from_client, flags, data=b''):
        ends = [(b'\x0a\0\0\1', flow), (b'\x0a\0\0\2', 7000)]
        (source, sport), (target, dport) = ends if from_client else ends[::-1]
        seq, ack = self.seq.get((flow, from_client), 1000), self.seq.get((flow, not from_client), 1000)
        tcp = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 5 << 4, flags, 65535, 0, 0) + data
        self.packets.append(struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target) + tcp)
        self.seq[flow, from_client] = seq + len(data) + (flags & 2) // 2

    def connect(self, flow):
        self.packet(flow, True, 2)
        self.packet(flow, False, 0x12)

    def send(self, flow, from_client, *data, lose=None):
        """All of it as one stretch, in segments; that with the number `lose` is not in the capture."""
        data = b''.join(data)
        for i, start in enumerate(range(0, len(data), self.size)):
            self.packet(flow, from_client, 0x18, data[start:start + self.size])
            if i == lose:
                self.packets.pop()

    def ask(self, *fields, options=(), only='mptcpshim'):
        """The values of each field in all packets, flat."""
        with open(self.path, 'wb') as file:
            file.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 101))
            for i, packet in enumerate(self.packets):
                file.write(struct.pack('<IIII', i, 0, len(packet), len(packet)) + packet)
        command = ['tshark', '-X', f'lua_script:{DISSECTOR}', '-r', self.path, '-Y', only, '-T', 'fields',
                   '-o', 'tcp.analyze_sequence_numbers:TRUE', *options]
        for field in fields:
            command += ['-e', field]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode or 'lua' in run.stderr.lower():
            check('tshark runs', False, run.stderr)
        columns = zip(*(line.split('\t') for line in run.stdout.splitlines())) if run.stdout else []
        found = [[value for cell in column for value in cell.split(',') if value] for column in columns]
        return found or [[] for _ in fields]


def whole_page(folder, size):
    """Every message and every frame of the page, on a first subflow and a join."""
    capture = Capture(folder, size)
    capture.connect(5001)
    capture.send(5001, True, VECTORS['hello'], VECTORS['padding'])
    capture.send(5001, False, VECTORS['hello-reply'])
    capture.send(5001, True, VECTORS['finished'], *(VECTORS[name] for name in
                                                   ('dss', 'dss-mac', 'dss-urgent', 'dss-fin')))
    capture.send(5001, False, *(VECTORS[name] for name in
                                ('add-addr-4', 'add-addr-6', 'remove-addr', 'prio', 'fail', 'fastclose',
                                 'subflow-close', 'ping', 'pong', 'optional')))
    capture.connect(5002)
    capture.send(5002, True, VECTORS['join'])
    capture.send(5002, False, VECTORS['join-reply'])
    capture.send(5002, True, VECTORS['join-confirm'])
    capture.connect(5003)
    capture.send(5003, True, VECTORS['join'])
    capture.send(5003, False, VECTORS['refuse'])
    what = f'segments of {size}: '
    kinds, types, connections, good, lost, malformed = capture.ask(
        'mptcpshim.kind', 'mptcpshim.type', 'mptcpshim.connection', 'mptcpshim.crc.good', 'mptcpshim.lost',
        '_ws.malformed')
    check(what + 'every message', sorted(map(int, kinds)) == [1, 2, 3, 3, 4, 5, 6], kinds)
    check(what + 'every frame', [int(value, 16) for value in types if value] ==
          [0x80, 0x0b, 1, 2, 1, 1, 3, 3, 4, 5, 6, 7, 8, 9, 0x0a, 0x80], types)
    check(what + 'all CRCs are right', len(good) == 23 and set(good) == {'1'}, good)
    check(what + 'joins belong to the connection by their token', set(connections) == {'0'}, connections)
    check(what + 'no bytes are left over, nothing is malformed', not lost and not malformed, (lost, malformed))
    values = capture.ask('mptcpshim.token', 'mptcpshim.address4', 'mptcpshim.address6', 'mptcpshim.opaque',
                         'mptcpshim.subflow_close.transient', 'mptcpshim.dss.urgent')
    check(what + 'values', values == [['0x3383d918'] * 2, ['192.0.2.1'], ['2001:db8::1'], ['0xcafef00d'] * 2, ['1'],
                                      ['0', '0', '1', '0']], values)


def opening(capture):
    """A first subflow and a confirmed join; nothing is sent yet."""
    capture.connect(5001)
    capture.send(5001, True, VECTORS['hello'])
    capture.send(5001, False, VECTORS['hello-reply'])
    capture.connect(5002)
    capture.send(5002, True, VECTORS['join'])
    capture.send(5002, False, VECTORS['join-reply'])
    capture.send(5002, True, VECTORS['join-confirm'])


def every_order(folder):
    data = bytes(i % 251 for i in range(10000))
    capture = Capture(folder, 500)
    opening(capture)
    capture.send(5001, True, dss(0, data[:3000]))
    capture.send(5002, True, dss(6000, data[6000:9000]))
    capture.send(5001, True, dss(2000, data[2000:4000]))
    capture.send(5002, True, dss(3500, data[3500:7000]), dss(9000, data[9000:], flags=1))
    capture.send(5001, False, dss(0, ack=4000), dss(0, ack=10001))
    in_order, gap, repeated, acked, end, subflow = capture.ask(
        'mptcpshim.in_order', 'mptcpshim.analysis.gap', 'mptcpshim.analysis.repeated',
        'mptcpshim.analysis.acked', 'mptcpshim.analysis.end', 'mptcpshim.subflow')
    check('the bytes of both subflows are put in order', bytes.fromhex(''.join(in_order)) == data)
    check('what lies ahead', gap == ['3000'], gap)
    check('what is repeated', repeated == ['1000', '1500'], repeated)
    check('what is acknowledged', acked == ['4000', '6001'], acked)
    check('the end', end == ['10000'], end)
    check('both subflows', set(subflow) == {'0', '2'}, subflow)
    capture.ask('frame.number', options=['-o', f'mptcpshim.export:{folder}'])
    check('the exported bytes', (pathlib.Path(folder) / 'connection-0-client').read_bytes() == data)
    two_passes = capture.ask('mptcpshim.in_order', options=['-2'])
    check('the same when packets are shown again', two_passes == [in_order])


def damaged(folder):
    capture = Capture(folder, 500)
    opening(capture)
    frames = [dss(i * 1000, bytes([i]) * 1000) for i in range(5)]
    capture.send(5001, True, *frames, lose=3)
    dsn, = capture.ask('mptcpshim.dsn')
    check('a segment that is not in the capture costs the frame that it is a part of',
          dsn == ['0', '2000', '3000', '4000'], dsn)
    capture = Capture(folder, 500)
    opening(capture)
    capture.send(5001, True, *frames, lose=2)
    dsn, lost = capture.ask('mptcpshim.dsn', 'mptcpshim.lost')
    check('one with a head costs no more than the frames around it', dsn == ['2000', '3000', '4000'] and lost,
          (dsn, lost))
    capture = Capture(folder, 500)
    opening(capture)
    wrong = bytearray(frames[1])
    wrong[20] ^= 1
    capture.send(5001, True, frames[0], wrong, frames[2])
    dsn, lost, told = capture.ask('mptcpshim.dsn', 'mptcpshim.lost', '_ws.expert.message')
    check('a head with a wrong CRC is no frame', dsn == ['0', '2000'] and lost and 'framing' in ' '.join(told),
          (dsn, lost, told))
    capture = Capture(folder, 1500)
    for frame in frames:
        capture.send(5001, True, frame)
    dsn, in_order = capture.ask('mptcpshim.dsn', 'mptcpshim.in_order')
    check('a capture that began later', dsn == ['0', '1000', '2000', '3000', '4000'] and
          bytes.fromhex(''.join(in_order)) == b''.join(bytes([i]) * 1000 for i in range(5)), dsn)
    capture = Capture(folder, 500)
    capture.connect(5001)
    capture.send(5001, True, b'GET / HTTP/1.1\r\n\r\n', bytes(5000))
    check('other TCP is left alone', capture.ask('frame.number') == [[]])


if not shutil.which('tshark'):
    print('1..0 # SKIP no tshark (apt-get install tshark)')
    sys.exit(0)
with tempfile.TemporaryDirectory() as scratch:
    for size in (1460, 61, 1):
        whole_page(scratch, size)
    every_order(scratch)
    damaged(scratch)
print(f'1..{count}')
sys.exit(failed != 0)
