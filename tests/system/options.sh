#!/bin/sh
# SPDX-License-Identifier: MIT
# Socket options of the program are on every subflow, and a connect() that fails fails as on TCP.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need python3 python3

# Option values before and after connect(); then it waits for a file to appear.
cat >"$BED_TMP/client.py" <<'PY'
import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3000)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'reno')
s.connect((sys.argv[1], 7100))
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x28)
s.setsockopt(socket.SOL_SOCKET, 36, 77)  # SO_MARK
s.sendall(b'x' * 3000000)
assert s.recv(1) == b'k'
print('ready', flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
s.sendall(b'y' * 1000)
s.shutdown(socket.SHUT_WR)
assert s.recv(1) == b''
PY
cat >"$BED_TMP/server.py" <<'PY'
import socket
l = socket.create_server(('0.0.0.0', 7100))
s, _ = l.accept()
left = 3000000
while left:
    left -= len(s.recv(left))
s.sendall(b'k')
while s.recv(65536):
    pass
PY
cat >"$BED_TMP/errors.py" <<'PY'
import errno, socket, sys
def attempt(address, blocking):
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
    s.setblocking(blocking)
    error = s.connect_ex(address)
    if error == errno.EINPROGRESS:
        import select
        p = select.poll()
        p.register(s, select.POLLOUT)
        events = p.poll(20000)
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return '%s %x' % (errno.errorcode.get(error, error), events[0][1])
    return errno.errorcode.get(error, error)
for what in sys.argv[1:]:
    for blocking in True, False:
        print(what, blocking, attempt((what, 7101), blocking))
PY

client_sockets() # HOST: the subflows' sockets, one line each
{
    bed_in "$1" ss -O --tos -Htnoeim state established "dport = :7100"
}

all_have() # HOST PATTERN: each of the two subflows
{
    [ "$(client_sockets "$1" | grep -c -- "$2")" = 2 ]
}

# The agent has no privileges for SO_MARK unless it is told to keep them.
printf '[agent]\nmarks = yes\n' >"$BED_TMP/marks.conf"
BED_OPTIONS="--config $BED_TMP/marks.conf"

bed_open 2 rate 50mbit delay 5ms
bed_spawn s timeout 60 python3 "$BED_TMP/server.py"
server=$!
bed_wait 10 bed_listening s 7100
bed_spawn c timeout 60 python3 "$BED_TMP/client.py" $S1 "$BED_TMP/go" >"$BED_TMP/said"
client=$!
ok "the data arrives" bed_wait 30 grep -q ready "$BED_TMP/said"
if [ "$BED_MODE" = shim ]; then
    ok "both subflows are there" bed_wait 10 all_have c :7100
    ok "TCP_CONGESTION on each" bed_wait 10 all_have c ' reno '
    ok "SO_KEEPALIVE and TCP_KEEPIDLE on each" bed_wait 10 all_have c 'timer:(keepalive,[45][0-9]min'
    ok "SO_MARK on each" bed_wait 10 all_have c 'fwmark:0x4d'
    ok "IP_TOS on each" bed_wait 10 all_have c tos:0x28
fi
: >"$BED_TMP/go"
finish "the client" $client
finish "the server" $server

# SO_MAX_PACING_RATE holds for all paths together: without it they carry ten times as much.
need iperf3 iperf3
bed_spawn s timeout 60 iperf3 -s -1 -p 7102 >/dev/null
bed_wait 10 bed_listening s 7102
bed_run c timeout 60 iperf3 -c $S1 -p 7102 -t 3 --fq-rate 8M -J >"$BED_TMP/paced"
tap_point $? "a transfer at a limited rate"
jq -c '.end.sum_received | {seconds, bits_per_second}' "$BED_TMP/paced" | sed 's/^/# /'
is "the rate is kept" "$(jq '.end.sum_received.bits_per_second | . > 1e6 and . < 10e6' "$BED_TMP/paced")" true

# No route, nobody answers, nobody listens: the same with the shim and without.
bed_in c ip route add unreachable 10.98.0.0/24
bed_link 2 cut
for way in plain $BED_MODE; do
    BED_MODE=$way bed_run c timeout 60 python3 "$BED_TMP/errors.py" 10.98.0.1 10.99.2.1 $S1 >"$BED_TMP/errors.$way"
done
ok "errors are known" grep -q EHOSTUNREACH "$BED_TMP/errors.plain"
ok "timeouts are known" grep -q ETIMEDOUT "$BED_TMP/errors.plain"
ok "refusals are known" grep -q ECONNREFUSED "$BED_TMP/errors.plain"
ok "errors are the same" same "$BED_TMP/errors.plain" "$BED_TMP/errors.$BED_MODE"
bed_close
tap_end
