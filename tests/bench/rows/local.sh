# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Rows of table.sh on loopback: what the shim costs where the network costs nothing. That is way
# "shim", which needs an option: way "installed" goes without, and is plain TCP for both ends.

local_options='--local 127.0.0.1'


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

as_installed() # COMMAND...: without options connections within a host stay plain TCP
{
    BED_OPTIONS=
    "$@"
    BED_OPTIONS=$local_options
}

bulk() # WAY
{
    BED_MODE=$1
    serve s 5201 1
    before=$(agents_cpu)
    bed_run s timeout 60 "$FLOW" get 127.0.0.1 5201 4 1 $endless 0 >"$BED_TMP/flow"
    after=$(agents_cpu)
    ended
    jq -c --argjson agents "$(calc "$after - $before")" --slurpfile server "$BED_TMP/served" '
        . + {cpu_per_gb: ((.cpu + $agents + ($server[0].cpu // 0)) / .bytes * 1e9)}' \
        "$BED_TMP/flow" >"$BED_TMP/more" && mv "$BED_TMP/more" "$BED_TMP/flow"
}

ping() # WAY
{
    BED_MODE=$1
    serve s 5201 1
    bed_run s timeout 60 "$FLOW" ping 127.0.0.1 5201 20000 >"$BED_TMP/flow"
    ended
}

bench_local()
{
    wanted bulk || wanted ping || return 0
    open_links 1
    BED_OPTIONS=$local_options
    for row in bulk ping; do
        wanted $row || continue
        r=0 times=$rounds
        # What it costs to wake a processor is part of this; and it varies much.
        [ $row != ping ] || { times=$((rounds * 5)); bed_let_sleep; }
        while [ $r -lt "$times" ]; do
            r=$((r + 1))
            progress "$row, round $r"
            for way in plain $multi; do measure $row "$way" $r $row "$way"; done
            measure $row installed $r as_installed $row shim
        done
        [ $row != ping ] || bed_keep_awake
    done
    if wanted bulk; then
        heading 'Loopback, bulk: Mbit/s, CPU seconds per GB (both programs and the agent)'
        for way in plain $multi installed; do
            printf '%-9s %9s %7s\n' "$way" "$(median bulk "$way" mbit_s)" \
                "$(calc "$(median bulk "$way" cpu_per_gb)")"
        done
        s=$(median bulk shim mbit_s)
        ratio=$(calc "$s / $(median bulk plain mbit_s)")
        printf 'shim/plain %s, %s; %s\n' "$ratio" "$(verdict "$ratio" least 0.75)" "$(stolen bulk)"
        ratio=$(calc "$s / $(median bulk mptcp mbit_s)")
        printf 'shim/mptcp %s, %s\n' "$ratio" "$(verdict "$ratio" least 1.0)"
        ratio=$(calc "$(median bulk installed mbit_s) / $(median bulk plain mbit_s)")
        printf 'installed/plain %s, %s\n' "$ratio" "$(verdict "$ratio" least 0.95)"
    fi
    if wanted ping; then
        heading 'Loopback, 128 bytes to and fro: microseconds'
        for way in plain $multi installed; do
            printf '%-9s %9s\n' "$way" "$(median ping "$way" us)"
        done
        ratio=$(calc "$(median ping shim us) / $(median ping plain us)")
        printf 'shim/plain %s, %s\n' "$ratio" "$(verdict "$ratio" most 1.6); $(stolen ping)"
        ratio=$(calc "$(median ping installed us) / $(median ping plain us)")
        printf 'installed/plain %s, %s\n' "$ratio" "$(verdict "$ratio" most 1.05)"
    fi
    BED_OPTIONS=
}

bench_idle() # both ends are in one agent, so a connection is there twice
{
    wanted idle || return 0
    open_links 1
    BED_OPTIONS=$local_options
    # Two descriptors for each end of each connection, and each is there twice: 10,000 ends.
    count=${BENCH_IDLE:-5000}
    # shellcheck disable=SC3045 # dash and bash have it
    ulimit -n $((count * 4 + 200)) 2>/dev/null || count=$((($(ulimit -n) - 200) / 4))
    progress "idle, $count connections"
    BED_MODE=shim
    mkfifo "$BED_TMP/hold"
    exec 5<>"$BED_TMP/hold" # nobody writes, and opening it waits for nobody
    bed_wait 5 bed_quiet s 5201
    bed_spawn s "$FLOW" keep 0.0.0.0 5201 "$count" >/dev/null
    server=$!
    bed_wait 5 bed_listening s 5201
    before=$(agents_kib)
    : >"$BED_TMP/flow"
    bed_spawn s "$FLOW" hold 127.0.0.1 5201 "$count" <"$BED_TMP/hold" >"$BED_TMP/flow"
    client=$!
    heading 'Memory of idle connections in the agent'
    if bed_wait 60 grep -q held "$BED_TMP/flow"; then
        each=$(calc "($(agents_kib) - $before) / $count / 2")
        printf '%s connections: %s KiB for each end, %s\n' "$count" "$each" \
            "$(verdict "$each" most 16)"
        jq -n -c --argjson each "$each" --argjson n "$count" \
            '{row: "idle", way: "shim", round: 1, steal: 0, ok: true, connections: $n, kib_each: $each}' \
            >>"$out/runs.jsonl"
    else
        echo "not set up within 60 s: $(verdict - most 16)"
    fi
    exec 5>&-
    kill $client $server 2>/dev/null
    wait $client $server 2>/dev/null
    BED_OPTIONS=
}
