# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: requests over new connections, on loopback.

ask_ab()
{
    bed_run s ab -q -t 2 -n 1000000 -c 8 "http://127.0.0.1:$HTTP/small" >"$BED_TMP/client" 2>&1
    awk '/^Complete requests/ { n = $3 } /^Requests per second/ { r = $4 } /^Failed requests/ { f = $3 }
        END { print r + 0, n + 0, f + 0 }' "$BED_TMP/client"
}

ask_wrk()
{
    bed_run s wrk -t 1 -c 8 -d 2s -H 'Connection: close' "http://127.0.0.1:$HTTP/small" \
        >"$BED_TMP/client" 2>&1
    awk '/^Requests\/sec/ { r = $2 } / requests in / { n = $1 } /Non-2xx/ { f += $NF }
        /Socket errors/ { gsub(",", ""); f += $4 + $8 + $10 } # closed ones are no errors here
        END { print r + 0, n + 0, f + 0 }' "$BED_TMP/client"
}

http_once() # PROGRAM CLIENT-MODE SERVER-MODE
{
    BED_MODE=$3
    start_nginx bed_spawn || return
    BED_MODE=$2
    bench_cpu_begin s
    "ask_$1" >"$BED_TMP/rate"
    bench_cpu_end s
    stop_nginx
    bed_wait 5 bed_quiet s $HTTP
    read -r rate requests failed <"$BED_TMP/rate"
    jq -n -c --argjson rate "$rate" --argjson n "$requests" --argjson failed "$failed" \
        --argjson cpu "$cpu" \
        '{per_s: $rate, failed: $failed, ok: ($n > 0 and $failed == 0),
          cpu_us: ($cpu * 1e6 / ([$n, 1] | max) | round)}' >"$BED_TMP/flow"
}

http_line() # PROGRAM WAY BAR
{
    ratio=$(calc "$(median "http-$1" "$2" per_s) / $(median "http-$1" plain per_s)") note=
    [ -z "$3" ] || note="$(verdict "$ratio" least "$3"); $(stolen "http-$1")"
    printf '%-4s %-9s %9s %7s %7s  %s\n' "$1" "$2" "$(median "http-$1" "$2" per_s)" "$ratio" \
        "$(median "http-$1" "$2" cpu_us)" "$note"
}

bench_http()
{
    wanted http || return 0
    clients=
    for program in ab wrk; do
        command -v $program >/dev/null && clients="$clients $program" ||
            echo "http: $program is not installed (apt-get install apache2-utils wrk)" >&2
    done
    command -v nginx >/dev/null || clients=
    [ -n "$clients" ] || return 0
    open_links 1
    BED_OPTIONS=$local_options # of local.sh
    mkdir -p "$BED_TMP/www"
    head -c 1024 /dev/zero >"$BED_TMP/www/small"
    heading 'HTTP, each request over a new connection: requests per second, CPU of all processes in us each'
    printf '%-4s %-9s %9s %7s %7s  %s\n' by way per-s /plain cpu-us bar
    for program in $clients; do
        r=0
        # Where the processes run differs from one start to the next by up to a third: many short ones.
        while [ $r -lt $((rounds * 5)) ]; do
            r=$((r + 1))
            progress "http by $program, round $r"
            measure "http-$program" plain $r http_once $program plain plain
            [ $open_mode != mptcp ] || measure "http-$program" mptcp $r http_once $program mptcp mptcp
            measure "http-$program" legacy $r http_once $program shim plain
            measure "http-$program" shim $r http_once $program shim shim
            measure "http-$program" installed $r as_installed http_once $program shim shim
        done
        http_line $program plain ''
        [ $open_mode != mptcp ] || http_line $program mptcp ''
        http_line $program legacy 0.95
        http_line $program shim 0.5
        http_line $program installed 0.9
    done
    BED_OPTIONS=
}
