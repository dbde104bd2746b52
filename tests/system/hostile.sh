#!/bin/sh
# SPDX-License-Identifier: MIT
# A peer that breaks the protocol in every way it can harms only itself: the server's agent lives
# on and a good transfer works, during and after.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "there is no agent to attack in mode $BED_MODE"

HOSTILE=$BED_BUILD/tests/bed/hostile

good_transfer() # NAME
{
    start_download bed_spawn $S1 data
    finish "$1" $!
    ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
}

bed_open 2 rate 100mbit delay 2ms queue 40ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" 8
echo small >"$BED_TMP/www/small"
good_transfer "before"
agent=$(agent_pids s)
ok "the server has one agent" [ "$(echo "$agent" | wc -w)" = 1 ]

bed_in c timeout 100 "$HOSTILE" $S1 $HTTP "${HOSTILE_SEED:-1}" >"$BED_TMP/breaches"
while read -r verdict name; do
    is "$name" "$verdict" met
done <"$BED_TMP/breaches"
is "every breach was tried" "$(wc -l <"$BED_TMP/breaches")" 15
good_transfer "after the breaches"

bed_start c timeout 100 "$HOSTILE" flood $S1 $HTTP 400 >"$BED_TMP/flood"
flood=$!
ok "400 half-open connections" bed_wait 30 grep -q open "$BED_TMP/flood"
good_transfer "beside 400 half-open connections"
wait $flood
echo "# $(tail -1 "$BED_TMP/flood")"
good_transfer "after them"
is "the agent is the same" "$(agent_pids s)" "$agent"
tap_end
