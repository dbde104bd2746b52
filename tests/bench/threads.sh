#!/bin/sh
# SPDX-License-Identifier: MIT
# What threads of the agents give and cost: downloads side by side over loopback, by plain TCP and
# by agents with one and more threads, in turn.
#   threads.sh [ROUNDS [SECONDS [THREADS...]]]     default: 3 rounds of 4 s, 1 and 2 threads
# One JSON line for each number of flows and way: medians of the sum of the rates in Mbit/s, and of
# the CPU seconds of programs and agents per 10^9 bytes. Means something on an idle machine only.

rounds=${1:-3} seconds=${2:-4}
[ $# -le 2 ] || { shift 2; threads=$*; }
: "${threads:=1 2}"
# bed.sh may run this again in a user namespace.
# shellcheck disable=SC2086
set -- $rounds $seconds $threads
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_needs jq "$FLOW"
runs=$BED_TMP/runs

run() # WAY COMMAND...: in host s, on its loopback
{
    way=$1
    shift
    if [ "$way" = plain ]; then
        bed_in s "$@"
    else
        bed_in s env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run --threads "$way" --local 127.0.0.1 "$@"
    fi
}

agents_cpu() # seconds of CPU time
{
    total=0
    for p in $(ip netns pids "$BED_ID-s"); do
        case $(cat "/proc/$p/comm" 2>/dev/null) in mptcpshim-agen*) ;; *) continue ;; esac
        total=$((total + $(cut -d')' -f2 "/proc/$p/stat" | awk '{ print $12 + $13 }')))
    done
    echo "$total $(getconf CLK_TCK)" | awk '{ print $1 / $2 }'
}

no_agents()
{
    ! ip netns pids "$BED_ID-s" | xargs -r -I{} cat /proc/{}/comm 2>/dev/null | grep -q mptcpshim-agen
}

# shellcheck disable=SC2016
one() # WAY FLOWS
{
    rm -f "$BED_TMP"/out.*
    run "$1" sh -c 'i=0; while [ $i -lt "$2" ]; do "$1" serve 127.0.0.1 $((5300 + i)) 1 >"$3/out.s.$i" &
        i=$((i + 1)); done; wait' sh "$FLOW" "$2" "$BED_TMP" &
    servers=$!
    i=0
    while [ $i -lt "$2" ]; do
        bed_wait 5 bed_listening s $((5300 + i))
        i=$((i + 1))
    done
    run "$1" sh -c 'i=0; while [ $i -lt "$2" ]; do "$1" get 127.0.0.1 $((5300 + i)) "$4" 1 1000000000000 0 \
        >"$3/out.c.$i" & i=$((i + 1)); done; wait' sh "$FLOW" "$2" "$BED_TMP" "$seconds"
    wait $servers
    cpu=$(agents_cpu)
    jq -s -c --arg way "$1" --argjson flows "$2" --argjson agents "$cpu" '
        {way: $way, flows: $flows, mbit_s: (map(.mbit_s // 0) | add),
         cpu_per_gb: (((map(.cpu // 0) | add) + $agents) / (map(select(.mbit_s) | .bytes) | add) * 1e9)}' \
        "$BED_TMP"/out.c.* "$BED_TMP"/out.s.* >>"$runs"
    bed_wait 20 no_agents
}

bed_open 1
r=0
while [ $r -lt "$rounds" ]; do
    r=$((r + 1))
    for flows in 1 2 8; do
        for way in plain $threads; do
            one "$way" $flows
        done
    done
done
jq -s -c 'def median: sort | .[length / 2 | floor];
    group_by([.flows, .way])[]
    | {flows: .[0].flows, threads: .[0].way, mbit_s: (map(.mbit_s) | median | round),
       cpu_per_gb: (map(.cpu_per_gb) | median * 1000 | round / 1000)}' "$runs"
