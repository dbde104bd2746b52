#!/bin/sh
# SPDX-License-Identifier: MIT
# Hostile peers that make a server's agent hold as much memory as they can: those that send all that
# their credit allows, but for the first byte, and those that only look like clients of ours. The
# agent stays within its limit, newcomers of the peer are refused, and everybody else is served.
#   holders.sh [COUNT [MIB]]      default: 1000 of each kind, against a limit of 32 MiB
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "there is no agent to attack in mode $BED_MODE"

count=${1:-1000} limit=${2:-32}
CROWD=$BED_BUILD/tests/bed/crowd
HOLDERS=$BED_BUILD/tests/bed/holders
ECHO=7500 DEAF=7501 SOURCE=7502 SINK=7503

resident() # KiB of the server's agent
{
    awk '/^VmRSS/ { print $2 }' "/proc/$agent/status"
}

memory() # JQ-EXPRESSION of the server's agent
{
    bed_in s "$MPTCPSHIM" status --json | jq "[.[] | select(.state == \"memory\")][0] | $1"
}

sum() # JQ-EXPRESSION: of how many connections
{
    bed_in s "$MPTCPSHIM" status --json | jq "[.[] | select(.memory_used and .state != \"memory\" and ($1))] | length"
}

written() # FILE
{
    [ -s "$BED_TMP/$1" ]
}

serve() # the services of a fresh agent; then 20 honest connections
{
    bed_open 2
    # shellcheck disable=SC2016
    bed_start s "$MPTCPSHIM" run --config "$BED_TMP/conf" sh -c '
        "$1" serve 0.0.0.0 "$2" echo & "$1" serve 0.0.0.0 "$3" deaf &
        "$1" serve 0.0.0.0 "$4" source & exec "$1" serve 0.0.0.0 "$5" sink' \
        sh "$CROWD" $ECHO $DEAF $SOURCE $SINK
    for port in $ECHO $DEAF $SOURCE $SINK; do
        bed_wait 10 bed_listening s $port || { tap_point 1 "the server listens"; tap_end; }
    done
    rm -f "$BED_TMP/early"
    bed_spawn c "$CROWD" hold $S1 $ECHO 20 >"$BED_TMP/early"
    early=$!
    ok "20 honest connections" bed_wait 20 written early
    agent=$(agent_pids s)
    is "one agent" "$(echo "$agent" | wc -w)" 1
    echo "# before: the agent has $(resident) KiB"
}

attack() # KIND PORT: until `attackers` are killed
{
    serve
    rm -f "$BED_TMP/attack"
    bed_start c "$HOLDERS" $S1 "$2" "$count" "$1" 400000 >"$BED_TMP/attack"
    attackers=$!
    ok "$1: $count hostile peers" bed_wait 200 written attack
    echo "# $1: $(cat "$BED_TMP/attack")"
    # Asking for the status takes memory, too.
    now=$(resident)
    echo "# $1: the agent has $now KiB"
    ok "$1: the agent stays within its limit" [ "$now" -le $((limit * 1024)) ]
}

survive() # KIND: everybody else is served; then all ends
{
    ok "$1: another peer gets its data" \
        bed_run c timeout 20 "$CROWD" get 10.99.2.1 $SOURCE 2 1 >"$BED_TMP/got"
    echo "# $1: $(cat "$BED_TMP/got")"
    kill "$early"
    finish "$1: the honest connections" "$early"
    is "$1: they all work" "$(tail -1 "$BED_TMP/early")" "still 20 of 20"
    is "$1: the agent is the same" "$(agent_pids s)" "$agent"
    kill "$attackers"
    wait "$attackers" 2>/dev/null
    bed_close
}

printf '[agent]\nmemory = %s\nthreads = 1\n' "$limit" >"$BED_TMP/conf"

attack withhold $ECHO
ok "withhold: some were refused" [ "$(jq .refused "$BED_TMP/attack")" -gt 0 ]
is "withhold: the agent says so" "$(memory '.count > 0')" true
is "withhold: what was promised is within the limit" \
    "$(memory '.memory_used + .memory_promised <= .memory_limit')" true
is "withhold: one peer has no more than half" \
    "$(memory '.peers[0] | .memory_used + .memory_promised' |
        awk "{ print (\$1 <= $limit * 1024 * 512) }")" 1
survive withhold

# A program that reads nothing: what waits for it stays.
attack plain $DEAF
survive plain

# A program that reads everything: nothing waits, and nothing is held.
attack plain $SINK
idle() { [ "$(sum '.mode == "plain" and .memory_used > 4096')" = 0 ]; }
ok "idle relays hold no buffers" bed_wait 20 idle
survive plain
tap_end
