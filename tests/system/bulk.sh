#!/bin/sh
# SPDX-License-Identifier: MIT
# Bulk over two wires that nothing slows down, so that much is there at a time and payloads go from
# the subflows to the programs through a pipe: whole, with a path silent in the middle, with all
# bytes on both paths, and beside payloads that are read because MACs cover them.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need nft nftables
[ "$BED_MODE" = shim ] || bed_skip "about agents"

SIZE=64

pipes() # HOST: descriptors of pipes that its agents have
{
    for p in $(agent_pids "$1"); do
        ls -l "/proc/$p/fd"
    done | grep -c 'pipe:'
}

silence() # LINK yes|no: nothing arrives by it any more, at either host, and nobody says so
{
    for h in c s; do
        if [ "$2" = yes ]; then
            bed_in $h nft "add table inet silence$1; add chain inet silence$1 in { type filter hook input priority 0; }; add rule inet silence$1 in iifname link$1 drop"
        else
            bed_in $h nft delete table inet silence"$1"
        fi
    done
}

received() # FILE BYTES
{
    [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge "$2" ]
}

one() # NAME download|upload [LINK]: which goes silent
{
    rm -f "$BED_TMP/www/up/data"
    "start_$2" bed_spawn $S1 data
    b_pid=$!
    if [ -n "$3" ]; then
        bed_wait 20 received "$BED_TMP/got" $((SIZE * MB / 8))
        silence "$3" yes
        ok "$1: in the middle" [ "$(stat -c %s "$BED_TMP/got")" -lt $((SIZE * MB)) ]
    fi
    finish "$1" $b_pid
    [ -z "$3" ] || silence "$3" no
    if [ "$2" = download ]; then
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    else
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/www/up/data"
    fi
}

served() # connections to the server have several paths, not only some time after it listens
{
    # shellcheck disable=SC2317 # called by bed_wait
    bed_in c timeout 10 "$MPTCPSHIM" check $S1 "$HTTP"
}

serve()
{
    start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
    bed_wait 30 served || { tap_point 1 "the server is multipath"; tap_end; }
}

bed_open_wires 2
make_file "$BED_TMP/www.data" $SIZE
mkdir -p "$BED_TMP/www"
mv "$BED_TMP/www.data" "$BED_TMP/www/data"

BED_OPTIONS='--integrity full'
serve
one "under MACs" download
one "under MACs, upload" upload
is "what MACs cover is read: no pipes" "$(pipes c) $(pipes s)" "0 0"
stop_nginx
bed_wait 30 bed_quiet s "$HTTP"

BED_OPTIONS='--integrity control'
serve
one "download" download
is "download: the client's agent has a pipe" "$(pipes c)" 2
one "upload" upload
is "upload: the server's agent has one" "$(pipes s)" 2
# A program that reads slowly is still there when the link goes, and its end is full most of the time.
CURL_OPTIONS='--limit-rate 64M'
one "link 1 goes silent" download 1
one "link 2 goes silent" download 2
CURL_OPTIONS=''
stop_nginx

BED_OPTIONS='--integrity control --scheduler redundant'
serve
one "all bytes on both paths" download
one "all bytes on both paths, upload" upload
stop_nginx
tap_end
