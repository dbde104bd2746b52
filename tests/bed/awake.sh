# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Benchmarks on virtual machines: a host gives a sleeping processor to others and takes its time to
# give it back, which costs programs that wait for each other a third of their rate and more. So
# each processor is kept busy by a process of the idle class, which any other at once displaces.

bed_awake=''

bed_keep_awake() # until this shell ends, or bed_let_sleep
{
    bed_n=$(getconf _NPROCESSORS_ONLN)
    while [ "$bed_n" -gt 0 ]; do
        bed_n=$((bed_n - 1))
        chrt --idle 0 sh -c 'while kill -0 "$1" 2>/dev/null; do :; done' awake $$ &
        bed_awake="$bed_awake $!"
    done
}

bed_let_sleep()
{
    # shellcheck disable=SC2086
    [ -z "$bed_awake" ] || kill $bed_awake
    bed_awake=''
}

bed_witness() # FILE: that gets the times when a processor stood still (witness.c); pid in $witness
{
    "$BED_BUILD/tests/bed/witness" "$1" >"$BED_TMP/witness.log" &
    witness=$!
    bed_wait 5 grep -q ready "$BED_TMP/witness.log"
}
