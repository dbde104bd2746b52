#!/bin/sh
# SPDX-License-Identifier: MIT
# A box in the path that eats each segment which begins with the magic, the question's or the
# answer's, in front of a server that was known before, or is new. The cost is bounded, whoever
# tries next does not pay again, and no request is ever made twice.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need nft nftables

MAGIC=0xf54d5053
# Milliseconds. Round trips take 20; what TCP's own timers take, and a busy machine, is in it.
SOON=1500
AT_ONCE=400

eat() # c|s: what comes to this host
{
    bed_in "$1" nft -f - <<NFT
table inet box {
    chain in {
        type filter hook prerouting priority 0;
        meta l4proto tcp @ih,0,32 $MAGIC counter drop
    }
}
NFT
}

eat_nothing() # c|s
{
    bed_in "$1" nft delete table inet box
}

eaten() # c|s: how many segments
{
    bed_in "$1" nft list table inet box | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'
}

# A request as a program of its own, so that nothing is known but what a file says. Sets e_ms.
request() # NAME
{
    e_start=$(now_ms)
    bed_run c $CURL --max-time 30 -o "$BED_TMP/got" "http://$S1:$HTTP/$1" 2>"$BED_TMP/curl.err"
    e_status=$?
    e_ms=$(($(now_ms) - e_start))
    echo "# $1: exit code $e_status after $e_ms ms $(cat "$BED_TMP/curl.err")"
    return $e_status
}

requests_for() # NAME: that the server has seen
{
    grep -c "GET /$1" "$BED_TMP/access.log"
}

quick() # LIMIT
{
    [ "$e_ms" -lt "$1" ]
}

forget()
{
    rm -rf "$XDG_RUNTIME_DIR/mptcpshim"
}

# Two requests may find out; those behind them are as fast as plain TCP.
others_follow() # NAME
{
    ok "$1: the second one succeeds" request "$1-2"
    ok "$1: soon" quick $SOON
    for e_i in 3 4 5; do
        ok "$1: number $e_i succeeds" request "$1-$e_i"
        ok "$1: at once" quick $AT_ONCE
    done
}

known() # NAME HOST
{
    forget
    ok "$1: a contact as it should be" request "$1-0"
    eat "$2"
    if [ "$2" = s ]; then
        # The question never arrived: nothing was done that could be done twice.
        ok "$1: the request succeeds" request "$1-1"
    else
        # It may have been acted upon, and was: only a reset is honest.
        request "$1-1"
        is "$1: the connection is reset" $? 56
    fi
    ok "$1: soon" quick $SOON
    at_least "$1: the box ate something" "$(eaten "$2")" 2
    is "$1: the server saw it once" "$(requests_for "$1-1")" 1
    others_follow "$1"
    eat_nothing "$2"
}

new() # NAME HOST
{
    forget
    eat "$2"
    ok "$1: the request succeeds" request "$1-1"
    ok "$1: soon" quick $SOON
    is "$1: the server saw it once" "$(requests_for "$1-1")" 1
    others_follow "$1"
    eat_nothing "$2"
}

bed_open 2 rate 100mbit delay 10ms queue 40ms
XDG_RUNTIME_DIR=$BED_TMP/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
eat c 2>"$BED_TMP/nft.log" || bed_skip "nftables here cannot look into TCP's payload"
eat_nothing c
NGINX_SERVER="access_log $BED_TMP/access.log; error_page 404 = @fixed; location @fixed { return 200 'fixed'; }"
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
known known-question s
known known-answer c
new new-question s
new new-answer c
tap_end
