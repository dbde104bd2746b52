#!/bin/sh
# SPDX-License-Identifier: MIT
# Plain TCP, kernel MPTCP and the shim, in turn in one run, on emulated links and on loopback.

all_rows='equal unlike far very-far lossy three deep-queue buffer relayed shared
      download first stripped proxied simult bulk ping http idle'
spare=30 # seconds for repetitions

usage()
{
    cat <<HELP
usage: table.sh [--rounds N] [--seconds S] [--only NAME[,NAME...]] [--out DIRECTORY]
                [--congestion NAME]
Prints the tables; DIRECTORY (default build/bench) gets runs.jsonl, one line per measurement, and
one PNG per row of links with the rate of each path over time. S: length of one measurement,
default 8. --congestion: of TCP, in place of the system's default. Medians of the rounds; what
misses its bar is marked MISSED.
A measurement during which the host of this machine took more than 5 % of the processors' time is
disturbed: it is repeated, up to twice and as long as $spare seconds last, and left out of the
medians where there is another. Each row says how much was taken ("steal") from what it shows.
The longest gap is that of the time that was quiet: a processor that stands still for a few
milliseconds stops everything, and is seen again a path's delay later (tests/bench/gaps.h).
One round takes about a quarter of an hour.
Rows: $all_rows
HELP
}

rounds=1 seconds=8 only='' out='' congestion=''
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
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_awake
# shellcheck source=../bed/http.sh
. "$BED_SOURCE/tests/bed/http.sh"
# shellcheck source=cpu.sh
. "$BED_SOURCE/tests/bench/cpu.sh"
bench_needs jq
bench_wants_mptcp
: "${out:=$BED_BUILD/bench}"
mkdir -p "$out" || exit 1
: >"$out/runs.jsonl"
: >"$BED_TMP/verdicts"
bold='' red='' plain_text=''
[ ! -t 1 ] || { bold=$(printf '\033[1m') red=$(printf '\033[31m') plain_text=$(printf '\033[0m'); }
open_mode=plain multi=shim
[ $have_mptcp = no ] || open_mode=mptcp multi='mptcp shim'

for part in common links relayed shared download first stripped proxied simult local http; do
    # shellcheck source=/dev/null
    . "$BED_SOURCE/tests/bench/rows/$part.sh"
done
bench_links
bench_relayed
bench_shared
bench_downloads
bench_first
bench_stripped
bench_proxied
bench_simult
bench_local
bench_http
bench_idle
printf '\nbars: %d, missed: %d; measurements: %s/runs.jsonl\n' "$(wc -l <"$BED_TMP/verdicts")" \
    "$(grep -c MISSED "$BED_TMP/verdicts")" "$out"
