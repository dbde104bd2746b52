#!/bin/sh
# SPDX-License-Identifier: MIT
# More addresses than an agent has places for: it says so, wherever somebody looks, and works.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "only the shim has a limit"

ADDRESSES=300

left_out() # the number that status gives
{
    bed_in c "$MPTCPSHIM" status --json | jq -e '[.[] | select(.state == "left-out")][0].count'
}

bed_open 2 rate 100mbit delay 1ms
i=0
while [ $i -lt $ADDRESSES ]; do
    echo "addr add 10.97.$((i / 250)).$((i % 250 + 1))/32 dev link1"
    i=$((i + 1))
done >"$BED_TMP/addresses"
ip -n "$BED_ID-c" -batch "$BED_TMP/addresses"
bed_spawn s "$PUMP" recv $S1 7000 10000000 >"$BED_TMP/received"
server=$!
bed_wait 10 bed_listening s 7000
bed_spawn c sh -c "'$PUMP' send $S1 7000 10000000 && sleep 30"
program=$!
ok "a transfer goes well" bed_wait 30 grep -q '"ok":true' "$BED_TMP/received"
wait $server
ok "status counts what is left out" bed_wait 10 left_out
n=$(left_out)
at_least "as many as there are too many" "$n" $((ADDRESSES - 256))
ok "in words, too" sh -c "nsenter --net=/run/netns/$BED_ID-c '$MPTCPSHIM' status >'$BED_TMP/words' &&
    grep -q '$n addresses of this host are not used' '$BED_TMP/words'"
is "path list says the same" "$(bed_in c "$MPTCPSHIM" path list --json |
    jq '[.[] | select(has("left_out"))][0].left_out')" "$n"
kill $program
wait $program 2>/dev/null
tap_end
