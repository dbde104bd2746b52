#!/bin/sh
# SPDX-License-Identifier: MIT
# Both ends write and nobody reads until every window is closed; then both read: no deadlock.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

DUEL=$BED_BUILD/tests/bed/duel
# Far more than the buffers of an agent may hold; kernel TCP with such windows would take minutes.
BYTES=40000000
[ "$BED_MODE" = shim ] || BYTES=1000000

one_duel() # NAME BYTES
{
    bed_spawn s timeout 120 "$DUEL" listen 0.0.0.0 7100 "$2" 2>"$BED_TMP/duel.s"
    w_server=$!
    bed_wait 10 bed_listening s 7100
    # shellcheck disable=SC2046 # several words
    ok "$1: the connecting side" timeout 120 nsenter --net="/run/netns/$BED_ID-c" $(bed_prefix) \
        "$DUEL" connect $S1 7100 "$2" 2>"$BED_TMP/duel.c"
    finish "$1, the listening side" $w_server
    sed 's/^/# /' "$BED_TMP/duel.c" "$BED_TMP/duel.s"
    w_full=$(sed -n 's/^full after \([0-9]*\) .*/\1/p' "$BED_TMP/duel.c" "$BED_TMP/duel.s" | sort -n | head -1)
    ok "$1: the windows were full" [ "${w_full:-$2}" -lt "$2" ]
}

bed_open 2 rate 200mbit delay 5ms queue 40ms
one_duel "two equal links" $BYTES
bed_link 2 rate 20mbit delay 40ms loss 1%
one_duel "a fast and a slow, lossy link" $BYTES
tap_end
