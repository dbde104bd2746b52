#!/bin/sh
# SPDX-License-Identifier: MIT
# The main job, measured: one curl against nginx, download and upload, IPv4 and IPv6, over two and
# three equal links of 100 Mbit/s, 10 ms; plain TCP and the shim in turn, the sum checked each time.
#   transfer.sh [ROUNDS [MEGABYTES]]
# One JSON line per run, with the part of the processors' time that the host took away (steal),
# then one per case with the medians and their ratio. Runs with more than 5 % steal are slow in every
# way and are left out of the medians where undisturbed ones exist. Exit status 1 if a transfer
# fails or a ratio is below its bar.

rounds=${1:-3} megabytes=${2:-150}
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_awake
# shellcheck source=../bed/http.sh
. "$BED_SOURCE/tests/bed/http.sh"
bench_needs curl nginx jq

# links | address | bar: shim over plain
cases='2 | 10.99.1.1   | 1.9
2 | [fd99:1::1] | 1.9
3 | 10.99.1.1   | 2.5'

processor_time() # "STOLEN ALL", in ticks
{
    awk '/^cpu / { for (i = 2; i <= 9; i++) all += $i; print $9, all; exit }' /proc/stat
}

measure() # LINKS ADDRESS WAY download|upload ROUND
{
    BED_MODE=$3
    start_nginx bed_spawn || return 1
    m_cpu=$(processor_time) m_start=$(now_ms) m_ok=true
    "start_$4" bed_spawn "$2" data
    wait $! || m_ok=false
    m_ms=$(($(now_ms) - m_start)) m_got=$BED_TMP/got
    m_steal=$(echo "$m_cpu $(processor_time)" | awk '{ printf "%.3f", ($3 - $1) / ($4 - $2) }')
    [ "$4" = download ] || m_got=$BED_TMP/www/up/data
    cmp -s "$BED_TMP/www/data" "$m_got" || m_ok=false
    stop_nginx
    bed_wait 10 bed_quiet s "$HTTP"
    jq -n -c --arg transfer "$4" --arg address "$2" --arg way "$3" --argjson links "$1" \
        --argjson round "$5" --argjson ok $m_ok --argjson ms $m_ms --argjson steal "$m_steal" \
        --argjson bytes $((megabytes * MB)) '
        {links: $links, address: $address, transfer: $transfer, way: $way, round: $round, ok: $ok,
         mbit_s: ($bytes * 8 / $ms / 10 | round / 100), steal: $steal}'
}

echo "$cases" >"$BED_TMP/cases"
while IFS='|' read -r links address bar <&3; do
    links=$((links)) address=$(echo $address)
    BED_MODE=plain
    bed_open $links rate 100mbit delay 10ms
    mkdir -p "$BED_TMP/www"
    make_file "$BED_TMP/www/data" "$megabytes"
    round=0
    while [ $round -lt "$rounds" ]; do
        round=$((round + 1))
        for transfer in download upload; do
            for way in plain shim; do
                measure "$links" "$address" $way $transfer $round | tee -a "$BED_TMP/runs"
            done
        done
    done
    bed_close
done 3<"$BED_TMP/cases"

echo "$cases" | jq -R -s 'split("\n") | map(select(. != "") | split("|") | map(gsub(" "; "")))
    | map({key: (.[0] + .[1]), value: (.[2] | tonumber)}) | from_entries' >"$BED_TMP/bars"
jq -s -c --slurpfile bars "$BED_TMP/bars" '
    def quiet: map(select(.steal <= 0.05)) as $quiet | if $quiet == [] then . else $quiet end;
    def median: sort | .[length / 2 | floor];
    def rate($way): map(select(.way == $way)) | quiet | map(.mbit_s) | median;
    group_by([.links, .address, .transfer])[]
    | .[0] as $first | $bars[0][($first.links | tostring) + $first.address] as $bar
    | rate("plain") as $plain | rate("shim") as $shim | ($shim / $plain * 100 | round / 100) as $ratio
    | {links: $first.links, address: $first.address, transfer: $first.transfer,
       plain_mbit_s: $plain, shim_mbit_s: $shim, ratio: $ratio, bar: $bar,
       met: (all(.ok) and $ratio >= $bar)}' "$BED_TMP/runs" | tee "$BED_TMP/medians"
jq -s -e 'length == 6 and all(.met)' "$BED_TMP/medians" >/dev/null
