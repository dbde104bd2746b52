#!/bin/sh
# SPDX-License-Identifier: MIT
# What many connections cost, over two paths between two hosts, by plain TCP and by agents with one
# and more threads, in turn.
#   many.sh [--idle N] [--agents N] [--threads LIST] [--seconds S] [--settle S] [COUNT...]
# default: 10, 100 and 1000 connections (0: none), threads "1 2 4", 2 s each, and 1000 idle ones for the rest.
# A table, and JSON lines in build/bench/many.jsonl: rate, CPU of programs and agents for each 10^9
# bytes; of the idle ones, of which each of --agents programs at each end has its part, memory of the
# agents at each end for each connection, and the CPU of them all in 20 s, --settle seconds after the
# last one was made (a minute for what stays idle: signs of life are asked for less and less often),
# and how often they woke up for that. CPU for each 10^9 bytes over the number of
# connections is plotted to build/bench/many.svg. Means something on an idle machine only.

idle=1000 split=1 threads="1 2 4" seconds=2 settle=5
while [ $# -gt 0 ]; do
    case $1 in
    --idle) idle=$2 ;;
    --agents) split=$2 ;;
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
set -- --idle "$idle" --agents "$split" --threads "$threads" --seconds "$seconds" --settle "$settle" $counts
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
CROWD=$BED_BUILD/tests/bed/crowd
# An agent has three descriptors for each connection here. A container may have a limit of its own,
# which only several agents get around.
# shellcheck disable=SC3045 # dash has it
ulimit -S -n "$(ulimit -H -n)"
# shellcheck disable=SC3045
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge $((3 * idle / split + 100)) ] ||
    echo "many.sh: $(ulimit -n) descriptors are too few for $((idle / split)) connections" >&2
bench_needs jq "$CROWD"
out=$BED_BUILD/bench/many.jsonl
mkdir -p "$BED_BUILD/bench"
: >"$out"

# Each connection is sure of 32 KiB, and those of one peer, as these are, have half of an agent.
memory=$((2 * idle / split / 20 + 1024))

run() # HOST WAY COMMAND...: in place of the shell
{
    host=$1 way=$2
    shift 2
    if [ "$way" = plain ]; then
        bed_start "$host" "$@"
    else
        bed_start "$host" env MPTCPSHIM_OPTIONS=idle=1 "$MPTCPSHIM" run --memory "$memory" --threads "$way" "$@"
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

# In nanoseconds, as the scheduler counts it: ticks fall where timers do, so that who wakes for a
# moment at a timer's pays for all of a tick.
cpu_of() # PID...: CPU time of processes
{
    for p in "$@"; do cat "/proc/$p"/task/*/schedstat; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

resident() # PID...: KiB
{
    for p in "$@"; do grep VmRSS "/proc/$p/status"; done | awk '{ sum += $2 } END { print sum + 0 }'
}

switches() # PID...: how often processes went to sleep and were woken
{
    for p in "$@"; do grep ^voluntary "/proc/$p/status"; done | awk '{ sum += $2 } END { print sum + 0 }'
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
    jq -c --arg way "$1" --argjson ns "$(cpu_of $server $(agents))" \
        '{what: "bulk", way: $way} + . + {cpu: (.cpu + $ns / 1e9)}
         | . + {cpu_per_gb: (.cpu / .bytes * 1e9)}' "$BED_TMP/got" >>"$out"
    kill $server
    wait $server 2>/dev/null
    bed_wait 30 no_agents
}

holders='' # programs that hold connections
hold() # COUNT: each of the clients makes so many
{
    i=0
    while [ $i -lt "$split" ]; do
        rm -f "$BED_TMP/held$i"
        run c 1 "$CROWD" hold 10.99.1.1 $((7601 + i)) "$1" >"$BED_TMP/held$i"
        holders="$holders $!"
        i=$((i + 1))
    done
    i=0
    while [ $i -lt "$split" ]; do
        bed_wait 200 written "$BED_TMP/held$i"
        i=$((i + 1))
    done
}

let_go()
{
    # shellcheck disable=SC2086
    kill $holders
    # shellcheck disable=SC2086
    wait $holders
    holders=''
}

# Several agents, of a connection each: what they are without connections is taken off.
held() # COUNT: by agents of one thread; all joined
{
    n=$(($1 / split * split)) servers=''
    i=0
    while [ $i -lt "$split" ]; do
        run s 1 "$CROWD" serve 0.0.0.0 $((7601 + i)) echo
        servers="$servers $!"
        bed_wait 10 bed_listening s $((7601 + i))
        i=$((i + 1))
    done
    hold 1
    # shellcheck disable=SC2046
    before=$(resident $(agents))
    let_go
    hold $((n / split))
    sleep "$settle" # what begins with a connection is over then: joins, the first signs of life
    # shellcheck disable=SC2046
    set -- $(agents)
    size=$(resident "$@") cpu=$(cpu_of "$@") switches=$(switches "$@")
    sleep 20
    cpu=$(($(cpu_of "$@") - cpu)) switches=$(($(switches "$@") - switches))
    carried=$(bed_in s "$MPTCPSHIM" status --json |
        jq '[.[] | select(.mode == "multipath" and ([.subflows[] | select(.state == "active")] | length) == 2)] | length')
    jq -n -c --argjson n "$n" --argjson carried "${carried:-0}" --argjson before "$before" \
        --argjson size "$size" --argjson ns "$cpu" --argjson switches "$switches" \
        --arg line "$(cat "$BED_TMP"/held*)" \
        '{what: "idle", connections: $n, on_two_paths: $carried, kib_each: (($size - $before) / $n / 2),
          cpu_in_20_s: ($ns / 1e6 | round / 1000), wakeups_in_20_s: $switches, line: $line}' >>"$out"
    let_go
    # shellcheck disable=SC2086
    kill $servers
    # shellcheck disable=SC2086
    wait $servers 2>/dev/null
    bed_wait 60 no_agents
}

bed_open_wires 2 # the ends of a tunnel would be looked for in all descriptors of a program
[ "$counts" != 0 ] || counts=''
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
[ -z "$counts" ] || plot >"$BED_BUILD/bench/many.svg"
jq -r 'if .what == "bulk" then "\(.connections) connections, \(.way): \(.mbit_s | round) Mbit/s, \(.cpu_per_gb * 100 | round / 100) CPU s/GB"
       else "\(.connections) idle, \(.on_two_paths) on two paths (\(.line)): \(.kib_each * 10 | round / 10) KiB each, \(.cpu_in_20_s) CPU s in 20 s, \(.wakeups_in_20_s) wake-ups" end' "$out"
