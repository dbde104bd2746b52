#!/bin/sh
# SPDX-License-Identifier: MIT
# Paths that come back: after a silent outage, after the interface went down, after both were gone,
# after many short outages. Each time the link carries data again soon, in either direction of
# transfer, and the bytes are right in the end.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "plain TCP and kernel MPTCP do not use a path again"

RATE=20
# More than both links carry until the last outage is over, also on a machine twice as slow.
SIZE=160
# Within so many seconds of its return a link carries a fifth of a second's worth.
SOON=5
WORTH=$((RATE * 1000000 / 8 / 5))

comes_back() # NAME LINK
{
    r_before=$(link_bytes "$2")
    r_start=$(now_ms)
    ok "$1: link $2 carries data again" bed_wait $SOON link_carried_since "$2" "$r_before" $WORTH
    echo "# $1: link $2 after $(($(now_ms) - r_start)) ms"
}

outage() # NAME SECONDS
{
    bed_link 1 cut
    sleep "$2"
    bed_link 1 up
    comes_back "$1, silent for $2 s" 1
}

interface() # NAME
{
    ip -n "$BED_ID-c" link set link2 down
    sleep 1
    ip -n "$BED_ID-c" link set link2 up
    comes_back "$1, interface down and up" 2
}

address() # NAME: the interface is there without an address for a while
{
    ip -n "$BED_ID-c" addr flush dev link2
    sleep 0.5
    ip -n "$BED_ID-c" addr add 10.99.2.2/24 dev link2
    comes_back "$1, address new" 2
}

handover() # NAME
{
    bed_link 1 cut
    sleep 2
    bed_link 1 up
    bed_link 2 cut
    comes_back "$1, handover" 1
    bed_link 1 cut
    sleep 5
    bed_link 2 up
    comes_back "$1, both were gone" 2
    bed_link 1 up
    comes_back "$1, both were gone" 1
}

flaps() # NAME
{
    for r_flap in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        bed_link 2 cut
        sleep 0.15
        bed_link 2 up
        sleep 0.15
    done
    comes_back "$1, 20 flaps" 2
}

one_direction() # download|upload
{
    r_first=$(link_bytes 1) r_second=$(link_bytes 2)
    "start_$1" bed_spawn $S1 data
    r_pid=$!
    ok "$1: both links are in use" bed_wait 10 eval \
        "link_carried_since 1 $r_first $WORTH && link_carried_since 2 $r_second $WORTH"
    outage "$1" 3
    interface "$1"
    address "$1"
    handover "$1"
    flaps "$1"
    ok "$1: it has lasted through all this" kill -0 $r_pid
    bed_link 1 rate 200mbit
    bed_link 2 rate 200mbit
    finish "$1" $r_pid
    bed_link 1 rate ${RATE}mbit
    bed_link 2 rate ${RATE}mbit
    if [ "$1" = download ]; then
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    else
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/www/up/data"
    fi
}

bed_open 2 rate ${RATE}mbit delay 10ms queue 50ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" $SIZE
one_direction download
one_direction upload
tap_end
