#!/bin/sh
# SPDX-License-Identifier: MIT
# How old data is when it arrives, by two links of 2 Mbit/s: a program that sends as fast as it can,
# one with a small SO_SNDBUF, one that waits until little is unsent (TCP_NOTSENT_LOWAT). Beside plain
# TCP, which has one of the links: at most one and a half times as old.
#   AGE_RATE=20mbit sh tests/system/age.sh
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need python3 python3
AGE=$(dirname "$0")/age.py
RATE=${AGE_RATE:-2mbit}
WAYS=${AGE_WAYS:-default sndbuf lowat}
SECONDS_EACH=${AGE_SECONDS:-5}

# Prints lines of: way, median age, longest age, Mbit/s.
ages() # MODE
{
    BED_MODE=$1
    # shellcheck disable=SC2086
    set -- $WAYS
    bed_spawn s python3 "$AGE" receive 7049 $# >"$BED_TMP/ages"
    a_server=$!
    bed_wait 10 bed_listening s 7049
    # shellcheck disable=SC2086
    bed_run c timeout 100 python3 "$AGE" send $S1 7049 "$SECONDS_EACH" $WAYS
    wait $a_server
    sed "s/^/# $BED_MODE: /" "$BED_TMP/ages"
}

of() # FILE WAY
{
    awk -v way="$2" '$1 == way { print $2 }' "$1"
}

# 10 ms, half of the way, are the noise of one measurement.
as_young() # WAY
{
    a_plain=$(of "$BED_TMP/plain" "$1") a_ours=$(of "$BED_TMP/ages" "$1")
    echo "# $1: plain TCP ${a_plain:-?} s, here ${a_ours:-?} s"
    awk -v p="${a_plain:-0}" -v o="${a_ours:-9}" 'BEGIN { exit !(p > 0 && o <= 1.5 * p + 0.01) }'
}

mode=$BED_MODE
bed_open 2 rate "$RATE" delay 20ms queue 100ms
ages plain
mv "$BED_TMP/ages" "$BED_TMP/plain"
ages "$mode"
for way in $WAYS; do
    ok "$way: not older than one and a half times plain TCP's" as_young "$way"
done
tap_end
