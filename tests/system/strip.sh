#!/bin/sh
# SPDX-License-Identifier: MIT
# A firewall in the path that removes MPTCP's TCP options changes nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need nft nftables
need jq jq

SIZE=20

measure() # NAME
{
    s_before1=$(link_bytes 1) s_before2=$(link_bytes 2) s_start=$(now_ms)
    start_download bed_spawn $S1 data
    finish "$1" $!
    s_ms=$(($(now_ms) - s_start))
    ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    ok "$1: link 1 carried its part" link_carried_since 1 "$s_before1" $((SIZE * MB / 6))
    ok "$1: link 2 carried its part" link_carried_since 2 "$s_before2" $((SIZE * MB / 6))
    echo "# $1: percent of the rate of one link: $((SIZE * MB * 8 / 40 / s_ms / 10))"
}

bed_open 2 rate 40mbit delay 5ms queue 40ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" $SIZE
measure "open path"
if bed_strip_mptcp 2>"$BED_TMP/nft.log"; then
    measure "options stripped"
else
    sed 's/^/# /' "$BED_TMP/nft.log"
    skip "options stripped" "this kernel's nftables cannot reset a TCP option"
fi
tap_end
