# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The rows of table.sh on loopback: what the shim costs where the network costs nothing.

agents() # pids of the agents of host s
{
    for p in $(ip netns pids "$BED_ID-s"); do
        case $(cat "/proc/$p/comm" 2>/dev/null) in mptcpshim-agen*) echo "$p" ;; esac
    done
}

agents_cpu() # seconds of CPU time they have used
{
    total=0
    for p in $(agents); do
        total=$((total + $(cut -d')' -f2 "/proc/$p/stat" | awk '{ print $12 + $13 }')))
    done
    calc "$total / $(getconf CLK_TCK)"
}

agents_kib() # resident memory
{
    total=0
    for p in $(agents); do
        total=$((total + $(awk '/^VmRSS/ { print $2 }' "/proc/$p/status")))
    done
    echo $total
}

bulk_round() # WAY ROUND
{
    BED_MODE=$1
    serve s 5201 1
    before=$(agents_cpu)
    bed_run s timeout 60 "$FLOW" get 127.0.0.1 5201 4 1 $endless 0 >"$BED_TMP/flow"
    after=$(agents_cpu)
    wait "$server"
    record bulk "$1" "$2" "$BED_TMP/flow" "{cpu_per_gb: (((.cpu // 0) + $after - $before +
        $(jq '.cpu // 0' "$BED_TMP/served")) / (.bytes // 1) * 1e9)}"
}

ping_round() # WAY ROUND
{
    BED_MODE=$1
    serve s 5201 1
    bed_run s timeout 60 "$FLOW" ping 127.0.0.1 5201 20000 >"$BED_TMP/flow"
    wait "$server"
    record ping "$1" "$2" "$BED_TMP/flow"
}

http_round() # ROW CLIENT-MODE SERVER-MODE ROUND
{
    BED_MODE=$3
    start_nginx bed_spawn || return
    BED_MODE=$2
    bed_run s ab -q -t 4 -n 1000000 -c 8 "http://127.0.0.1:$HTTP/small" >"$BED_TMP/ab" 2>&1
    stop_nginx
    bed_wait 5 bed_quiet s $HTTP
    awk '/^Requests per second/ { r = $4 } /^Failed requests/ { f = $3 }
        END { printf "{\"per_s\":%s,\"ok\":%s}\n", r + 0, (r > 0 && f == 0) ? "true" : "false" }' \
        "$BED_TMP/ab" >"$BED_TMP/flow"
    record http "$1" "$4" "$BED_TMP/flow"
}

bench_http()
{
    command -v ab >/dev/null && command -v nginx >/dev/null || {
        echo "http: ab or nginx is not installed (apt-get install apache2-utils nginx-light)" >&2
        return 0
    }
    mkdir -p "$BED_TMP/www"
    head -c 1024 /dev/zero >"$BED_TMP/www/small"
    r=0
    while [ $r -lt "$rounds" ]; do
        r=$((r + 1))
        progress "http, round $r"
        http_round plain plain plain $r
        [ $open_mode != mptcp ] || http_round mptcp mptcp mptcp $r
        http_round legacy shim plain $r
        http_round shim shim shim $r
    done
    p=$(median http plain per_s) l=$(median http legacy per_s) s=$(median http shim per_s)
    heading 'HTTP, each request over a new connection: requests per second'
    printf 'plain %s, mptcp %s\n' "$p" "$(median http mptcp per_s)"
    printf 'shim to a legacy server %s, ratio %s, %s\n' "$l" "$(calc "$l / $p")" \
        "$(verdict "$(calc "$l / $p")" least 0.95)"
    printf 'between shims %s, ratio %s, %s\n' "$s" "$(calc "$s / $p")" \
        "$(verdict "$(calc "$s / $p")" least 0.5)"
}

bench_idle() # both ends are in one agent, so a connection is there twice
{
    count=${BENCH_IDLE:-1000}
    progress "idle, $count connections"
    ulimit -n $((count * 8 + 1000)) 2>/dev/null || { count=100; ulimit -n 1000; }
    BED_MODE=shim
    mkfifo "$BED_TMP/hold"
    exec 5<>"$BED_TMP/hold" # nobody writes, and opening it waits for nobody
    bed_wait 5 bed_quiet s 5201
    bed_spawn s "$FLOW" keep 0.0.0.0 5201 $count >/dev/null
    server=$!
    bed_wait 5 bed_listening s 5201
    before=$(agents_kib)
    : >"$BED_TMP/flow"
    bed_spawn s "$FLOW" hold 127.0.0.1 5201 $count <"$BED_TMP/hold" >"$BED_TMP/flow"
    client=$!
    heading 'Memory of idle connections in the agent'
    if bed_wait 60 grep -q held "$BED_TMP/flow"; then
        each=$(calc "($(agents_kib) - $before) / $count / 2")
        printf '%s connections: %s KiB for each end, %s\n' $count "$each" \
            "$(verdict "$each" most 16)"
        record idle shim 1 "$BED_TMP/flow" "{kib_each: $each}"
    else
        echo "not set up within 60 s: $red MISSED$plain_text"
    fi
    exec 5>&-
    kill $client $server 2>/dev/null
    wait $client $server 2>/dev/null
}

bench_local()
{
    for row in bulk ping http idle; do wanted $row && break; row=; done
    [ -n "$row" ] || return 0
    open_links 1
    BED_OPTIONS='--local 127.0.0.1' # loopback is plain TCP otherwise
    for row in bulk ping; do
        wanted $row || continue
        r=0
        while [ $r -lt "$rounds" ]; do
            r=$((r + 1))
            progress "$row, round $r"
            for way in plain $multi; do ${row}_round "$way" $r; done
        done
    done
    if wanted bulk; then
        heading 'Loopback, bulk: Mbit/s, CPU seconds per GB (both programs and the agent)'
        for way in plain $multi; do
            printf '%-8s %9s %7s\n' "$way" "$(median bulk "$way" mbit_s)" \
                "$(calc "$(median bulk "$way" cpu_per_gb)")"
        done
        s=$(median bulk shim mbit_s)
        ratio=$(calc "$s / $(median bulk plain mbit_s)")
        printf 'shim/plain %s, %s\n' "$ratio" "$(verdict "$ratio" least 0.75)"
        ratio=$(calc "$s / $(median bulk mptcp mbit_s)")
        printf 'shim/mptcp %s, %s\n' "$ratio" "$(verdict "$ratio" least 1.0)"
    fi
    if wanted ping; then
        heading 'Loopback, 128 bytes to and fro: microseconds'
        for way in plain $multi; do printf '%-8s %9s\n' "$way" "$(median ping "$way" us)"; done
        ratio=$(calc "$(median ping shim us) / $(median ping plain us)")
        printf 'shim/plain %s, %s\n' "$ratio" "$(verdict "$ratio" most 1.6)"
    fi
    ! wanted http || bench_http
    ! wanted idle || bench_idle
}
