#!/bin/sh
# SPDX-License-Identifier: MIT
# Bulk transfer by iperf3, in turn as plain TCP, with kernel MPTCP and under the shim.
#   bench.sh loopback|links [ROUNDS]
# loopback: one host, no shaping, the shim's price per byte. links: two links of 100 Mbit/s, 10 ms.
# One JSON line per run, then one per way with the median and its ratio to plain TCP.

case ${1:-} in
loopback | links) ;;
*) echo "usage: bench.sh loopback|links [ROUNDS]" >&2; exit 2 ;;
esac
scenario=$1
rounds=${2:-3}
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_needs iperf3 jq
bench_wants_mptcp

ways='plain shim'
[ $have_mptcp = no ] || ways='plain mptcp shim'

if [ "$scenario" = links ]; then
    # The kernel's endpoints do no harm to the others.
    case $ways in *mptcp*) BED_MODE=mptcp ;; esac
    bed_open 2 rate 100mbit delay 10ms queue 40ms
    client=c server=s address=10.99.1.1 seconds=8 omit=2
else
    bed_open 1
    client=s server=s address=127.0.0.1 seconds=4 omit=1
    BED_OPTIONS='--local 127.0.0.1' # loopback is plain TCP otherwise
fi

measure() # WAY ROUND
{
    BED_MODE=$1
    bed_wait 5 bed_quiet $server 5201
    bed_spawn $server iperf3 -s -1 >/dev/null
    b_server=$!
    bed_wait 5 bed_listening $server 5201
    bed_run $client timeout 60 iperf3 -c $address -t $seconds -O $omit -J >"$BED_TMP/iperf"
    b_status=$?
    wait $b_server
    jq -c --arg scenario "$scenario" --arg way "$1" --argjson round "$2" --argjson status $b_status '
        {scenario: $scenario, way: $way, round: $round, ok: ($status == 0),
         mbit_s: ((.end.sum_received.bits_per_second // 0) / 1e4 | round / 100)}' "$BED_TMP/iperf"
}

round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    for way in $ways; do
        measure "$way" $round
    done
done >"$BED_TMP/runs"
cat "$BED_TMP/runs"
jq -s -c --arg scenario "$scenario" '
    def median: sort | .[length / 2 | floor];
    (map(select(.way == "plain").mbit_s) | median) as $plain
    | group_by(.way)[]
    | (map(.mbit_s) | median) as $m
    | {scenario: $scenario, way: .[0].way, rounds: length, median_mbit_s: $m,
       ratio_to_plain: ($m / $plain * 1000 | round / 1000)}' "$BED_TMP/runs"
jq -s -e 'all(.ok)' "$BED_TMP/runs" >/dev/null
