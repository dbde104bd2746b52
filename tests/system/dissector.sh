#!/bin/sh
# SPDX-License-Identifier: MIT
# What Wireshark's dissector tells of a download over two links of which one is cut is what was
# transferred.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need tcpdump tcpdump
need tshark tshark
[ "$BED_MODE" = shim ] || bed_skip "there is nothing of mptcpshim in such connections"
[ "$(cat /proc/self/setgroups 2>/dev/null)" != deny ] ||
    bed_skip "tcpdump cannot change groups in this user namespace"

SIZE=6
capture=$BED_TMP/dissector.pcap
export=$BED_TMP/export

shown() # TSHARK-ARGUMENT...
{
    tshark -X "lua_script:$BED_BUILD/lib/wireshark/mptcpshim.lua" -r "$capture" \
        -o tcp.reassemble_out_of_order:TRUE "$@" 2>"$BED_TMP/tshark.log"
}

values() # FIELD FILTER: of the connection, one a line
{
    shown -T fields -e "$1" -Y "mptcpshim.connection == 0 && ($2)" | tr ',' '\n' | grep .
}

# Slow enough for the capture to miss nothing.
bed_open 2 rate 20mbit delay 5ms queue 60ms
start_nginx bed_spawn
make_file "$BED_TMP/www/data" $SIZE
ok "a capture" bed_capture c "$capture" tcp
start_download bed_spawn $S1 data
pid=$!
ok "both links carry" bed_wait 20 carried_by_all s 200000 2
bed_link 2 cut
ok "the download ends" wait "$pid"
ok "and is complete" same "$BED_TMP/www/data" "$BED_TMP/got"
ok "no packet is missing in the capture" bed_capture_end

mkdir "$export"
ok "tshark" shown -q -o "mptcpshim.export:$export"
is "nothing is malformed, nothing is left over" "$(shown -Y '_ws.malformed || mptcpshim.lost || mptcpshim.crc.good == 0')" ""
tail -c $((SIZE * MB)) "$export/connection-0-server" >"$BED_TMP/exported"
ok "the bytes of the server" same "$BED_TMP/www/data" "$BED_TMP/exported"
ok "those of the client" grep -aq '^GET /data HTTP/1.1' "$export/connection-0-client"
new=$(values mptcpshim.payload.length 'mptcpshim.from == "server"' | awk '{ sum += $1 } END { print sum + 0 }')
again=$(values mptcpshim.analysis.repeated 'mptcpshim.from == "server"' | awk '{ sum += $1 } END { print sum + 0 }')
is "payloads are what was sent, and what was sent again" $((new - again)) "$(wc -c <"$export/connection-0-server")"
is "both subflows" "$(values mptcpshim.subflow mptcpshim.payload | sort -u | tr '\n' ' ')" "0 2 "
is "every byte is acknowledged" \
    "$(values mptcpshim.analysis.acked 'mptcpshim.from == "client"' | awk '{ sum += $1 } END { print sum + 0 }')" \
    "$(($(wc -c <"$export/connection-0-server") + $(values mptcpshim.dss.data_fin 'mptcpshim.from == "server"' | grep -cx -m 1 1)))"
tap_end
