#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that want to know when their peer is gone: keepalive and TCP_USER_TIMEOUT end a connection
# in their time and with TCP's error, at both ends, and only if no path is left. Beside plain TCP.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need python3 python3
PEERS=$(dirname "$0")/dead_peer.py
mode=$BED_MODE

cut_link() # NUMBER
{
    for d_host in c s; do
        bed_in $d_host nft "add table inet cut; \
            add chain inet cut in { type filter hook prerouting priority -300; }; \
            add rule inet cut in iifname \"link$1\" drop"
    done
}

told() # NAME: what the program was told, and when
{
    awk -v name="$1" '$1 == name { print $2, $3 }' "$BED_TMP/server" "$BED_TMP/client"
}

is_told() # NAME LEAST MOST: TCP's word for a peer that does not answer, so many seconds later
{
    d_told=$(told "$1")
    echo "# $1: ${d_told:-nothing}"
    echo "$d_told" | awk -v least="$2" -v most="$3" \
        '{ ok = $1 == "ETIMEDOUT" && $2 >= least && $2 <= most } END { exit !ok }'
}

dead_peers() # MODE
{
    BED_MODE=$1
    : >"$BED_TMP/server" && : >"$BED_TMP/client"
    bed_spawn s python3 "$PEERS" server 7006 >"$BED_TMP/server"
    d_server=$!
    bed_wait 10 bed_listening s 7006
    bed_spawn c python3 "$PEERS" client $S1 7006 >"$BED_TMP/client"
    d_client=$!
    bed_wait 10 grep -q ready "$BED_TMP/client"
    [ "$1" = plain ] || ok "$1: two paths" bed_wait 10 all_joined c 2 4
    if [ "$1" != plain ]; then
        cut_link 2
        # The times of keepalive are over twice then.
        sleep 8
        is "$1: one path is enough" "$(told keepalive)$(told keepalive-server)" ''
    fi
    cut_link 1
    kill -USR1 $d_server $d_client # data, where data is to wait
    wait $d_server $d_client
    for d_end in '' -server; do
        ok "$1: keepalive of 2 + 3 * 1 s$d_end" is_told keepalive$d_end 0 7
        ok "$1: a user timeout of 3 s$d_end" is_told patience$d_end 2.5 6
    done
    for d_host in c s; do bed_in $d_host nft delete table inet cut; done
}

bed_open 2 rate 50mbit delay 5ms queue 50ms
dead_peers plain
[ "$mode" = plain ] || dead_peers "$mode"
tap_end
