#!/bin/sh
# SPDX-License-Identifier: MIT
# curl and nginx under the shim: download and upload over two and three links, IPv4 and IPv6.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq

one_transfer() # NAME download|upload HOST LINKS
{
    t_before1=$(link_bytes 1) t_before2=$(link_bytes 2) t_before3=$(link_bytes "$4")
    t_start=$(now_ms)
    "start_$2" bed_spawn "$3" data
    t_pid=$!
    if [ "$BED_MODE" = shim ]; then
        ok "$1: $4 subflows carry bytes, says status" bed_wait 30 carried_by_all c 300000 "$4"
    fi
    finish "$1" $t_pid
    t_ms=$(($(now_ms) - t_start))
    if [ "$2" = download ]; then
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    else
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/www/up/data"
    fi
    echo "# $1: $t_ms ms"
    [ "$BED_MODE" != plain ] || return
    ok "$1: link 1 carried its part" link_carried_since 1 "$t_before1" $((SIZE * MB / $4 / 3))
    ok "$1: link 2 carried its part" link_carried_since 2 "$t_before2" $((SIZE * MB / $4 / 3))
    [ "$4" = 2 ] ||
        ok "$1: link $4 carried its part" link_carried_since "$4" "$t_before3" $((SIZE * MB / $4 / 3))
    # A figure, no condition: rates are for the benchmarks, on a machine that is not shared.
    echo "# $1: percent of the rate of one link: $((SIZE * MB * 8 / 40 / t_ms / 10))"
}

SIZE=24
for links in 2 3; do
    bed_open $links rate 40mbit delay 5ms queue 40ms
    start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
    make_file "$BED_TMP/www/data" $SIZE
    one_transfer "download, $links links" download $S1 $links
    one_transfer "upload, $links links" upload $S1 $links
    if [ $links = 2 ]; then
        one_transfer "download, IPv6" download '[fd99:1::1]' $links
        one_transfer "upload, IPv6" upload '[fd99:1::1]' $links
    fi
    stop_nginx
    bed_close
done
tap_end
