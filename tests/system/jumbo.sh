#!/bin/sh
# SPDX-License-Identifier: MIT
# Joins have large segments where the MTU is large: jumbo frames between both hosts, jumbo frames at
# the client only, IPv4 and IPv6, loopback.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need python3 python3
[ "$BED_MODE" = shim ] || bed_skip "about marks of the shim's"

# So many bytes to and fro; then the client waits for a file to appear.
BYTES=3000000
cat >"$BED_TMP/client.py" <<'PY'
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 7100))
data = os.urandom(int(sys.argv[3]))
s.sendall(data)
got = b''
while len(got) < len(data):
    got += s.recv(1 << 20)
assert got == data
print('ready', flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
s.close()
PY
cat >"$BED_TMP/server.py" <<'PY'
import socket, sys
l = socket.create_server(('::', 7100), family=socket.AF_INET6, dualstack_ipv6=True)
for i in range(int(sys.argv[1])):
    s, peer = l.accept()
    data = b''
    while len(data) < int(sys.argv[2]):
        data += s.recv(1 << 20)
    s.sendall(data)
    assert s.recv(1) == b''
    print('served', flush=True)
PY

# A cable between both hosts: ends "jumboN", 10.98.N.1 and .2, fd98:N::1 and ::2.
cable() # NUMBER
{
    ip link add "jumbo$1" netns "$BED_ID-c" mtu 9000 type veth \
        peer name "jumbo$1" netns "$BED_ID-s" mtu 9000 || bed_skip "veth devices cannot be made"
    j_octet=1
    for j_host in s c; do
        ip -n "$BED_ID-$j_host" addr add "10.98.$1.$j_octet/24" dev "jumbo$1"
        ip -n "$BED_ID-$j_host" addr add "fd98:$1::$j_octet/64" dev "jumbo$1" nodad
        ip -n "$BED_ID-$j_host" link set "jumbo$1" up
        j_octet=2
    done
}

segments_are() # HOST ADDRESS SIZE: of its subflows from there, without timestamps
{
    case $2 in *:*) j_from="[$2]" ;; *) j_from=$2 ;; esac
    [ "$(bed_in "$1" ss -HOtnoi state established "src = $j_from and dport = :7100" |
        sed -n 's/.* mss:\([0-9]*\).*/\1/p' | sort -u)" = "$3" ]
}

connection() # NAME HOST FIRST SECOND SERVER SIZE: that of the second address's subflow
{
    j_name=$1 j_where=$2 j_to=$5
    BED_OPTIONS="--local $3,$4"
    rm -f "$BED_TMP/go"
    : >"$BED_TMP/said"
    bed_spawn "$j_where" timeout 60 python3 "$BED_TMP/client.py" "$j_to" "$BED_TMP/go" $BYTES \
        >"$BED_TMP/said"
    j_pid=$!
    ok "$j_name: the bytes are right" bed_wait 30 grep -q ready "$BED_TMP/said"
    ok "$j_name: the second one's" bed_wait 15 segments_are "$j_where" "$4" "$6"
    : >"$BED_TMP/go"
    finish "$j_name" $j_pid
}

bed_open 1
for host in c s; do ip -n "$BED_ID-$host" link set link1 down; done
cable 1
cable 2
bed_spawn s timeout 120 python3 "$BED_TMP/server.py" 4 $BYTES >/dev/null
server=$!
bed_wait 10 bed_listening s 7100
connection "jumbo frames" c 10.98.1.2 10.98.2.2 10.98.1.1 8808
connection "IPv6" c fd98:1::2 fd98:2::2 fd98:1::1 8808
ip -n "$BED_ID-s" link set jumbo2 mtu 1500
connection "jumbo frames at one end" c 10.98.1.2 10.98.2.2 10.98.1.1 1448
connection "loopback" s 127.0.0.1 127.0.0.2 127.0.0.1 8808
finish "the server" $server
bed_close
tap_end
