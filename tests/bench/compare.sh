#!/bin/sh
# SPDX-License-Identifier: MIT
# What a change did to the cost of carrying: two builds, plain TCP and kernel MPTCP in turn, one table.

all_parts='cost newconn many first'
usage()
{
    cat <<HELP
usage: compare.sh [--before BUILD] [--rounds N] [--only PART[,PART...]] [--out FILE]
Parts: cost     bulk data where the processors decide (cost.sh)
       newconn  new connections, many at once, and messages to and fro (newconn.sh)
       many     10, 100 and 1,000 connections over two paths (many.sh)
       first    the first seconds over links with queues of 256 KiB (table.sh)
BUILD: another build directory, of an older commit for example. Medians of N rounds (default 3);
in each of them every part is measured with this build (build, or \$BED_BUILD) and then with BUILD.
FILE (default build/bench/compare.jsonl) gets one line per figure. A round takes about 6 minutes, and
10 with BUILD. Means something on an idle machine only.
HELP
}

before='' rounds=3 only=$all_parts out=''
while [ $# -gt 0 ]; do
    case $1 in
    --before) before=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --only) only=$(echo "$2" | tr , ' '); shift ;;
    --out) out=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
here=$(cd "$(dirname "$0")" && pwd)
now=${BED_BUILD:-$here/../../build}
: "${out:=$now/bench/compare.jsonl}"
for part in $only; do
    case " $all_parts " in *" $part "*) ;; *) usage >&2; exit 2 ;; esac
done
for build in "$now" ${before:+"$before"}; do
    [ -x "$build/preload/mptcpshim" ] || { echo "compare.sh: $build is not built" >&2; exit 2; }
done
now=$(cd "$now" && pwd)
[ -z "$before" ] || before=$(cd "$before" && pwd)
command -v jq >/dev/null || { echo "compare.sh: jq is not installed (apt-get install jq)" >&2; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$(dirname "$out")" || exit 1
: >"$out"

# Each part writes lines of {row, way, value, digits}: a row's figures of one way.

cost() # WAYS
{
    sh "$here/cost.sh" --rounds 1 --ways "$(echo "$1" | sed 's/shim/shim one/')" --json | jq -c '
        (if .way == "one" then ["shim", ", one path"] else [.way, ""] end) as [$way, $also]
        | {row: "bulk\($also), Gbit/s", $way, value: .gbit_s, digits: 1},
          {row: "bulk\($also), CPU s/GB", $way, value: .cpu_per_gb, digits: 2}'
}

newconn() # WAYS
{
    sh "$here/newconn.sh" --rounds 1 --ways "$(echo "$1" | tr ' ' ,)" --json --out "$tmp/newconn" |
        jq -c '{way} as $w
            | {requests: [["requests over new connections, /s", .per_s], ["requests, CPU us each", .cpu_us]],
               burst: [["1,000 at once, /s", .per_s], ["1,000 at once, failed", .failed]],
               ping: [["128 bytes to and fro, us", .us], ["to and fro, CPU us each", .cpu_us]]}[.row][]
            | $w + {row: .[0], value: .[1], digits: 0}'
}

many() # WAYS
{
    sh "$here/many.sh" --idle 0 --threads 1 10 100 1000 >/dev/null || return
    jq -c '{way: (if .way == "plain" then "plain" else "shim" end)} as $w
        | $w + {row: "\(.connections) connections, Gbit/s", value: (.mbit_s / 1000), digits: 1},
          $w + {row: "\(.connections) connections, CPU s/GB", value: .cpu_per_gb, digits: 2}' \
        "$BED_BUILD/bench/many.jsonl"
}

first() # WAYS
{
    sh "$here/table.sh" --only first --out "$tmp/first" >/dev/null || return
    jq -c '{row: "\(.row | sub("^first, "; "")), Mbit/s", way, value: (.bytes * 8e-6 / .seconds), digits: 1}' \
        "$tmp/first/runs.jsonl"
}

measure() # PART BUILD NAME WAYS: the shim's figures are those of NAME
{
    export BED_BUILD="$2"
    "$1" "$4" >"$tmp/lines"
    [ -s "$tmp/lines" ] || { echo "compare.sh: $1 gave no figures with $2" >&2; exit 1; }
    jq -c --arg name "$3" --arg ways " $4 " --arg part "$1" '.way as $way | select($ways | contains(" \($way) "))
        | {part: $part} + . | if .way == "shim" then .way = $name else . end' "$tmp/lines" >>"$out"
}

r=0
while [ $r -lt "$rounds" ]; do
    r=$((r + 1))
    for part in $only; do
        echo "round $r of $rounds: $part" >&2
        measure "$part" "$now" now 'plain mptcp shim'
        [ -z "$before" ] || measure "$part" "$before" before shim
    done
done
echo '| | plain TCP | kernel MPTCP | before | now |'
echo '| --- | --- | --- | --- | --- |'
jq -s -r 'def median: sort | .[length / 2 | floor];
    def shown($digits): if . == null then "" else . * pow(10; $digits) | round / pow(10; $digits) end;
    reduce .[] as $l ({order: [], of: {}}; ([$l.part, $l.row] | tostring) as $key
        | (if .of[$key] then . else .order += [$key] end)
        | .of[$key].row = $l.row | .of[$key].digits = $l.digits
        | .of[$key].ways[$l.way] += [$l.value])
    | .of as $of | .order[] | $of[.] | . as $r
    | "| \(.row) | " + ([("plain", "mptcp", "before", "now")
        | ($r.ways[.] | if . then median else null end) | shown($r.digits) | tostring] | join(" | ")) + " |"' "$out"
