#!/bin/sh
# SPDX-License-Identifier: MIT
# Two links whose rates and outages change each second: the bytes are right in the end.
#   PHONE_SECONDS  how long (20)
#   PHONE_SEED     which trace (1)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../bed/phone.sh
. "$BED_SOURCE/tests/bed/phone.sh"
need jq jq

: "${PHONE_SECONDS:=20}" "${PHONE_SEED:=1}"
phone_trace "$PHONE_SEED" "$PHONE_SECONDS" >"$BED_TMP/phone"
# So many that three quarters of the trace are needed.
bytes=$(awk '{ s += $1 + $2 } END { print int(s * 125000 * 0.75) }' "$BED_TMP/phone")
bed_open 2 rate 30mbit delay 25ms queue 250k
PUMP_TIMELINE=$BED_TMP/timeline
export PUMP_TIMELINE
bed_spawn s timeout 200 "$PUMP" recv 0.0.0.0 7000 "$bytes" >"$BED_TMP/result"
server=$!
unset PUMP_TIMELINE
bed_wait 10 bed_listening s 7000
bed_spawn c timeout 200 "$PUMP" send $S1 7000 "$bytes"
client=$!
phone_drive $server
bed_link 1 up
bed_link 2 up
finish "the sender" $client
finish "the receiver" $server
is "the bytes are right" "$(jq .ok "$BED_TMP/result")" true
[ "$BED_MODE" = plain ] ||
    echo "# part of what the links could carry: $(phone_part 1 1 "$(tail -1 "$BED_TMP/timeline")")"
echo "# longest time without a byte: $(jq .max_gap_ms "$BED_TMP/result") ms"
tap_end
