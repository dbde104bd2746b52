#!/bin/sh
# SPDX-License-Identifier: MIT
# A link goes silent in mid-transfer, either one, in either direction of transfer, and comes back
# only for the next round: the transfer completes on the other link with the right bytes.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" != plain ] || bed_skip "plain TCP survives no cut"

SIZE=20

one_cut() # download|upload LINK
{
    f_name="$1, link $2 cut"
    f_before=$(link_bytes "$2")
    f_other=$((3 - $2))
    f_before_other=$(link_bytes $f_other)
    f_start=$(now_ms)
    "start_$1" bed_spawn $S1 data
    f_pid=$!
    ok "$f_name: the link carried a part first" \
        bed_wait 20 link_carried_since "$2" "$f_before" $((SIZE * MB / 5))
    bed_link "$2" cut
    f_cut=$(link_bytes "$2")
    finish "$f_name" $f_pid
    echo "# $f_name: $(($(now_ms) - f_start)) ms in all"
    is "$f_name: nothing passed the cut link" "$(link_bytes "$2")" "$f_cut"
    ok "$f_name: the other link carried the rest" \
        link_carried_since $f_other "$f_before_other" $((SIZE * MB / 2))
    if [ "$1" = download ]; then
        ok "$f_name: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    else
        ok "$f_name: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/www/up/data"
    fi
    bed_link "$2" up
}

# What an application notices: the longest time in which the receiver got no byte.
one_stall() # LINK
{
    f_bytes=30000000
    f_before=$(link_bytes "$1")
    bed_spawn s timeout 60 "$PUMP" recv 0.0.0.0 7000 $f_bytes >"$BED_TMP/stall"
    f_server=$!
    bed_wait 10 bed_listening s 7000
    bed_spawn c timeout 60 "$PUMP" send $S1 7000 $f_bytes
    f_pid=$!
    bed_wait 20 link_carried_since "$1" "$f_before" $((f_bytes / 5))
    bed_link "$1" cut
    finish "stall, link $1 cut" $f_pid
    finish "stall, link $1 cut, receiver" $f_server
    f_gap=$(jq '.max_gap_ms | floor' "$BED_TMP/stall")
    echo "# stall, link $1 cut: longest gap $f_gap ms"
    ok "stall, link $1 cut: under 1500 ms" [ "${f_gap:-9999}" -lt 1500 ]
    bed_link "$1" up
    bed_wait 5 bed_quiet s 7000
}

bed_open 2 rate 40mbit delay 10ms queue 40ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" $SIZE
for direction in download upload; do
    for link in 1 2; do
        one_cut $direction $link
    done
done
one_stall 1
one_stall 2
tap_end
