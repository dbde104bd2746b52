#!/bin/sh
# SPDX-License-Identifier: MIT
# Plain TCP, kernel MPTCP and the shim, in turn in one run, on emulated links and on loopback.

usage()
{
    cat <<'HELP'
usage: table.sh [--rounds N] [--seconds S] [--only NAME[,NAME...]] [--out DIRECTORY]
                [--congestion NAME]
Prints the tables; DIRECTORY (default build/bench) gets runs.jsonl, one line per measurement, and
one PNG per row of links with the rate of each path over time. S: length of one measurement,
default 10. --congestion: of TCP, in place of the system's default. Medians of the rounds; a row
that misses its bar is marked MISSED.
Rows: equal unlike far very-far lossy three deep-queue buffer shared download stripped
      bulk ping http idle
HELP
}

rounds=1 seconds=10 only='' out='' congestion=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --only) only=$(echo "$2" | tr , ' '); shift ;;
    --out) out=$2; shift ;;
    --congestion) congestion=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
# Arguments are read before: bed.sh may run this script again in a user namespace.
set -- --rounds "$rounds" --seconds "$seconds" ${only:+--only "$(echo "$only" | tr ' ' ,)"} \
    ${out:+--out "$out"} ${congestion:+--congestion "$congestion"}
BED_SKIP_STATUS=77
BED_MODE=plain
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../bed/bed.sh
. "$BED_SOURCE/tests/bed/bed.sh"
# shellcheck source=../bed/http.sh
. "$BED_SOURCE/tests/bed/http.sh"
command -v jq >/dev/null || bed_skip "jq is not installed (apt-get install jq)"
[ -x "$MPTCPSHIM" ] || bed_skip "$MPTCPSHIM is not built"
FLOW=$BED_BUILD/tests/bench/flow
: "${out:=$BED_BUILD/bench}"
mkdir -p "$out" || exit 1
: >"$out/runs.jsonl"
bold='' red='' plain_text=''
[ ! -t 1 ] || { bold=$(printf '\033[1m') red=$(printf '\033[31m') plain_text=$(printf '\033[0m'); }
open_mode=plain multi=shim
if command -v mptcpize >/dev/null && [ -e /proc/sys/net/mptcp/enabled ]; then
    open_mode=mptcp multi='mptcp shim'
else
    echo "kernel MPTCP is left out: apt-get install mptcpize, kernel with CONFIG_MPTCP" >&2
fi

wanted() # NAME
{
    [ -z "$only" ] || case " $only " in *" $1 "*) ;; *) return 1 ;; esac
}

progress()
{
    printf '%s %s\n' "$(date +%T)" "$*" >&2
}

open_links() # COUNT: in place of the links that are there
{
    bed_close
    rm -f "$BED_TMP/linkemu.log"
    BED_MODE=$open_mode
    bed_open "$1"
    for host in c s; do
        [ -z "$congestion" ] || bed_in $host sh -c \
            "echo $congestion >/proc/sys/net/ipv4/tcp_congestion_control" || exit 1
    done
}

record() # ROW WAY ROUND FILE [KEY-VALUES-AS-JSON]: one line of runs.jsonl
{
    [ -s "$4" ] || echo '{"ok":false}' >"$4"
    record_more=${5:-null}
    jq -c --arg row "$1" --arg way "$2" --argjson round "$3" \
        "{row: \$row, way: \$way, round: \$round} + . + $record_more" "$4" >>"$out/runs.jsonl"
}

median() # ROW WAY FIELD: of the rounds, null if there was none
{
    jq -s --arg row "$1" --arg way "$2" "
        [.[] | select(.row == \$row and .way == \$way) | .$3 // 0] | sort
        | if length == 0 then null else .[length / 2 | floor] end" "$out/runs.jsonl"
}

calc() # JQ-EXPRESSION: rounded to 3 places, "-" if something in it is missing
{
    jq -n -r "($1) * 1000 | round / 1000" 2>/dev/null || echo -
}

verdict() # VALUE least|most BAR: mark what misses its bar
{
    jq -n -r --arg v "$1" --arg how "$2" --argjson bar "$3" --arg red "$red" --arg off "$plain_text" '
        (try ($v | tonumber) catch null) as $n
        | (if $how == "least" then "at least " else "at most " end) + ($bar | tostring)
        + (if $n != null and (if $how == "least" then $n >= $bar else $n <= $bar end) then ""
           else $red + " MISSED" + $off end)'
}

heading()
{
    printf '\n%s%s%s\n' "$bold" "$1" "$plain_text"
}

serve() # HOST PORT COUNT: in the way of BED_MODE, its pid in $server
{
    bed_wait 5 bed_quiet "$1" "$2"
    bed_spawn "$1" "$FLOW" serve 0.0.0.0 "$2" "$3" >"$BED_TMP/served"
    server=$!
    bed_wait 5 bed_listening "$1" "$2"
}

get() # WAY ADDRESS SECONDS OMIT BYTES BUFFER: a download from s to c, result in $BED_TMP/flow
{
    BED_MODE=$1
    serve s 5201 1
    bed_run c timeout 60 "$FLOW" get "$2" 5201 "$3" "$4" "$5" "$6" >"$BED_TMP/flow"
    [ -s "$BED_TMP/flow" ] || kill "$server" 2>/dev/null
    wait "$server"
}

# shellcheck source=links.sh
. "$BED_SOURCE/tests/bench/links.sh"
# shellcheck source=local.sh
. "$BED_SOURCE/tests/bench/local.sh"
bench_links
bench_shared
bench_downloads
bench_stripped
bench_local
printf '\nmeasurements: %s/runs.jsonl\n' "$out"
