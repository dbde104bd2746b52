#!/bin/sh
# SPDX-License-Identifier: MIT
# What MACs of payloads cost: downloads over loopback, where nothing else costs much either, by
# agents without and with them, by kernel MPTCP (net.mptcp.checksum_enabled), in turn.
#   integrity.sh [ROUNDS [SECONDS]]     default: 5 rounds of 3 s
# One JSON line for each: the median rate in Mbit/s, and of the CPU seconds per 10^9 bytes of
# programs, agents and, where a kernel does the work, of that. Means something on an idle machine
# only.

rounds=${1:-5} seconds=${2:-3}
set -- "$rounds" "$seconds"
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_needs jq "$FLOW"
runs=$BED_TMP/runs
ways="control full"
[ $have_mptcp = no ] || ways="$ways kernel-0 kernel-1"

run() # WAY COMMAND...: in host s, on its loopback
{
    way=$1
    shift
    case $way in
    kernel-*) bed_in s mptcpize run "$@" ;;
    *) bed_in s env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run --threads 1 --local 127.0.0.1 \
        --integrity "$way" "$@" ;;
    esac
}

# Of all processors: what the kernel does for a socket is in no process's account.
busy() # seconds
{
    awk -v hz="$(getconf CLK_TCK)" '/^cpu / { print ($2 + $3 + $4 + $7 + $8) / hz }' /proc/stat
}

no_agents()
{
    ! ip netns pids "$BED_ID-s" | xargs -r -I{} cat /proc/{}/comm 2>/dev/null | grep -q mptcpshim-agen
}

one() # WAY
{
    case $1 in kernel-*)
        bed_in s sh -c "echo ${1#kernel-} >/proc/sys/net/mptcp/checksum_enabled" || return 0 ;;
    esac
    port=$((port + 1)) # the last one may be in use for a while
    run "$1" "$FLOW" serve 127.0.0.1 $port 1 >"$BED_TMP/out.s" &
    server=$!
    bed_wait 5 bed_listening s $port
    before=$(busy)
    run "$1" "$FLOW" get 127.0.0.1 $port "$seconds" 1 1000000000000 0 >"$BED_TMP/out.c"
    after=$(busy)
    kill $server 2>/dev/null # one of a kernel may still hold what it has not sent
    wait $server
    jq -c --arg way "$1" --argjson cpu "$(echo "$after $before" | awk '{ print $1 - $2 }')" \
        'select(.bytes > 0) | {way: $way, mbit_s, cpu_per_gb: ($cpu / .bytes * 1e9)}' "$BED_TMP/out.c" >>"$runs"
    bed_wait 20 no_agents
}

bed_open 1
r=0 port=5300
while [ $r -lt "$rounds" ]; do
    r=$((r + 1))
    for way in $ways; do one "$way"; done
done
jq -s -c 'def median: sort | .[length / 2 | floor];
    group_by(.way)[] | {integrity: .[0].way, mbit_s: (map(.mbit_s) | median | round),
        cpu_per_gb: (map(.cpu_per_gb) | median * 1000 | round / 1000)}' "$runs"
