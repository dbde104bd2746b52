#!/bin/sh
# SPDX-License-Identifier: MIT
# How much of the sum of two unlike links one connection gets: kernel MPTCP and the shim, each as a
# fraction of what plain TCP gets on the first link plus what it gets on the second.
#   paths.sh [NAME...]        names from the table below; all if none
# One JSON line per scenario.

# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_needs iperf3 jq

# name | link 1 | link 2
table='equal       | rate 100mbit delay 10ms loss 0% queue 40ms | rate 100mbit delay 10ms loss 0% queue 40ms
unequal     | rate 100mbit delay 5ms loss 0% queue 40ms  | rate 20mbit delay 50ms loss 0% queue 80ms
lossy       | rate 100mbit delay 10ms loss 0% queue 40ms | rate 100mbit delay 10ms loss 1% queue 40ms
deep-queue  | rate 100mbit delay 10ms loss 0% queue 40ms | rate 10mbit delay 10ms loss 0% queue 2m
far         | rate 100mbit delay 10ms loss 0% queue 40ms | rate 20mbit delay 100ms loss 0% queue 150ms
very-far    | rate 100mbit delay 5ms loss 0% queue 40ms  | rate 100mbit delay 150ms loss 0% queue 200ms'

rate() # WAY ADDRESS: Mbit/s
{
    BED_MODE=$1
    bed_wait 5 bed_quiet s 5201
    bed_spawn s iperf3 -s -1 >/dev/null 2>&1
    r_server=$!
    bed_wait 5 bed_listening s 5201
    bed_run c timeout 60 iperf3 -c "$2" -t 8 -O 3 -J >"$BED_TMP/iperf" 2>&1
    wait $r_server
    jq '(.end.sum_received.bits_per_second // 0) / 1e4 | round / 100' "$BED_TMP/iperf"
}

if [ $have_mptcp = yes ]; then BED_MODE=mptcp; fi
bed_open 2
echo "$table" | while IFS='|' read -r name link1 link2; do
    name=$(echo $name)
    [ $# = 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    # shellcheck disable=SC2086
    { bed_link 1 $link1 && bed_link 2 $link2; } || exit 1
    one=$(rate plain 10.99.1.1)
    two=$(rate plain 10.99.2.1)
    kernel=null
    [ $have_mptcp = no ] || kernel=$(rate mptcp 10.99.1.1)
    shim=$(rate shim 10.99.1.1)
    jq -n -c --arg name "$name" --argjson one "$one" --argjson two "$two" \
        --argjson kernel "$kernel" --argjson shim "$shim" '
        def part($x): if $x == null then null else $x / ($one + $two) * 1000 | round / 1000 end;
        {scenario: $name, plain_1: $one, plain_2: $two, mptcp: $kernel, shim: $shim,
         mptcp_part: part($kernel), shim_part: part($shim)}'
done
