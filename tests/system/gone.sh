#!/bin/sh
# SPDX-License-Identifier: MIT
# The agent at one end dies, alone or with its program: the program at the other end learns of it
# within seconds, though paths that are silent would be waited for much longer.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "only the shim has agents"

PORT=7000
ENDLESS=1000000000000

# A transfer in the background, with two working paths; g_c and g_s are the programs' ends.
begin() # send|take AND-THE-SERVER: what the client does
{
    bed_spawn s "$PUMP" "$2" $S1 $PORT $ENDLESS >"$BED_TMP/s.out" 2>"$BED_TMP/s.err"
    g_s=$!
    bed_wait 10 bed_listening s $PORT || return 1
    bed_spawn c "$PUMP" "$1" $S1 $PORT $ENDLESS >"$BED_TMP/c.out" 2>"$BED_TMP/c.err"
    g_c=$!
    bed_wait 10 all_joined c 2 1
}

pids_of() # HOST COMM: the test program there
{
    for g_p in $(ip netns pids "$BED_ID-$1"); do
        [ "$(cat "/proc/$g_p/comm" 2>/dev/null)" != "$2" ] || echo "$g_p"
    done
}

ended() # PID
{
    ! kill -0 "$1" 2>/dev/null
}

end_all()
{
    # shellcheck disable=SC2046
    kill -9 $(pids_of c pump) $(pids_of s pump) $(agent_pids c) $(agent_pids s) 2>/dev/null
    wait $g_c $g_s 2>/dev/null
    bed_wait 10 bed_quiet s $PORT
}

learns() # NAME PID SECONDS
{
    g_start=$(now_ms)
    ok "$1" bed_wait "$3" ended "$2"
    echo "# $1: after $(($(now_ms) - g_start)) ms"
    wait "$2"
    g_status=$?
    [ $g_status != 0 ]
    tap_point $? "$1: as an error"
}

bed_open 2 rate 40mbit delay 5ms queue 60ms

ok "upload: two paths" begin send recv
# shellcheck disable=SC2046
kill -9 $(agent_pids s)
learns "the server's agent dies: the client learns of it" $g_c 3
# The joins that met the program meanwhile say nothing of the paths: the client's agent is the same.
# shellcheck disable=SC2046
kill -9 $(pids_of s pump) 2>/dev/null
wait "$g_s" 2>/dev/null
bed_wait 10 bed_quiet s $PORT
ok "upload again: two paths" begin send recv
# shellcheck disable=SC2046
kill -9 $(agent_pids s) $(pids_of s pump)
learns "the server dies with its agent: the client learns of it" $g_c 3
end_all

ok "download: two paths" begin take give
# shellcheck disable=SC2046
kill -9 $(agent_pids s) $(pids_of s pump)
learns "a server that sends dies with its agent: the client learns of it" $g_c 3
end_all

# With nothing unread TCP ends in order, and that alone tells; a reset may come from a box on the way.
bed_spawn s "$PUMP" recv 0.0.0.0 $PORT $ENDLESS >"$BED_TMP/s.out" 2>"$BED_TMP/s.err"
g_s=$!
bed_wait 10 bed_listening s $PORT
bed_spawn c bash -c "exec 3<>/dev/tcp/$S1/$PORT; sleep 600" 2>"$BED_TMP/c.err"
g_c=$!
ok "idle: two paths" bed_wait 10 all_joined c 2 1
# shellcheck disable=SC2046
kill -9 $(agent_pids c) $g_c $(pids_of c sleep)
learns "the client dies with its agent: the server learns of it" $g_s 10
end_all
tap_end
