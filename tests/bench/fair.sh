#!/bin/sh
# SPDX-License-Identifier: MIT
# What a connection and plain TCP flows get at one bottleneck, second by second.

usage()
{
    cat <<'HELP'
usage: fair.sh [--rounds N] [--seconds S] [--ways WAY[,WAY...]] [--rivals N] [--link "SETTINGS"]
               [--congestion NAME] [--out FILE]
A connection and N plain TCP flows (default 1) download for S seconds (30) over one link, 0.2 s after
each other, in two runs: in the first one the connection starts first, in the second one last.
One JSON line per run into FILE (default build/bench/fair.jsonl), then a table. WAYs:
  plain           the connection is a plain TCP flow, too: what chance and congestion control do
  two             two plain TCP flows instead: what subflows that know nothing of each other get
  auto off strict a connection of two subflows with this --fairness
  mptcp           kernel MPTCP with two subflows
A line: `ratio` of the connection to the mean rival over all seconds, `late` over the second half;
`itself`, `beside`: Mbit/s of each second; `share`: percent of both that the connection had in it;
`found`: when a subflow came to rest, `rests`: part of the remaining time that one did; `flips`: how
often that changed, `events`: when, and whether one rested then, `experiments`: when one began or
ended to get data for any reason; in seconds from the connection's start.
HELP
}

rounds=3 seconds=30 ways='plain two off auto strict' rivals=1 out='' congestion=''
link='rate 20mbit delay 20ms queue 50ms'
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --ways) ways=$(echo "$2" | tr , ' '); shift ;;
    --rivals) rivals=$2; shift ;;
    --link) link=$2; shift ;;
    --congestion) congestion=$2; shift ;;
    --out) out=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
# Arguments are read before: bed.sh may run this script again in a user namespace.
set -- --rounds "$rounds" --seconds "$seconds" --ways "$(echo "$ways" | tr ' ' ,)" \
    --rivals "$rivals" --link "$link" ${congestion:+--congestion "$congestion"} ${out:+--out "$out"}
BED_SKIP_STATUS=77
BED_MODE=plain
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../bed/bed.sh
. "$BED_SOURCE/tests/bed/bed.sh"
# shellcheck source=../bed/awake.sh
. "$BED_SOURCE/tests/bed/awake.sh"
bed_keep_awake
command -v jq >/dev/null || bed_skip "jq is not installed (apt-get install jq)"
[ -x "$MPTCPSHIM" ] || bed_skip "$MPTCPSHIM is not built"
FLOW=$BED_BUILD/tests/bench/flow
: "${out:=$BED_BUILD/bench/fair.jsonl}"
mkdir -p "$(dirname "$out")" || exit 1
: >"$out"

traced() # has each end of the connection written all of its trace?
{
    [ "$(grep -c '"connection:ended"' "$BED_TMP/trace")" = 2 ]
}

# When subflows of the sender began and ended to rest, in seconds since the machine started, as in
# flow's `began`.
rests()
{
    jq -c 'select(.name == "fairness:rest_began" or .name == "fairness:rest_ended")
        | {at: (.time / 1000), subflow: .data.subflow, rests: (.name == "fairness:rest_began")}' \
        "$BED_TMP/trace"
}

mode_of() # WAY: BED_MODE and BED_OPTIONS for it
{
    case $1 in
    plain | two) BED_MODE=plain BED_OPTIONS='' ;;
    mptcp) BED_MODE=mptcp BED_OPTIONS='' ;;
    *) BED_MODE=shim BED_OPTIONS="--fairness $1 --trace $BED_TMP/trace" ;;
    esac
}

download() # PORT FILE: in the background
{
    bed_spawn s "$FLOW" serve 0.0.0.0 "$1" 1 >/dev/null
    servers="$servers $!"
    bed_wait 5 bed_listening s "$1"
    bed_spawn c timeout $((seconds + 20)) "$FLOW" watch 10.99.1.1 "$1" "$seconds" >"$2"
    clients="$clients $!"
}

start_itself() # WAY
{
    mode_of "$1"
    download 5201 "$BED_TMP/itself.1"
    [ "$1" != two ] || download 5202 "$BED_TMP/itself.2"
}

start_rivals()
{
    mode_of plain
    for i in $(seq "$rivals"); do
        download $((5210 + i)) "$BED_TMP/beside.$i"
    done
}

# shellcheck disable=SC2016
summary='
def sum(s): reduce s as $x (0; . + $x);
def mean: if length == 0 then null else add / length end;
def round2: if . == null then null else . * 100 | round / 100 end;
def total($flows): [range(0; $seconds) as $i | sum($flows[].each[$i]) | round2];
def ratio($a; $b): (($b | add) / $rivals) as $b | if $b > 0 then ($a | add) / $b else null end;
total($itself) as $a | total($beside) as $b | ($seconds / 2 | floor) as $half
| $itself[0].began as $t0
# Does any subflow rest? What is over in less than a millisecond is one record after the other.
| [foreach $states[] as $x ({on: {}}; .on[$x.subflow | tostring] = $x.rests | .at = $x.at - $t0;
   {at, rests: any(.on[]; .)}) | select(.at > 0 and .at < $seconds)] as $s
| [{at: 0, rests: false}, (range(0; $s | length) as $i
   | $s[$i] | select(($s[$i + 1].at // $seconds) - .at >= 0.001))] as $s
| [foreach $s[] as $x ({}; {rests: $x.rests, was: .rests, at: $x.at}; select(.rests != .was))] as $all
# What lasts less than 0.8 s is an experiment.
| [range(0; $all | length) as $i | $all[$i] + {to: ($all[$i + 1].at // $seconds)} | select(.to - .at >= 0.8)]
| [foreach .[] as $x ({}; {rests: $x.rests, was: (.rests // false), at: $x.at}; select(.rests != .was))]
  as $flips
| ($flips[0].at // null) as $found
| {way: $way, round: $round, first: $first, rivals: $rivals, seconds: $seconds,
   ratio: ratio($a; $b) | round2, late: ratio($a[$half:]; $b[$half:]) | round2,
   found: $found | round2,
   rests: (if $found == null then null
           else sum(range(0; $all | length) as $i | $all[$i] | select(.rests)
                    | ([($all[$i + 1].at // $seconds), $found] | max) - ([.at, $found] | max))
                / ($seconds - $found) end) | round2,
   flips: ($flips | length), events: [$flips[] | [(.at | round2), .rests]],
   experiments: [$all[1:][] | .at | round2],
   share: [range(0; $seconds) as $i | $a[$i] + $b[$i]
           | if . > 0 then $a[$i] * 100 / . | round else null end],
   itself: $a, beside: $b}'

measure() # WAY ROUND itself|beside
{
    servers='' clients=''
    rm -f "$BED_TMP"/itself.* "$BED_TMP"/beside.*
    : >"$BED_TMP/states"
    rm -f "$BED_TMP/trace"
    if [ "$3" = itself ]; then
        start_itself "$1"
        sleep 0.2
        start_rivals
    else
        start_rivals
        sleep 0.2
        start_itself "$1"
    fi
    for client in $clients; do
        wait "$client"
    done
    # A client that never got through leaves its server.
    # shellcheck disable=SC2086
    kill $servers 2>/dev/null
    # shellcheck disable=SC2086
    wait $servers 2>/dev/null
    case $1 in
    auto | off | strict)
        bed_wait 10 traced || { echo "fair.sh: the trace has no end" >&2; return 1; }
        rests >"$BED_TMP/states"
        ;;
    esac
    jq -n -c --arg way "$1" --argjson round "$2" --arg first "$3" --argjson rivals "$rivals" \
        --argjson seconds "$seconds" --slurpfile itself "$(cat "$BED_TMP"/itself.* >"$BED_TMP/a"; echo "$BED_TMP/a")" \
        --slurpfile beside "$(cat "$BED_TMP"/beside.* >"$BED_TMP/b"; echo "$BED_TMP/b")" \
        --slurpfile states "$BED_TMP/states" "$summary" | tee -a "$out" |
        jq -c '[.way, .first, .ratio, .late, .found, .rests, .flips, .share]' >&2
}

bed_mode=plain
case " $ways " in *" mptcp "*) bed_mode=mptcp ;; esac
BED_MODE=$bed_mode
# shellcheck disable=SC2086
bed_open 1 $link
ip -n "$BED_ID-c" addr add 10.98.1.2/24 dev link1
ip -n "$BED_ID-s" addr add 10.98.1.1/24 dev link1
[ $bed_mode != mptcp ] || ip -n "$BED_ID-s" mptcp endpoint add 10.98.1.1 dev link1 signal
for host in c s; do
    [ -z "$congestion" ] || bed_in $host sh -c \
        "echo $congestion >/proc/sys/net/ipv4/tcp_congestion_control" || exit 1
done
for r in $(seq "$rounds"); do
    for way in $ways; do
        measure "$way" "$r" itself
        measure "$way" "$r" beside
    done
done
echo "Ratio of the connection to a rival, $seconds s on $link; both: of the two runs of a round together"
printf '%-8s %7s %7s %7s %7s %7s %7s %7s\n' way both late lowest highest found rests flips
for way in $ways; do
    jq -r -s --arg way "$way" '
        def r: if . == null then "-" else . * 100 | round / 100 end;
        def median: sort | if length == 0 then null else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
        def both(f): [group_by(.round)[] | ([.[].itself | f] | add) / ([.[].beside | f] | add) * .[0].rivals];
        map(select(.way == $way)) | (.[0].seconds / 2 | floor) as $half
        | [$way, (both(add) | median | r), (both(.[$half:] | add) | median | r),
           ([.[].late] | min | r), ([.[].late] | max | r), ([.[].found | values] | median | r),
           ([.[].rests | values] | median | r), ([.[].flips] | median | r)] | @tsv' "$out"
done | while read -r a b c d e f g h; do
    printf '%-8s %7s %7s %7s %7s %7s %7s %7s\n' "$a" "$b" "$c" "$d" "$e" "$f" "$g" "$h"
done
echo "measurements: $out"
