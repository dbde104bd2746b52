#!/bin/sh
# SPDX-License-Identifier: MIT
# Hundreds of connections while everything around them fails.

usage()
{
    cat <<'HELP'
usage: soak.sh [--seconds N] [--connections N] [--seed N] [--kinds KIND[,KIND...]] [--out FOLDER]
Connections of all sizes and ends over two links, checked byte by byte at both ends, for so many
seconds (600; at most 3600), while each few seconds one thing is disturbed. Kinds (default: all):
  cut     a link is silent, one way or both, for 0.5 to 8 s
  client  a client program is killed, another one starts
  worker  a process of the server that has accepted connections is killed
  kill    an agent is killed
  stop    an agent stands still for 5 s (SIGSTOP)
  term    an agent is asked to end (SIGTERM)
With BED_MODE=plain the same without the shim: 300 connections with the kind cut (seed 11, 130 s)
had 45 of 4,623 that stood still for 70 s, since TCP's repetitions were lost in a row. Connections
that are plain while a server's agent retires may do that here, too: of 300, not of 200.
Output: TAP; FOLDER (default build/soak) has the report of each connection (exchange.h) and the
events. Exit code 0: nothing went wrong.
HELP
}

seconds=600 connections=300 seed=1 kinds='cut client worker kill stop term' out=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift ;;
    --connections) connections=$2; shift ;;
    --seed) seed=$2; shift ;;
    --kinds) kinds=$(echo "$2" | tr , ' '); shift ;;
    --out) out=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
if [ "$seconds" -lt 1 ] || [ "$seconds" -gt 3600 ] || [ "$connections" -lt 2 ]; then
    usage >&2
    exit 2
fi
# Arguments are read before: bed.sh may run this script again in a user namespace.
set -- --seconds "$seconds" --connections "$connections" --seed "$seed" \
    --kinds "$(echo "$kinds" | tr ' ' ,)" ${out:+--out "$out"}
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../system/lib.sh
. "$BED_SOURCE/tests/system/lib.sh"
need jq jq
need python3 python3

MANY=$BED_BUILD/tests/soak/many
PORT=7000
: "${out:=$BED_BUILD/soak}"
report=$out/report events=$out/events
mkdir -p "$out" || exit 1
rm -f "$report" "$events" "$out/outage".*
started=$(now_ms)
client1='' client2='' victim=''

random() # BOUND: the next number of the seed's sequence, below BOUND, in $drawn
{
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

note() # EVENT...
{
    echo "$(($(now_ms) - started)) ms: $*" >>"$events"
}

one_of() # WORD...: one of them, in $chosen; fails if there is none
{
    [ $# -gt 0 ] || return 1
    random $#
    shift $drawn
    chosen=$1
}

dial() # NUMBER: a client program; its pid in client1 or client2
{
    random 100000
    left=$((seconds - ($(now_ms) - started) / 1000))
    [ $left -ge 1 ] || left=1
    bed_spawn c "$MANY" client "$S1" $PORT $((connections / 2)) $left "$drawn" "$report"
    eval "client$1=$!"
}

workers() # the pids of the server's processes that accept
{
    for p in $(ip netns pids "$BED_ID-s"); do
        [ "$p" != "$server" ] && [ "$(cat "/proc/$p/comm" 2>/dev/null)" = many ] && echo "$p"
    done
}

agent_of_one_host()
{
    random 2
    host=c
    [ "$drawn" = 0 ] || host=s
    # shellcheck disable=SC2046
    one_of $(agent_pids $host)
}

outage() # a link is silent for a while
{
    random 2
    link=$((drawn + 1))
    random 75
    tenths=$((drawn + 5))
    one_of both c2s s2c
    way=$chosen
    [ "$way" != both ] || way=
    note "cut link $link $way for $tenths tenths of a second"
    # shellcheck disable=SC2086
    bed_link $link $way cut
    # Each outage has its own length; overlapping ones of a link end with the first.
    (sleep $((tenths / 10)).$((tenths % 10)) && bed_link $link up) &
}

disturb()
{
    # shellcheck disable=SC2086
    one_of $kinds
    case $chosen in
    cut) outage ;;
    client)
        random 2
        which=$((drawn + 1))
        eval "victim=\$client$which"
        note "kill client $victim"
        kill -9 "$victim" 2>/dev/null
        wait "$victim" 2>/dev/null
        dial $which
        ;;
    worker)
        # shellcheck disable=SC2046
        one_of $(workers) && note "kill worker $chosen" && kill -9 "$chosen"
        ;;
    kill) agent_of_one_host && note "kill agent $chosen of $host" && kill -9 "$chosen" ;;
    term) agent_of_one_host && note "end agent $chosen of $host" && kill -TERM "$chosen" ;;
    stop)
        agent_of_one_host && note "stop agent $chosen of $host" && kill -STOP "$chosen" &&
            { (sleep 5 && kill -CONT "$chosen" 2>/dev/null) & }
        ;;
    *) echo "soak.sh: no kind $chosen" >&2; exit 2 ;;
    esac
}

no_agents()
{
    [ -z "$(agent_pids c)$(agent_pids s)" ]
}

# Why: what the agents say of their connections.
what_is_left()
{
    for h in c s; do
        echo "# left on host $h: $(agent_pids $h | tr '\n' ' ')"
        bed_in $h "$MPTCPSHIM" status --json | tee "$out/left.$h" |
            jq -c '.[] | del(.subflows, .ended)' | sed 's/^/#   /'
    done
}

ended() # PID
{
    ! kill -0 "$1" 2>/dev/null
}

unchanged() # the report, for two seconds
{
    lines=$(grep -c . "$report")
    sleep 2
    [ "$lines" = "$(grep -c . "$report")" ]
}

# Four segments of each connection, the least of BBR, have to fit in. In a shorter queue each second
# packet is lost, and TCP's timer alone, plain TCP's too, makes connections wait for a minute and more.
bed_open 2 rate 40mbit delay 5ms queue $((connections * 2))ms
bed_spawn s "$MANY" server 0.0.0.0 $PORT 4 "$report"
server=$!
bed_wait 10 bed_listening s $PORT || { echo "Bail out! the server does not listen"; exit 1; }
dial 1
dial 2
# Undisturbed at first, and at the end.
until [ $(($(now_ms) - started)) -ge $((seconds * 1000 - 3000)) ]; do
    random 8
    sleep $((drawn / 2 + (seconds > 60 ? 4 : 1))).5
    disturb
done
note "the last connections end"
for pid in "$client1" "$client2"; do
    bed_wait 100 ended "$pid" || { note "client $pid hangs"; kill -9 "$pid"; }
done
bed_link 1 up
bed_link 2 up
wait "$client1" "$client2" 2>/dev/null
# What the server has to say comes a little later.
bed_wait 90 unchanged || note "the server goes on reporting"
kill "$server"
wait "$server" 2>/dev/null
errors=
case " $kinds " in *\ client\ * | *\ worker\ * | *\ kill\ * | *\ stop\ * | *\ term\ *) errors=--errors-allowed ;; esac
# shellcheck disable=SC2086
python3 "$BED_SOURCE/tests/soak/judge.py" "$report" $errors >"$out/verdict"
verdict=$?
sed 's/^\(not \)\{0,1\}ok/# &/; /^1\.\./d' "$out/verdict"
tap_point $verdict "$seconds s of $kinds: $(grep -c . "$report") ends of connections"
# A connection that lost its peer's agent at the end waits for it for a minute.
ok "no agent is left" bed_wait 80 no_agents
no_agents || what_is_left
tap_end
