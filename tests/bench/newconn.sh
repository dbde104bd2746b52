#!/bin/sh
# SPDX-License-Identifier: MIT
# What a connection costs, and a message, where only processors are short: plain TCP, kernel MPTCP
# and the shim in turn, between two hosts that two veth pairs join, unshaped.

usage()
{
    cat <<HELP
usage: newconn.sh [--rounds N] [--seconds S] [--only ROW[,ROW...]] [--ways WAY[,WAY...]] [--json]
                  [--out FILE]
Rows:
  requests   wrk asks nginx for 1 KiB over a new connection each, 8 at a time: requests per second,
             CPU microseconds of all processes for each
  burst      1,000 connections at once, each for one answer: how many were reset or failed otherwise
  ping       128 bytes to and fro over one connection: microseconds, and CPU of all processes
Medians of the rounds (default 5 of 2 s). --json: one JSON line for each row and way instead of the
table. FILE (default build/bench/newconn.jsonl) gets one line per measurement.
Means something on an idle machine only.
HELP
}

rounds=5 seconds=2 only='requests burst ping' ways='plain mptcp shim' json=no out=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --only) only=$(echo "$2" | tr , ' '); shift ;;
    --ways) ways=$(echo "$2" | tr , ' '); shift ;;
    --json) json=yes ;;
    --out) out=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
# bed.sh may run this again in a user namespace.
set -- --rounds "$rounds" --seconds "$seconds" --only "$(echo "$only" | tr ' ' ,)" \
    --ways "$(echo "$ways" | tr ' ' ,)" ${out:+--out "$out"}
[ $json = no ] || set -- "$@" --json
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
# shellcheck source=../bed/http.sh
. "$BED_SOURCE/tests/bed/http.sh"
# shellcheck source=cpu.sh
. "$BED_SOURCE/tests/bench/cpu.sh"
BURST=$BED_BUILD/tests/bench/burst
bench_needs jq wrk nginx "$FLOW" "$BURST"
bench_wants_mptcp
[ $have_mptcp = yes ] || ways=$(echo "$ways" | sed s/mptcp//)
bench_out newconn.jsonl

with_cpu() # COMMAND...: in the way of BED_MODE, its words in $BED_TMP/client; all CPU time in $cpu
{
    bench_cpu_begin c s
    bed_run c "$@" >"$BED_TMP/client" 2>&1
    bench_cpu_end c s
}

requests()
{
    start_nginx bed_spawn || exit 1
    with_cpu wrk -t 1 -c 8 -d "${seconds}s" -H 'Connection: close' "http://10.99.1.1:$HTTP/small"
    stop_nginx
    # wrk counts an orderly end behind a whole answer as no error.
    awk -v cpu="$cpu" '/^Requests\/sec/ { r = $2 } / requests in / { n = $1 } /Non-2xx/ { f += $NF }
        /Socket errors/ { gsub(",", ""); f += $4 + $6 + $8 + $10 }
        END { printf "{\"per_s\":%.0f,\"cpu_us\":%.1f,\"failed\":%d,\"ok\":%s}\n", r,
              n ? cpu / n * 1e6 : 0, f, n && !f ? "true" : "false" }' "$BED_TMP/client"
}

burst()
{
    bed_spawn s "$BURST" answer 0.0.0.0 5201
    server=$!
    bed_wait 5 bed_listening s 5201 || exit 1
    with_cpu timeout 60 "$BURST" ask 10.99.1.1 5201 1000
    kill $server
    wait $server 2>/dev/null
    jq -c --argjson cpu "$cpu" \
        '. + {per_s: (.answered / .seconds | round), cpu_us: ($cpu / 1000 * 1e6 | round),
              failed: (.reset + .other)}' "$BED_TMP/client"
}

ping()
{
    bed_spawn s "$FLOW" serve 0.0.0.0 5201 2 >"$BED_TMP/served" # it is there at the end
    server=$!
    bed_wait 5 bed_listening s 5201 || exit 1
    with_cpu timeout 60 "$FLOW" ping 10.99.1.1 5201 $((seconds * 10000))
    kill $server
    wait $server 2>/dev/null
    jq -c --argjson cpu "$cpu" \
        '. + {cpu_us: ($cpu / .rounds * 1e7 | round / 10), failed: (if .ok then 0 else 1 end)}' \
        "$BED_TMP/client"
}

no_agents()
{
    ! ip netns pids "$BED_ID-s" | xargs -r -I{} cat /proc/{}/comm 2>/dev/null | grep -q mptcpshim-agen
}

BED_MODE=plain
[ $have_mptcp = no ] || BED_MODE=mptcp
bed_open_wires 2
export MPTCPSHIM_OPTIONS=idle=1
mkdir -p "$BED_TMP/www"
head -c 1024 /dev/zero >"$BED_TMP/www/small"
r=0
while [ $r -lt "$rounds" ]; do
    r=$((r + 1))
    for row in $only; do
        for BED_MODE in $ways; do
            "$row" >"$BED_TMP/result"
            bed_wait 5 bed_quiet s 5201
            bed_wait 10 no_agents
            jq -c --arg row "$row" --arg way "$BED_MODE" --argjson round $r \
                '{row: $row, way: $way, round: $round} + .' "$BED_TMP/result" >>"$out"
        done
    done
done
jq -s -c 'def median: map(values) | sort | .[length / 2 | floor];
    group_by([.row, .way])[]
    | {row: .[0].row, way: .[0].way, per_s: (map(.per_s) | median), us: (map(.us) | median),
       cpu_us: (map(.cpu_us) | median), failed: (map(.failed) | add)}' "$out" >"$BED_TMP/medians"
if [ $json = yes ]; then
    cat "$BED_TMP/medians"
else
    echo 'row       way     per second  microseconds  CPU us each  failed'
    jq -r '[.row, .way, .per_s // "-", .us // "-", .cpu_us, .failed] | @tsv' "$BED_TMP/medians" |
        awk -F'\t' '{ printf "%-9s %-7s %10s  %12s  %11s  %6s\n", $1, $2, $3, $4, $5, $6 }'
fi
jq -s -e 'all(.failed == 0)' "$BED_TMP/medians" >/dev/null
