#!/bin/sh
# SPDX-License-Identifier: MIT
# The sender exits right after its last write: what write() took arrives, every time.
#   EXIT_RUNS   how often (100)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq

RUNS=${EXIT_RUNS:-100}
BYTES=10000000

bed_open 2 rate 300mbit delay 3ms queue 30ms
bed_spawn s "$PUMP" recv 0.0.0.0 7000 $BYTES "$RUNS" >"$BED_TMP/received"
receiver=$!
bed_wait 10 bed_listening s 7000
run=0 failed=0
while [ $run -lt "$RUNS" ]; do
    run=$((run + 1))
    # shellcheck disable=SC2046 # several words
    timeout 30 nsenter --net="/run/netns/$BED_ID-c" $(bed_prefix) "$PUMP" send $S1 7000 $BYTES ||
        failed=$((failed + 1))
done
is "$RUNS senders succeed" $failed 0
bed_wait 30 sh -c "! kill -0 $receiver"
kill $receiver 2>/dev/null
wait $receiver
is "the receiver saw $RUNS whole streams" "$(jq -s 'map(select(.ok)) | length' "$BED_TMP/received")" "$RUNS"
jq -s '"# Mbit/s: least \(map(.mbit_s) | min), mean \((map(.mbit_s) | add) / length)"' -r "$BED_TMP/received"
tap_end
