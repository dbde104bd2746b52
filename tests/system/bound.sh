#!/bin/sh
# SPDX-License-Identifier: MIT
# A server that listens at one address of several: no other one is announced, and nobody listens
# there, unless the user has said so.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "about what the shim announces"

BYTES=6000000

elsewhere() # listeners of the server's host at other addresses than the program's
{
    bed_in s ss -Htln | awk -v at="$S1:7500" '$4 != at' | wc -l
}

transfer() # NAME ADDRESS OPTIONS
{
    BED_OPTIONS=$3
    bed_spawn s timeout 60 "$PUMP" recv "$2" 7500 $BYTES >"$BED_TMP/received"
    server=$!
    BED_OPTIONS=
    bed_wait 10 bed_listening s 7500
    bed_spawn c timeout 60 "$PUMP" send $S1 7500 $BYTES
    client=$!
    bed_wait 10 sh -c "[ \"\$(nsenter --net=/run/netns/$BED_ID-s $MPTCPSHIM status --json | jq '[.[].subflows[] | select(.bytes_received > 500000)] | length')\" -ge 1 ]"
    others=$(elsewhere)
    remotes=$(bed_in c "$MPTCPSHIM" status --json |
        jq -r '[.[].subflows[] | select(.state == "active") | .remote] | unique | join(" ")')
    echo "# $1: subflows to $remotes, $others listeners elsewhere"
    finish "$1, client" $client
    finish "$1, server" $server
    is "$1: the bytes are right" "$(jq .ok "$BED_TMP/received")" true
    bed_wait 10 bed_quiet s 7500
}

bed_open 2 rate 20mbit delay 5ms queue 40ms
transfer "one address" $S1 ''
is "one address: no listener elsewhere" "$others" 0
is "one address: nothing beside it is joined" "$remotes" $S1:7500
transfer "one address, and a join port" $S1 '--join-port 9300'
ok "one address, and a join port: it is open" [ "$others" -ge 1 ]
is "one address, and a join port: both addresses" "$remotes" "$S1:7500 10.99.2.1:9300"
transfer "all addresses" 0.0.0.0 ''
is "all addresses: both are joined" "$remotes" "$S1:7500 10.99.2.1:7500"
tap_end
