#!/bin/sh
# SPDX-License-Identifier: MIT
# Joins whose mark does not arrive are stray connections to the server's program: one for a path where
# a box rewrites the window, or with SYN cookies, however many connections the client makes; none
# where the MSS alone is small, and none to addresses that both hosts have.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need python3 python3
need nft nftables
[ "$BED_MODE" = shim ] || bed_skip "about joins of the shim's"

# Counts connections with bytes and without, of each address.
cat >"$BED_TMP/server.py" <<'PY'
import socket, sys, threading
served = strays = 0
lock = threading.Lock()
def serve(s):
    global served, strays
    n = 0
    while True:
        try:
            data = s.recv(1 << 20)
        except OSError:
            data = b''
        if not data:
            break
        n += len(data)
    with lock:
        if n: served += 1
        else: strays += 1
        with open(sys.argv[1] + '.new', 'w') as f:
            print(served, strays, file=f)
        import os
        os.rename(sys.argv[1] + '.new', sys.argv[1])
    s.close()
l = socket.create_server(('::', 7200), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
while True:
    threading.Thread(target=serve, args=(l.accept()[0],)).start()
PY
# Connections one after the other, of a second each: time for joins.
cat >"$BED_TMP/client.py" <<'PY'
import socket, sys, time
for i in range(int(sys.argv[2])):
    s = socket.create_connection((sys.argv[1], 7200))
    for k in range(5):
        s.sendall(bytes(20000))
        time.sleep(0.2)
    s.close()
PY

counted() # SERVED [STRAYS]
{
    [ "$(cat "$BED_TMP/count" 2>/dev/null)" = "$1 ${2:-0}" ]
}

served() # CONNECTIONS: with bytes
{
    [ "$(cut -d' ' -f1 "$BED_TMP/count" 2>/dev/null)" = "$1" ]
}

serve() # LINKS
{
    bed_open "$1" rate 50mbit delay 5ms queue 60ms
    for p_h in c s; do ip -n "$BED_ID-$p_h" -6 addr flush scope global; done
    rm -f "$BED_TMP/count"
}

talk() # NAME CONNECTIONS STRAYS
{
    bed_spawn s timeout 100 python3 "$BED_TMP/server.py" "$BED_TMP/count"
    bed_wait 10 bed_listening s 7200
    bed_run c timeout 60 python3 "$BED_TMP/client.py" $S1 "$2"
    is "$1: the client" $? 0
    ok "$1: $2 connections" bed_wait 10 served "$2"
    p_strays=$(cut -d' ' -f2 "$BED_TMP/count")
    is "$1: stray ones" "$p_strays" "$3"
}

serve 2
for h in c s; do ip -n "$BED_ID-$h" link set link2 mtu 1280; done
talk "MTU" 3 0
bed_close

serve 2
ip -n "$BED_ID-c" route replace 10.99.2.0/24 dev link2 src 10.99.2.2 advmss 1200
talk "advmss of the route" 3 0
bed_close

box() # HOST CHANGE: of what comes in from link2
{
    bed_in "$1" nft -f - <<NFT
table inet box {
    chain in {
        type filter hook prerouting priority -300;
        iifname link2 tcp flags & syn == syn $2
    }
}
NFT
}
serve 2
box s "tcp option maxseg size set 1240"
box c "tcp option maxseg size set 1240"
talk "a small MSS on path 2" 3 0
bed_close

serve 2
box s "tcp window set 30001"
talk "another window on path 2" 4 1
bed_close

serve 2
bed_in s sh -c 'echo 2 >/proc/sys/net/ipv4/tcp_syncookies'
talk "SYN cookies" 4 1
bed_close

# The same bridge on both hosts, with a program of the client's on it.
serve 1
for h in c s; do
    ip -n "$BED_ID-$h" link add bridge0 type veth peer name bridge1
    ip -n "$BED_ID-$h" link set bridge1 up
    ip -n "$BED_ID-$h" addr add 172.17.0.1/16 dev bridge0
    ip -n "$BED_ID-$h" link set bridge0 up
done
bed_start c timeout 100 python3 "$BED_TMP/server.py" "$BED_TMP/own"
bed_wait 10 bed_listening c 7200
talk "a bridge that both hosts have" 3 0
ok "a bridge that both hosts have: none to the client's own program" [ ! -e "$BED_TMP/own" ]
bed_close
tap_end
