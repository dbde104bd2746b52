#!/bin/sh
# SPDX-License-Identifier: MIT
# What a peer, or who saw a token, can make of ADD_ADDR and JOIN: a server that names addresses of
# others gets few SYNs sent there, and none into the client's own networks; joins that are never
# confirmed do not keep the honest one out.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need nft nftables
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "about joins of the shim's"

IMPOSTOR=$BED_BUILD/tests/bed/impostor
FAR=10.96.0.1 # a server that is in none of the client's networks
VICTIMS='10.96.5.1 10.96.5.2 10.96.5.3 10.96.5.4 10.96.5.5'
NEAR='10.99.2.51 10.99.2.52'
LASTS=4

# SYNs of the client that reach, or would reach, others than the server.
count_syns()
{
    bed_in "$1" nft -f - <<NFT
table inet count {
    chain seen {
        type filter hook $2 priority -300;
        ip daddr { 10.96.5.0/24, 10.99.2.51, 10.99.2.52 } tcp flags & (syn | ack) == syn counter
    }
}
NFT
}

syns() # HOST
{
    bed_in "$1" nft list table inet count | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'
}

lie() # VICTIM...: a connection to a server that names them; what that says in $BED_TMP/named
{
    bed_start s timeout 60 "$IMPOSTOR" names $FAR 7300 $LASTS "$@" >"$BED_TMP/named"
    liar=$!
    bed_wait 10 bed_listening s 7300
    bed_run c timeout 60 python3 -c "
import socket
s = socket.create_connection(('$FAR', 7300))
s.sendall(bytes(20000))
s.recv(1)" 2>/dev/null
    wait $liar
    echo "# $(cat "$BED_TMP/named"), $(syns c) SYNs so far"
}

need python3 python3
bed_open 2 rate 100mbit delay 5ms queue 40ms
for a in $FAR $VICTIMS; do ip -n "$BED_ID-s" addr add "$a/32" dev lo; done
ip -n "$BED_ID-c" route add 10.96.0.0/16 via $S1
count_syns c output

# shellcheck disable=SC2086
lie $VICTIMS
ok "a server names others: it does so often" [ "$(jq .named "$BED_TMP/named")" -ge 100 ]
is "a server names others: the connection lives" "$(jq .alive "$BED_TMP/named")" true
at_least "a server names others: they are tried" "$(syns c)" 1
# 16 at once and one each two seconds; TCP repeats none, since all are refused.
ok "a server names others: not often" [ "$(syns c)" -le $((16 + LASTS)) ]

before=$(syns c)
# shellcheck disable=SC2086
lie $NEAR
ok "a server names the client's neighbours: it does so often" [ "$(jq .named "$BED_TMP/named")" -ge 100 ]
is "a server names the client's neighbours: no SYN" $(($(syns c) - before)) 0

# ---- joins that are not confirmed ----

without_link2() # the client's paths
{
    bed_in c "$MPTCPSHIM" path list >"$BED_TMP/paths" && ! grep -q '10\.99\.2\.2' "$BED_TMP/paths"
}

bed_link 2 cut
bed_spawn s timeout 60 "$PUMP" recv 0.0.0.0 7400 40000000 >"$BED_TMP/received"
server=$!
bed_wait 10 bed_listening s 7400
bed_link 1 rate 20mbit
bed_spawn c timeout 60 "$PUMP" send $S1 7400 40000000
client=$!
ok "joins of others: one subflow" bed_wait 10 all_joined s 1 1
token=$(bed_in s "$MPTCPSHIM" status --json | jq -r '.[0].token')
bed_start c timeout 60 "$IMPOSTOR" joins $S1 7400 "$token" 14 >"$BED_TMP/joins"
attacker=$!
ok "joins of others: they are under way" bed_wait 10 grep -q under "$BED_TMP/joins"
ip -n "$BED_ID-c" link set link2 down
# A join over it is under way since the beginning: it is given up only if the agent sees the link down.
ok "joins of others: the agent sees that a link is down" bed_wait 5 without_link2
bed_link 2 rate 20mbit
ip -n "$BED_ID-c" link set link2 up
ok "joins of others: the honest one comes in" bed_wait 5 all_joined c 2 1
ok "joins of others: the flood goes on meanwhile" kill -0 $attacker
wait $attacker
echo "# $(tail -1 "$BED_TMP/joins")"
at_least "joins of others: they were answered, too" "$(tail -1 "$BED_TMP/joins" | jq .replies)" 8
finish "joins of others, client" $client
finish "joins of others, server" $server
is "joins of others: the bytes are right" "$(jq .ok "$BED_TMP/received")" true
tap_end
