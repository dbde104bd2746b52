#!/bin/sh
# SPDX-License-Identifier: MIT
# What many connections cost, over two paths between two hosts, by plain TCP and by agents with one
# and more threads, in turn.
#   many.sh [--idle N] [--threads LIST] [--seconds S] [--settle S] [COUNT...]
# default: 10, 100 and 1000 connections, threads "1 2 4", 2 s each, and 1000 idle ones for the rest.
# A table, and JSON lines in build/bench/many.jsonl: rate, CPU of programs and agents for each 10^9
# bytes; of the idle ones memory of both agents for each connection, and their CPU in 20 s, --settle seconds after the last one was made (a minute for
# what stays idle: signs of life are asked for less and less often). A plot of
# the first two over the number of connections goes to build/bench/many.svg. Means something on an
# idle machine only.

idle=1000 threads="1 2 4" seconds=2 settle=5
while [ $# -gt 0 ]; do
    case $1 in
    --idle) idle=$2 ;;
    --threads) threads=$2 ;;
    --seconds) seconds=$2 ;;
    --settle) settle=$2 ;;
    *) break ;;
    esac
    shift 2
done
counts=${*:-10 100 1000}
# bed.sh may run this again in a user namespace.
# shellcheck disable=SC2086
set -- --idle "$idle" --threads "$threads" --seconds "$seconds" --settle "$settle" $counts
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
CROWD=$BED_BUILD/tests/bed/crowd
# An agent has three descriptors for each connection here.
# shellcheck disable=SC3045 # dash has it
ulimit -n $((4 * idle + 20000)) 2>/dev/null || echo "many.sh: no right to raise the limit of descriptors" >&2
bench_needs jq "$CROWD"
out=$BED_BUILD/bench/many.jsonl
mkdir -p "$BED_BUILD/bench"
: >"$out"

run() # HOST WAY COMMAND...: in place of the shell
{
    host=$1 way=$2
    shift 2
    if [ "$way" = plain ]; then
        bed_start "$host" "$@"
    else
        bed_start "$host" env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run --threads "$way" "$@"
    fi
}

agents()
{
    for h in c s; do
        for p in $(ip netns pids "$BED_ID-$h"); do
            case $(cat "/proc/$p/comm" 2>/dev/null) in mptcpshim-agen*) echo "$p" ;; esac
        done
    done
}

ticks() # PID...: CPU time of processes
{
    for p in "$@"; do cut -d')' -f2 "/proc/$p/stat"; done | awk '{ sum += $12 + $13 } END { print sum + 0 }'
}

resident() # PID...: KiB
{
    for p in "$@"; do grep VmRSS "/proc/$p/status"; done | awk '{ sum += $2 } END { print sum + 0 }'
}

written() { [ -s "$1" ]; }
no_agents() { [ -z "$(agents)" ]; }

bulk() # WAY COUNT
{
    run s "$1" "$CROWD" serve 0.0.0.0 7600 source
    server=$!
    bed_wait 10 bed_listening s 7600
    run c "$1" "$CROWD" get 10.99.1.1 7600 "$2" "$seconds" >"$BED_TMP/got"
    wait $!
    # shellcheck disable=SC2046
    jq -c --arg way "$1" --argjson ticks "$(ticks $server $(agents))" \
        --argjson hz "$(getconf CLK_TCK)" \
        '{what: "bulk", way: $way} + . + {cpu: (.cpu + $ticks / $hz)}
         | . + {cpu_per_gb: (.cpu / .bytes * 1e9)}' "$BED_TMP/got" >>"$out"
    kill $server
    wait $server 2>/dev/null
    bed_wait 30 no_agents
}

# Several agents, of a connection each: what they are without connections is taken off.
held() # COUNT: by agents of one thread; all joined
{
    run s 1 "$CROWD" serve 0.0.0.0 7601 echo
    server=$!
    bed_wait 10 bed_listening s 7601
    rm -f "$BED_TMP/held"
    run c 1 "$CROWD" hold 10.99.1.1 7601 1 >"$BED_TMP/held"
    first=$!
    bed_wait 20 written "$BED_TMP/held"
    # shellcheck disable=SC2046
    before=$(resident $(agents))
    kill $first
    wait $first
    rm -f "$BED_TMP/held"
    run c 1 "$CROWD" hold 10.99.1.1 7601 "$1" >"$BED_TMP/held"
    first=$!
    bed_wait 100 written "$BED_TMP/held"
    sleep "$settle" # what begins with a connection is over then: joins, the first signs of life
    # shellcheck disable=SC2046
    set -- "$1" $(agents)
    n=$1
    shift
    size=$(resident "$@") cpu=$(ticks "$@")
    sleep 20
    cpu=$(($(ticks "$@") - cpu))
    carried=$(bed_in s "$MPTCPSHIM" status --json |
        jq '[.[] | select(.mode == "multipath" and ([.subflows[] | select(.state == "active")] | length) == 2)] | length')
    jq -n -c --argjson n "$n" --argjson carried "${carried:-0}" --argjson before "$before" --argjson size "$size" --argjson ticks $cpu \
        --argjson hz "$(getconf CLK_TCK)" --arg line "$(cat "$BED_TMP/held")" \
        '{what: "idle", connections: $n, on_two_paths: $carried, kib_each: (($size - $before) / $n / 2), cpu_in_20_s: ($ticks / $hz),
          line: $line}' >>"$out"
    kill $first $server
    wait $first $server 2>/dev/null
    bed_wait 60 no_agents
}

bed_open 2
for count in $counts; do
    for way in plain $threads; do
        bulk "$way" "$count"
    done
done
[ "$idle" = 0 ] || held "$idle"
bed_close

# One curve for each way: CPU for each 10^9 bytes over the number of connections, both in decades.
plot()
{
    jq -s -r '
        def x: (.connections | log10) * 140 - 60;
        def y: 260 - ((.cpu_per_gb | log10) + 1) * 100;
        ["black", "steelblue", "seagreen", "firebrick", "darkorange"] as $colours
        | map(select(.what == "bulk")) | group_by(.way)
        | "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"300\" font-family=\"sans-serif\" font-size=\"12\">",
          "<text x=\"80\" y=\"16\">CPU seconds for each GB (0.1 to 10) over connections (10 to 1000), by threads of the agents</text>",
          "<path d=\"M80 60V260H380\" fill=\"none\" stroke=\"grey\"/>",
          (to_entries[] | .key as $i | .value
           | "<polyline fill=\"none\" stroke=\"\($colours[$i % 5])\" points=\"\([sort_by(.connections)[] | "\(x),\(y)"] | join(" "))\"/>",
             "<text x=\"400\" y=\"\(80 + 20 * $i)\" fill=\"\($colours[$i % 5])\">\(.[0].way)</text>"),
          "</svg>"' "$out"
}
plot >"$BED_BUILD/bench/many.svg"
jq -r 'if .what == "bulk" then "\(.connections) connections, \(.way): \(.mbit_s | round) Mbit/s, \(.cpu_per_gb * 100 | round / 100) CPU s/GB"
       else "\(.connections) idle, \(.on_two_paths) on two paths (\(.line)): \(.kib_each * 10 | round / 10) KiB each, \(.cpu_in_20_s) CPU s in 20 s" end' "$out"
