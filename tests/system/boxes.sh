#!/bin/sh
# SPDX-License-Identifier: MIT
# A box on one of two paths changes bytes, or puts some in: real programs get the right ones over the
# other path. On the only path the connection is reset, and the next one is plain TCP, to which the
# box does what it does to any.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need nginx nginx-light
need curl curl
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "plain TCP has one path only"

make_file "$BED_TMP/file" 16

changed() # NUMBER: segments that the box on that link has changed
{
    bed_stats | jq ".[$1 - 1] | .c2s.changed + .s2c.changed"
}

open_through() # LINKS LINK SETTING...: a server behind them, and the box on that link
{
    b_links=$1 b_link=$2
    shift 2
    bed_open "$b_links" rate 100mbit delay 5ms queue 60ms
    bed_link "$b_link" "$@"
    write_nginx_config
    cp "$BED_TMP/file" "$BED_TMP/www/file"
    start_nginx bed_spawn
}

down_and_up() # NAME
{
    rm -f "$BED_TMP/got"
    bed_run c curl -sS --max-time 60 -o "$BED_TMP/got" "http://$S1:$HTTP/file"
    is "$1, down: curl" $? 0
    ok "$1, down: the bytes are right" same "$BED_TMP/got" "$BED_TMP/file"
    bed_run c curl -sS --max-time 60 -o /dev/null -T "$BED_TMP/file" "http://$S1:$HTTP/up/file"
    is "$1, up: curl" $? 0
    ok "$1, up: the bytes are right" same "$BED_TMP/www/up/file" "$BED_TMP/file"
}

for box in "rewrite 20" "insert 100k"; do
    for link in 1 2; do
        # shellcheck disable=SC2086
        open_through 2 $link $box
        down_and_up "$box on path $link"
        ok "$box on path $link: it was in the way" [ "$(changed $link)" -gt 0 ]
        bed_close
    done
done

# One path: what is put into the request is in the name of the browser.
open_through 1 1 c2s insert 300
ip -n "$BED_ID-c" -6 addr flush scope global
name=$(printf '%0400d' 0)
bed_run c sh -c "for i in 1 2; do
    curl -sS -A $name --max-time 30 -o $BED_TMP/got http://$S1:$HTTP/file; echo \$?; done" \
    >"$BED_TMP/codes" 2>/dev/null
is "one path: the first connection is reset" "$(sed -n 1p "$BED_TMP/codes")" 56
is "one path: the second one is not" "$(sed -n 2p "$BED_TMP/codes")" 0
ok "one path: the bytes are right" same "$BED_TMP/got" "$BED_TMP/file"
bed_close
tap_end
