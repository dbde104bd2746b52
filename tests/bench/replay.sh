#!/bin/sh
# SPDX-License-Identifier: MIT
# Recorded links, played on the test bed: plain TCP on each of them, kernel MPTCP and the shim in turn.

usage()
{
    cat <<'HELP'
usage: replay.sh [--seconds S] [--rounds N] [--only LOAD[,LOAD...]] [--ways WAY[,WAY...]]
                 [--for PURPOSE[,PURPOSE...]] [--out FILE] [--json] [LINK LINK...]
Each LINK is FILE[,NAME=VALUE...]: one rate in Mbit/s a line, or Mahimahi's format; see
`python3 tests/bench/replay/traces.py --help` for the settings. Without: the pairs that come with the
bench, walk-wifi and walk-lte, then train-lte-a and train-lte-b.
Loads: down up requests echo both (see tests/bench/replay/load.py); ways: plain mptcp shim; with --for
the shim is also measured with `run --for PURPOSE`. Each measurement plays the links from their beginning
and lasts S seconds (default 30). One JSON line per measurement into FILE (default
build/bench/replay.jsonl), then a table; with --json the table as JSON. What misses its bar is marked.
HELP
}

seconds=30 rounds=1 only='down up requests echo both' ways='plain mptcp shim' purposes='' out='' json=''
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --only) only=$(echo "$2" | tr , ' '); shift ;;
    --ways) ways=$(echo "$2" | tr , ' '); shift ;;
    --for) purposes=$(echo "$2" | tr , ' '); shift ;;
    --out) out=$2; shift ;;
    --json) json=--json ;;
    --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) break ;;
    esac
    shift
done
case $# in 1) usage >&2; exit 2 ;; esac
for r_way in $purposes; do ways="$ways shim-$r_way"; done
list() { echo "$*" | tr ' ' ,; }
# shellcheck disable=SC2086
set -- --seconds "$seconds" --rounds "$rounds" --only "$(list $only)" --ways "$(list $ways)" \
    ${out:+--out "$out"} $json "$@"
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
while [ "${1#--}" != "$1" ]; do
    case $1 in --json) shift ;; *) shift 2 ;; esac
done
bench_awake
bench_needs python3 jq
bench_out replay.jsonl
REPLAY=$BED_SOURCE/tests/bench/replay
export LC_ALL=C

way_mode() # WAY: what BED_MODE and BED_OPTIONS are for it, and the address that it connects to
{
    BED_OPTIONS='' address=10.99.1.1
    case $1 in
    plain*) BED_MODE=plain address=10.99.${1#plain}.1 ;;
    shim-*) BED_MODE=shim BED_OPTIONS="--for ${1#shim-}" ;;
    *) BED_MODE=$1 ;;
    esac
}

repeated() # what the agents of both hosts have sent, and sent again on another path, so far
{
    for r_host in c s; do
        bed_in $r_host "$MPTCPSHIM" status --json 2>/dev/null
    done | jq -s -c '[.. | objects | select(has("bytes_reinjected") and has("bytes_acked"))]
        | {sent: (map(.bytes_sent) | add // 0), again: (map(.bytes_reinjected) | add // 0)}'
}

replay() # LOAD WAY ROUND LINK...
{
    rp_load=$1 rp_way=$2 rp_round=$3
    shift 3
    way_mode "$rp_way"
    echo "$(date +%T) $rp_load, $rp_way" >&2
    bed_wait 5 bed_quiet s 7100
    bed_spawn s python3 "$REPLAY/load.py" serve 0.0.0.0 7100 >"$BED_TMP/served" 2>&1
    server=$!
    bed_wait 10 bed_listening s 7100
    python3 "$REPLAY/play.py" "$BED_TMP/ctl" "$@" >"$BED_TMP/played" &
    player=$!
    bed_wait 5 grep -q began "$BED_TMP/played" || { wait $player; exit 1; }
    bed_spawn c timeout $((seconds + 100)) python3 "$REPLAY/load.py" "$rp_load" "$address" 7100 \
        "$seconds" >"$BED_TMP/flow"
    client=$!
    echo null >"$BED_TMP/repeated"
    case $rp_way in shim*) sleep "$((seconds - 1))"; repeated >"$BED_TMP/repeated" ;; esac
    wait $client
    kill $player $server 2>/dev/null
    wait $player $server 2>/dev/null
    [ -s "$BED_TMP/flow" ] || echo null >"$BED_TMP/flow"
    jq -n -c --arg load "$rp_load" --arg way "$rp_way" --argjson round "$rp_round" \
        --argjson seconds "$seconds" --slurpfile flow "$BED_TMP/flow" \
        --slurpfile repeated "$BED_TMP/repeated" --arg played "$(cut -d' ' -f2 "$BED_TMP/played")" '
        {load: $load, way: $way, round: $round, seconds: $seconds, links: $ARGS.positional,
         played: ($played | tonumber), repeated: $repeated[0]} + ($flow[0] // {failed: true})' \
        --args "$@" >>"$out"
}

pair() # LINK...
{
    python3 "$REPLAY/traces.py" "$@" >&2 || exit 1
    bed_close
    rm -f "$BED_TMP/linkemu.log"
    BED_MODE=plain
    [ $have_mptcp = no ] || BED_MODE=mptcp # its endpoints do no harm to the others
    bed_open $#
    p_round=0
    while [ $p_round -lt "$rounds" ]; do
        p_round=$((p_round + 1))
        for p_load in $only; do
            for p_way in $ways; do
                case $p_way in
                plain) for p_i in $(seq $#); do replay "$p_load" "plain$p_i" $p_round "$@"; done ;;
                mptcp) [ $have_mptcp = no ] || replay "$p_load" mptcp $p_round "$@" ;;
                *) replay "$p_load" "$p_way" $p_round "$@" ;;
                esac
            done
        done
    done
}

case " $ways " in *' mptcp '*) bench_wants_mptcp ;; esac
if [ $# -gt 0 ]; then
    pair "$@"
else
    pair "$REPLAY/walk-wifi.txt" "$REPLAY/walk-lte.txt"
    pair "$REPLAY/train-lte-a.txt" "$REPLAY/train-lte-b.txt"
fi
python3 "$REPLAY/report.py" $json "$out"
