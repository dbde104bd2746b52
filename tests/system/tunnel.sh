#!/bin/sh
# SPDX-License-Identifier: MIT
# A program that carries a tunnel: the tunnel's own address is no path of the connection that carries
# it, whether the interface was there before it or comes later; it is one of other programs'.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need python3 python3
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "about paths of the shim's"

# What a VPN does with its socket and its interface; the packets are of no interest.
cat >"$BED_TMP/vpn.py" <<'PY'
import fcntl, os, socket, struct, subprocess, sys, time
to, name, when = sys.argv[1:4]
def tunnel():
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', name.encode(), 0x1001))
    subprocess.run(f'ip addr add 10.8.{name[-1]}.2/24 dev {name}; ip link set {name} up', shell=True, check=True)
    return fd
if when == 'before':
    fd = tunnel()
if when == 'child' and os.fork() == 0:
    fd = tunnel()
    time.sleep(60)
    os._exit(0)
s = socket.create_connection((to, 7300))
s.sendall(bytes(100000))
if when == 'later':
    fd = tunnel()
while True:
    time.sleep(0.1)
    s.sendall(bytes(1000))
PY

has_local() # PROCESS PREFIX: its connection has, or tries, a subflow from there
{
    bed_in c "$MPTCPSHIM" status --json | jq -e --argjson p "$1" --arg from "$2" '
        [.[] | select(.process == $p) | .subflows[] | select(.local | startswith($from))]
        | length > 0' >/dev/null
}

has_none() { ! has_local "$@"; }

bed_open 2 rate 20mbit delay 5ms queue 60ms
bed_spawn s timeout -k 1 100 python3 -c '
import socket, threading
def sink(s):
    while s.recv(1 << 16): pass
l = socket.create_server(("", 7300))
while True:
    threading.Thread(target=sink, args=(l.accept()[0],), daemon=True).start()'
bed_wait 10 bed_listening s 7300
n=0
for when in before later child; do
    n=$((n + 1))
    bed_spawn c python3 "$BED_TMP/vpn.py" $S1 tun$n $when
    carrier=$!
    ok "$when: the tunnel is there" bed_wait 10 bed_in c sh -c "ip -br addr show dev tun$n | grep -q 10.8"
    ok "$when: the other link is used" bed_wait 15 has_local $carrier 10.99.2.2
    # Whoever does not hold it tries it: by then the holder would have, too.
    bed_spawn c python3 -c "
import socket, time
s = socket.create_connection(('$S1', 7300))
while True:
    s.sendall(bytes(20000)); time.sleep(0.1)"
    other=$!
    ok "$when: another program's connection has it" bed_wait 10 has_local $other 10.8.$n.2
    ok "$when: that which carries it has not" has_none $carrier 10.8.$n.2
    kill $other $carrier
    wait $other $carrier 2>/dev/null
    bed_in c ip link del tun$n 2>/dev/null # of a child that lives on
done
bed_close
tap_end
