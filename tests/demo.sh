#!/bin/sh
# SPDX-License-Identifier: MIT
# What mptcpshim does, in about a minute: curl fetches a file from nginx over two links of
# 100 Mbit/s, first as plain TCP, then under the shim, then with one link cut in mid-transfer.
#   sh tests/demo.sh
# As root it installs what it needs, a few packages besides those of the build, and starts none of
# their services. Without root it uses a user namespace, or else two loopback
# addresses (which have no rate to add up and no link to cut).

cd "$(dirname "$0")/.." || exit 1
BED_SOURCE=$PWD
SIZE_MB=96

if [ -t 1 ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m')
    normal=$(printf '\033[0m') interval=0.3
else
    interval=1
    bold='' green='' red='' normal=''
fi

. tests/bed/packages.sh
. tests/bed/demo.sh
# shellcheck disable=SC2086
demo_build $DEMO_PACKAGES || exit 1

if demo_has_tunnels; then
    emulated=1
    . tests/bed/bed.sh
    bed_open 2 rate 100mbit delay 10ms queue 40ms
    server=10.99.1.1 where="two links of 100 Mbit/s, 10 ms each way"
else
    emulated=0
    . tests/bed/loopback.sh
    where="the loopback addresses 127.0.0.1 and 127.0.0.2 (no root, no user namespaces)"
fi

. tests/bed/http.sh

received() # bytes of the file so far
{
    if [ -e "$BED_TMP/got" ]; then stat -c %s "$BED_TMP/got"; else echo 0; fi
}

# One line for each path of the transfer that runs, from `mptcpshim status --json`.
paths()
{
    now=$(now_ms)
    bed_in c "$MPTCPSHIM" status --json 2>/dev/null | jq -r --arg port ":$HTTP" '
        [.[] | select(.role == "client" and (.remote | endswith($port)))] | max_by(.bytes_received)
        | .subflows // [] | .[]
        | [.local, .remote, .bytes_received, .state] | @tsv' \
        2>/dev/null >"$BED_TMP/paths"
    awk -v seconds=$((now - paths_at + 1))e-3 -v before="$BED_TMP/before" '
        BEGIN { while ((getline line < before) > 0) { split(line, f, "\t"); old[f[1]] = f[3] } }
        {
            rate = ($3 - old[$1]) * 8e-6 / seconds
            if (rate < 0) rate = 0
            if (rate < 1) $4 = "silent"
            bar = substr("########################", 1, rate / 5)
            printf "  %-22s -> %-20s %7.1f MB %6.0f Mbit/s %-7s %s\n", $1, $2, $3 / 1e6, rate, $4, bar
        }' "$BED_TMP/paths"
    cp "$BED_TMP/paths" "$BED_TMP/before"
    paths_at=$now
}

# Show progress until the program ends; cut the second link at half of the file if asked.
watch_transfer() # PID shim|plain [cut]
{
    : >"$BED_TMP/before"
    lines=0
    paths_at=$began
    cut_done=''
    while kill -0 "$1" 2>/dev/null; do
        sleep $interval
        done_mb=$(($(received) / 1000000))
        if [ "${3:-}" = cut ] && [ $done_mb -ge $((SIZE_MB / 2)) ] && [ -z "$cut_done" ]; then
            cut_done=1
            bed_link 2 cut
            printf '%s  -- the second link is cut, silently --%s\n' "$red" "$normal"
            lines=0
        fi
        [ ! -t 1 ] || [ $lines = 0 ] || printf '\033[%sA' $lines
        {
            printf '  %4s of %s MB\n' $done_mb $((SIZE_MB * MB / 1000000))
            [ "$2" = plain ] || paths
        } >"$BED_TMP/screen"
        if [ -t 1 ]; then
            sed "s/\$/$(printf '\033')[K/" "$BED_TMP/screen"
        else
            cat "$BED_TMP/screen"
        fi
        lines=$(wc -l <"$BED_TMP/screen")
    done
}

transfer() # NAME shim|plain [cut]
{
    say "$1"
    BED_MODE=$2
    start_nginx bed_spawn || exit 1
    began=$(now_ms)
    CURL_OPTIONS='--write-out %{time_total}'
    start_download bed_spawn "$server" data >"$BED_TMP/seconds"
    client=$!
    watch_transfer $client "$2" "${3:-}"
    wait $client
    status=$?
    ms=$(awk '{ printf "%d", $1 * 1000 + 1 }' "$BED_TMP/seconds")
    stop_nginx
    bed_wait 5 bed_quiet s $HTTP
    if [ $status = 0 ] && [ "$(sum_of "$BED_TMP/got")" = "$original" ]; then
        verdict=right
        printf '  %schecksum right%s\n' "$green" "$normal"
    else
        verdict=WRONG
        failed=1
        printf '  %sFAILED (status %s)%s\n' "$red" $status "$normal"
    fi
    [ -n "${plain_ms:-}" ] || plain_ms=$ms
    printf '%s\t%s\t%s\n' "$1" $ms $verdict >>"$BED_TMP/table"
}

say "Two hosts, $where"
[ $emulated = 1 ] || SIZE_MB=600
make_file "$BED_TMP/www.data" $SIZE_MB
mkdir -p "$BED_TMP/www" && mv "$BED_TMP/www.data" "$BED_TMP/www/data"
original=$(sum_of "$BED_TMP/www/data")
failed=0
transfer "Plain TCP" plain
transfer "Under the shim" shim
[ $emulated = 0 ] || transfer "Under the shim, one link cut half way" shim cut

say "$SIZE_MB MiB from nginx to curl"
awk -F '\t' -v bytes=$((SIZE_MB * MB)) -v plain="$plain_ms" '
    BEGIN { printf "  %-40s %8s %10s %8s  %s\n", "", "seconds", "Mbit/s", "ratio", "checksum" }
    { printf "  %-40s %8.1f %10.0f %8.2f  %s\n", $1, $2 / 1000, bytes * 8 / 1000 / $2, plain / $2, $3 }
' "$BED_TMP/table"
exit $failed
