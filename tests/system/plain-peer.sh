#!/bin/sh
# SPDX-License-Identifier: MIT
# A shim on one end only: transfers work, and the bytes on the wire are those of plain TCP.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=ssh.sh
. "$(dirname "$0")/ssh.sh"
need curl curl
need nginx nginx-light
need tcpdump tcpdump
need jq jq
[ "$(cat /proc/self/setgroups 2>/dev/null)" != deny ] ||
    bed_skip "tcpdump cannot change groups in this user namespace"

PCAPFLOW=$BED_BUILD/tests/bed/pcapflow

# Nothing of ours in what either side sent.
no_magic() # FILE
{
    [ -s "$1" ] && ! grep -aqP '\xf5MPS\r\n' "$1"
}

captured_request() # bed_spawn|bed_start NAME: one fixed request under a capture
{
    bed_capture s "$BED_TMP/$2.pcap" tcp port $HTTP || return 1
    # shellcheck disable=SC2086
    "$1" c $CURL -A fixed -o "$BED_TMP/got" "http://$S1:$HTTP/data"
    wait $!
    p_status=$?
    bed_capture_end || p_status=99
    "$PCAPFLOW" "$BED_TMP/$2.pcap" $HTTP c2s >"$BED_TMP/$2.c2s"
    "$PCAPFLOW" "$BED_TMP/$2.pcap" $HTTP s2c | grep -av '^Date: ' >"$BED_TMP/$2.s2c"
    return $p_status
}

request() # the same; once more if the capture missed packets
{
    captured_request "$@"
    p_status=$?
    [ $p_status != 99 ] || { captured_request "$@"; p_status=$?; }
    return $p_status
}

compare_with_native() # NAME START-SERVER RUN-CLIENT
{
    start_nginx "$2" || { tap_point 1 "$1: nginx starts"; return; }
    ok "$1: download" request "$3" mixed
    ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    ok "$1: the request on the wire is that of plain TCP" same "$BED_TMP/native.c2s" "$BED_TMP/mixed.c2s"
    ok "$1: the response on the wire is that of plain TCP" same "$BED_TMP/native.s2c" "$BED_TMP/mixed.s2c"
    ok "$1: no trace of the shim in the payload" no_magic "$BED_TMP/mixed.c2s"
    ok "$1: none in the response" no_magic "$BED_TMP/mixed.s2c"
    start_upload "$3" $S1 data
    finish "$1: upload" $!
    ok "$1: the uploaded bytes are right" same "$BED_TMP/www/data" "$BED_TMP/www/up/data"
    stop_nginx
}

ssh_session() # NAME START-SERVER RUN-CLIENT
{
    p_reason=$(ssh_reason)
    [ -z "$p_reason" ] || { skip "$1: ssh" "$p_reason"; return; }
    start_sshd "$2" || { tap_point 1 "$1: sshd starts"; return; }
    is "$1: ssh" "$(run_ssh "$3" cat <"$BED_TMP/www/data" | sha256sum | cut -d' ' -f1)" \
        "$(sum_of "$BED_TMP/www/data")"
    stop_sshd
}

# Slow enough for the capture to miss nothing.
bed_open 2 rate 30mbit delay 2ms queue 40ms
write_nginx_config
make_file "$BED_TMP/www/data" 2

start_nginx bed_start || { tap_point 1 "nginx starts"; tap_end; }
ok "native: download" request bed_start native
ok "native: the capture holds the request" grep -aq '^GET /data HTTP/1.1' "$BED_TMP/native.c2s"
ok "native: and the whole response" [ "$(wc -c <"$BED_TMP/native.s2c")" -gt $((2 * MB)) ]
stop_nginx

compare_with_native "shim client, plain server" bed_start bed_spawn
compare_with_native "plain client, shim server" bed_spawn bed_start
ssh_session "shim client, plain server" bed_start bed_run
ssh_session "plain client, shim server" bed_spawn bed_in
tap_end
