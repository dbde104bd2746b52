#!/bin/sh
# SPDX-License-Identifier: MIT
# The marks of the handshake where boxes change the MSS and where links have a small MTU: every
# value from 1200 to 1460, in each direction, IPv4 and IPv6. No byte of the shim reaches a program,
# and both ends find each other wherever mptcpshim-protocol(7) says so.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need nft nftables
need jq jq
need python3 python3
[ "$BED_MODE" = shim ] || bed_skip "it is about the shim's marks"
GREET=$BED_BUILD/tests/bed/greet

# A case has a server's address of its own (the shim remembers how a server answered), 10.BLOCK.X.Y
# or fdcc:BLOCK::VALUE, where X.Y is the value; where the server's MTU is meant, also a client's,
# 10.64.X.Y or fdcd::VALUE.
cases() # BLOCK DIRECTION VALUE SERVER-PORT KIND, for each
{
    awk 'function each(block, direction, port, kind, step,    v) {
            for (v = 1200; v <= 1460; v += step)
                print block, direction, v, port, kind
        }
        BEGIN {
            each(112, "syn", 7001, "request", 1)
            each(113, "synack", 7001, "request", 1)
            each(114, "both", 7001, "request", 1)
            each(115, "syn", 7003, "request", 1)
            each(116, "synack", 7003, "request", 1)
            each(117, "both", 7003, "request", 1)
            each(118, "syn", 7002, "banner", 1)
            each(119, "synack", 7002, "banner", 1)
            each(120, "both", 7002, "banner", 1)
            each(121, "client", 7001, "request", 1)
            each(122, "client", 7003, "request", 1)
            each(123, "server", 7001, "request", 1)
            each(124, "both", 7004, "banner", 20)
            each(125, "syn", 7001, "large", 1)
            each(126, "both", 7001, "large", 1)
            each(127, "syn", 7003, "large", 20)
        }'
}

lines() # 4|6: FROM TO VALUE DIRECTION PORT KIND
{
    awk -v family="$1" '{
        x = family == 4 ? "10." $1 "." int($3 / 256) "." $3 % 256 : "fdcc:" $1 "::" $3
        from = family == 4 ? "10.64." int($3 / 256) "." $3 % 256 : "fdcd::" $3
        print ($2 == "server" ? from : "-"), x, $3, $2, $4, $5
    }' "$BED_TMP/cases"
}

clamp() # FAMILY-NAME FIELD DIRECTION: a map from the address to the value
{
    # Lowering only, as boxes do: so nftables does it.
    awk -v how="$1 $2" -v other="$3" '
        $4 == other || $4 == "both" { list = list (list == "" ? "" : ", ") $2 " : " $3 }
        END { print "        tcp option maxseg size set " how " map { " list " }" }' "$4"
}

rules()
{
    echo "table inet clamp {"
    echo "    chain out {"
    echo "        type filter hook postrouting priority 300"
    echo "        tcp flags & (syn | ack) != syn accept"
    clamp ip daddr syn "$BED_TMP/lines4"
    clamp ip6 daddr syn "$BED_TMP/lines6"
    echo "    }"
    echo "    chain in {"
    echo "        type filter hook prerouting priority -300"
    echo "        tcp flags & (syn | ack) != (syn | ack) accept"
    clamp ip saddr synack "$BED_TMP/lines4"
    clamp ip6 saddr synack "$BED_TMP/lines6"
    echo "    }"
    echo "}"
}

# The MTU of a link, for one address.
routes() # DIRECTION
{
    awk -v want="$1" '
        function hop(v6, last) { return v6 ? "fd99:1::" last : "10.99.1." last }
        $4 == want {
            v6 = $1 ~ /:/ || $2 ~ /:/
            print "route add " (want == "client" ? $2 : $1) "/" (v6 ? 128 : 32) " via " \
                hop(v6, want == "client" ? 1 : 2) " dev link1 mtu " ($3 + (v6 ? 60 : 40))
        }' "$BED_TMP/lines4" "$BED_TMP/lines6"
}

bed_open 2
cases >"$BED_TMP/cases"
lines 4 >"$BED_TMP/lines4"
lines 6 >"$BED_TMP/lines6"
ip -n "$BED_ID-s" route add local 10.112.0.0/12 dev lo
ip -n "$BED_ID-s" route add local fdcc::/16 dev lo
ip -n "$BED_ID-c" route add 10.112.0.0/12 via 10.99.1.1 dev link1
ip -n "$BED_ID-c" route add fdcc::/16 via fd99:1::1 dev link1
ip -n "$BED_ID-c" route add local 10.64.0.0/16 dev lo
ip -n "$BED_ID-c" route add local fdcd::/16 dev lo
bed_in c sysctl -qw net.ipv6.ip_nonlocal_bind=1
routes client | ip -n "$BED_ID-c" -batch -
routes server | ip -n "$BED_ID-s" -batch -
rules >"$BED_TMP/rules"
bed_in c nft -f "$BED_TMP/rules" || bed_skip "nftables cannot change the MSS here"

bed_spawn s "$GREET" serve 7001 7002 >"$BED_TMP/server"
server=$!
bed_start s "$GREET" serve 7003 7004 >"$BED_TMP/plain"
plain=$!
bed_wait 10 bed_listening s 7002
bed_wait 10 bed_listening s 7004
bed_start c "$MPTCPSHIM" monitor --json >"$BED_TMP/events"
monitor=$!

# What came of each: DIRECTION VALUE PORT FAMILY own|native right|wrong MILLISECONDS
start=$(now_ms)
cat "$BED_TMP/lines4" "$BED_TMP/lines6" |
    awk '{ print $4 " " $3 " " $5 " " ($2 ~ /:/ ? 6 : 4), $1, $2, $5, $6 }' |
    sed 's/ /,/;s/ /,/;s/ /,/' | bed_run c "$GREET" walk | tr , ' ' >"$BED_TMP/walked"
echo "# $(wc -l <"$BED_TMP/walked") connections in $(($(now_ms) - start)) ms"

count() # AWK-CONDITION
{
    awk "$1"' { n++ } END { print n + 0 }' "$BED_TMP/walked"
}

all=$(cat "$BED_TMP/lines4" "$BED_TMP/lines6" | wc -l)
is "every connection carried the programs' bytes and no others" \
    "$(count '$6 == "right"')" "$all"
is "none waited" "$(count '$7 > 1500')" 0
is "the client stays plain with a plain server" "$(count '$3 >= 7003 && $5 == "own"')" 0
# The MSS that the client's MTU leaves is below CONNECT, or the server's below LISTEN.
is "clamps, in whatever direction, take no connection from the shims" \
    "$(count '$3 <= 7002 && $2 !~ /client|server/ && $1 ~ /syn|both/ && $5 == "native"')" 0
is "a client whose MTU does not let its mark out stays plain" \
    "$(count '$1 == "client" && $3 == 7001 && ($2 < 1319) != ($5 == "native")')" 0
is "so it does with a server whose MTU does not" \
    "$(count '$1 == "server" && ($2 < 1303) != ($5 == "native")')" 0
own=$(count '$5 == "own"')
established() { [ "$(jq -s 'map(select(.event == "established")) | length' "$BED_TMP/events")" = "$own" ]; }
ok "all others, $own, are multipath" bed_wait 10 established
is "none came back to plain TCP" \
    "$(jq -s 'map(select(.id and (.event == "plain" or .reason == "reset"))) | length' "$BED_TMP/events")" 0

# A client without the shim, whatever its MSS is: no number is kept from the server's program.
grep -h " 7001 request" "$BED_TMP/lines4" "$BED_TMP/lines6" |
    awk '$4 == "syn" || $4 == "client" { print "x", $1, $2, $5, $6 }' |
    bed_in c "$GREET" walk >"$BED_TMP/without"
is "a plain client reaches the program with every MSS" \
    "$(awk '$3 == "right" && $4 < 1000' "$BED_TMP/without" | wc -l)" \
    "$(wc -l <"$BED_TMP/without")"

# A join is known in whatever order its SYN has the options, and nothing else is taken for one.
cat >"$BED_TMP/syn.py" <<'PY'
import socket, struct, sys
me, server = '10.99.1.2', '10.99.1.1'
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
raw.settimeout(10)

def checksum(data):
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff

def answer(port, options, window): # the window of the SYN-ACK
    head = struct.pack('>HHIIBBHHH', port, 7001, 1, 0, (20 + len(options)) // 4 << 4, 2, window, 0, 0)
    pseudo = socket.inet_aton(me) + socket.inet_aton(server) + struct.pack('>BBH', 0, 6, 20 + len(options))
    segment = head + options
    raw.sendto(head[:16] + struct.pack('>HH', checksum(pseudo + segment), 0) + options, (server, 0))
    while True:
        tcp = raw.recv(200)[20:]
        if struct.unpack('>HH', tcp[:4]) == (7001, port) and tcp[13] == 0x12:
            return struct.unpack('>H', tcp[14:16])[0]

port = 20000
for mss in 1323, 1240:
    m = struct.pack('>BBH', 2, 4, mss)
    for options in m, b'\4\2\1\1' + m, b'\1\3\3\7' + m, b'\4\2' + m + b'\1\1', b'\1\1\1\1' + b'\1\3\3\7' + m, b'':
        for window, wanted in (52920, 46305), (64827, 65150), (1323 * 3, 65150):
            port += 1
            got = answer(port, options, window)
            if got != wanted:
                sys.exit('options %s, window %d: %d' % (options.hex(), window, got))
PY
ok "joins are told by their window, wherever the MSS stands" bed_in c python3 "$BED_TMP/syn.py"
kill $server $plain $monitor
wait $server
wait $plain
is "the shim's server saw its clients' bytes only" "$(tail -n 1 "$BED_TMP/server")" \
    "right $(($(count '$3 <= 7002') + $(wc -l <"$BED_TMP/without"))) foreign 0 empty 0"
is "the plain server saw its clients' bytes only" "$(tail -n 1 "$BED_TMP/plain")" \
    "right $(count '$3 > 7002') foreign 0 empty 0"
tap_end
