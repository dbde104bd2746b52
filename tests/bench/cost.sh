#!/bin/sh
# SPDX-License-Identifier: MIT
# What carrying bulk data costs where the network costs nothing: downloads over two pairs of virtual
# Ethernet devices between two hosts, unshaped, so that the processors decide; by plain TCP, kernel
# MPTCP and the shim in turn.
#   cost.sh [--rounds N] [--seconds S] [--ways "WAY..."] [--json]     default: 5 rounds of 3 s
# For each the medians of the rate and of the CPU seconds per 10^9 bytes of all processes (programs and
# agents; with virtual devices the work of both hosts' TCP is done in their name, too), and how they
# compare with plain TCP in the same run; with --json one object for each way, with the least and the
# most. Means something on an idle machine only: CPU seconds tell more than the rate where it is not.
#
# WAY: plain    plain TCP
#      mptcp    kernel MPTCP (mptcpize), left out where it is not there
#      shim     as installed: payloads over a path as short as this one carry no check
#      checked  the same with a check of each payload, as on longer paths
#      one      the shim over the first pair only

rounds=5 seconds=3 json=no only=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --ways) only=$2; shift 2 ;;
    --json) json=yes; shift ;;
    *) echo "usage: cost.sh [--rounds N] [--seconds S] [--ways \"WAY...\"] [--json]" >&2; exit 2 ;;
    esac
done
# bed.sh may run this again in a user namespace.
[ $json = no ] || set -- --json
set -- --rounds "$rounds" --seconds "$seconds" --ways "$only" "$@"
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_needs jq "$FLOW"
bench_wants_mptcp
runs=$BED_TMP/runs
if [ -z "$only" ]; then
    only='plain mptcp shim checked'
fi

open_pairs() # as bed_open, but with devices that cost no process anything
{
    ip netns add "$BED_ID-c" || bed_skip "network namespaces cannot be made"
    ip netns add "$BED_ID-s"
    bed_opened=1
    for i in 1 2; do
        ip -n "$BED_ID-c" link add "link$i" type veth peer name "link$i" netns "$BED_ID-s" ||
            bed_skip "virtual Ethernet devices cannot be made"
    done
    [ $have_mptcp = no ] || BED_MODE=mptcp # the kernel's endpoints do no harm to the others
    bed_open_host c 2 2
    bed_open_host s 1 2
}

agents_cpu() # nanoseconds, of all agents of both hosts
{
    for h in c s; do
        for p in $(ip netns pids "$BED_ID-$h"); do
            case $(cat "/proc/$p/comm" 2>/dev/null) in mptcpshim-agen*) cat "/proc/$p"/task/*/schedstat ;; esac
        done
    done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

no_agents()
{
    for h in c s; do
        ip netns pids "$BED_ID-$h" | xargs -r -I{} cat /proc/{}/comm 2>/dev/null |
            grep -q mptcpshim-agen && return 1
    done
    return 0
}

run() # HOST COMMAND...
{
    host=$1
    shift
    case $way in
    plain) bed_in "$host" "$@" ;;
    mptcp) bed_in "$host" mptcpize run "$@" ;;
    shim) bed_in "$host" env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run "$@" ;;
    checked) bed_in "$host" env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run --integrity full "$@" ;;
    one) bed_in "$host" env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run --max-subflows 1 "$@" ;;
    *) echo "cost: way $way is not known" >&2; exit 2 ;;
    esac
}

one() # of the way in $way
{
    port=$((port + 1)) # the last one may be in use for a while
    run s "$FLOW" serve 0.0.0.0 $port 1 >"$BED_TMP/out.s" &
    server=$!
    bed_wait 5 bed_listening s $port
    run c "$FLOW" get 10.99.1.1 $port "$seconds" 0 1000000000000 0 >"$BED_TMP/out.c"
    agents=$(agents_cpu)
    kill $server 2>/dev/null # one of a kernel may still hold what it has not sent
    wait $server
    jq -c --arg way "$way" --argjson agents "$agents" --slurpfile server "$BED_TMP/out.s" \
        'select(.bytes > 0) | {way: $way, mbit_s,
            cpu_per_gb: ((.cpu + ($server[0].cpu // 0)) / .bytes * 1e9 + $agents / .bytes)}' \
        "$BED_TMP/out.c" >>"$runs"
    bed_wait 20 no_agents
}

open_pairs
bench_awake
r=0 port=5300
while [ $r -lt "$rounds" ]; do
    r=$((r + 1))
    for way in $only; do
        [ "$way" != mptcp ] || [ $have_mptcp = yes ] || continue
        one
    done
done
bed_let_sleep
jq -s -c 'def median: sort | .[length / 2 | floor];
    def round3: . * 1000 | round / 1000;
    (map(select(.way == "plain"))) as $plain
    | ($plain | map(.mbit_s) | median) as $rate | ($plain | map(.cpu_per_gb) | median) as $cpu
    | group_by(.way)[]
    | {way: .[0].way, rounds: length,
       gbit_s: (map(.mbit_s) | median / 1000 | round3),
       gbit_s_range: [(map(.mbit_s) | min, max) / 1000 | round3],
       cpu_per_gb: (map(.cpu_per_gb) | median | round3),
       cpu_per_gb_range: [(map(.cpu_per_gb) | min, max) | round3]}
    | if $rate then . + {rate_to_plain: (.gbit_s * 1000 / $rate | round3),
                         cpu_to_plain: (.cpu_per_gb / $cpu | round3)} else . end' \
    "$runs" >"$BED_TMP/medians"
if [ $json = yes ]; then
    cat "$BED_TMP/medians"
else
    echo 'way        Gbit/s  of plain   CPU s/GB  of plain'
    jq -r '[.way, .gbit_s, .rate_to_plain, .cpu_per_gb, .cpu_to_plain] | @tsv' "$BED_TMP/medians" |
        awk -F '\t' '{ printf "%-8s %8.2f %9.2f %10.3f %9.2f\n", $1, $2, $3, $4, $5 }'
fi
