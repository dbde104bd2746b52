#!/bin/sh
# SPDX-License-Identifier: MIT
# A server whose kernel answers with SYN cookies, as under a flood of SYNs, and so forgets the marks
# of the peers: no program may see a byte that the program at the other end did not send.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need socat socat

# The last ACK of a join has no mark either, so that it may reach the program's own listener: a
# connection without a byte.
arrived() # NUMBER: so many connections with bytes, each with the data
{
    find "$BED_TMP/got" -type f -size +0 >"$BED_TMP/files"
    [ "$(wc -l <"$BED_TMP/files")" = "$1" ] || return 1
    while read -r p_file; do
        same "$BED_TMP/data" "$p_file" || return 1
    done <"$BED_TMP/files"
}

bed_open 2 rate 100mbit delay 5ms queue 40ms
bed_in s sh -c 'echo 2 >/proc/sys/net/ipv4/tcp_syncookies' 2>/dev/null || bed_skip "SYN cookies cannot be set"
make_file "$BED_TMP/data" 2
mkdir "$BED_TMP/got"
# A file for each connection; the size of the data comes back.
bed_spawn s socat TCP-LISTEN:7600,fork,reuseaddr,backlog=64 SYSTEM:"tee $BED_TMP/got/\$\$ | wc -c"
bed_wait 10 bed_listening s 7600
for p_how in bed_in bed_run; do
    rm -f "$BED_TMP"/got/*
    for p_i in 1 2 3; do
        is "$p_how, connection $p_i: the answer" \
            "$("$p_how" c timeout 30 socat -t 20 - TCP:$S1:7600 <"$BED_TMP/data")" $((2 * MB))
    done
    bed_wait 10 arrived 3
    ok "$p_how: three connections, and what they carried" arrived 3
done
ok "cookies were sent" sh -c "[ \"\$(nsenter --net=/run/netns/$BED_ID-s nstat -asz TcpExtSyncookiesRecv |
    awk '/Recv/ { print \$2 }')\" -ge 6 ]"
tap_end
