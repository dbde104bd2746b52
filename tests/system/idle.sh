#!/bin/sh
# SPDX-License-Identifier: MIT
# A connection on which nothing is said: a path that is cut is noticed all the same, and what is
# said next goes over the other one at once; an outage of everything is survived. Monitors on both
# hosts tell of it all.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need socat socat
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "the events are those of the shim"

PORT=7000
BED_OPTIONS="--keepalive 2 --no-subflow-timeout 6"

events() # HOST EVENT [JQ-CONDITION]: how many there were
{
    jq -s "map(select(.event == \"$2\" and (${3:-true}))) | length" "$BED_TMP/events.$1" 2>/dev/null ||
        echo 0
}

happened() # COUNT HOST EVENT [JQ-CONDITION]
{
    h_count=$1
    shift
    [ "$(events "$@")" -ge "$h_count" ]
}

watches() # HOST
{
    bed_in "$1" grep -q '@mptcpshim-monitor/' /proc/net/unix
}

said() # LINES: so many came back
{
    [ "$(wc -l <"$BED_TMP/out")" -ge "$1" ]
}

say() # NUMBER SECONDS NAME
{
    s_start=$(now_ms)
    echo "line $1" >&9
    ok "$3" bed_wait "$2" said "$1"
    echo "# line $1 came back after $(($(now_ms) - s_start)) ms"
}

bed_open 2 rate 50mbit delay 10ms
for host in c s; do
    bed_start $host "$MPTCPSHIM" monitor --json >"$BED_TMP/events.$host"
    eval "monitor_$host=$!"
    bed_wait 5 watches $host || tap_point 1 "the monitor on $host starts"
done
bed_spawn s socat TCP-LISTEN:$PORT,fork,reuseaddr EXEC:cat
bed_wait 10 bed_listening s $PORT || { tap_point 1 "the server listens"; tap_end; }
mkfifo "$BED_TMP/in"
exec 9<>"$BED_TMP/in" # both ways, so that opening it does not wait
bed_spawn c socat "OPEN:$BED_TMP/in,rdonly!!-" TCP:$S1:$PORT >"$BED_TMP/out" 9>&-
client=$!
say 1 10 "the connection works"
ok "two paths" bed_wait 10 happened 2 c subflow_established
ok "over both interfaces" happened 1 c subflow_established '.interface == "link2"'
ok "the server sees both" bed_wait 10 happened 2 s subflow_established

bed_link 1 cut
start=$(now_ms)
ok "the client notices that a path is dead" bed_wait 15 happened 1 c subflow_stale '.interface == "link1"'
echo "# after $(($(now_ms) - start)) ms"
ok "and gives it up" bed_wait 15 happened 1 c subflow_closed '.interface == "link1"'
ok "the server, too" bed_wait 15 happened 1 s subflow_closed
say 2 3 "a word goes over the other path"
bed_link 1 up
ok "the path comes back" bed_wait 20 happened 3 c subflow_established

ip -n "$BED_ID-c" link set link2 down
ok "an interface that goes takes its subflow along" \
    bed_wait 10 happened 1 c subflow_closed '.reason == "address_gone"'
ok "its address is reported" happened 1 c address_removed '.by == "local" and .interface == "link2"'
ip -n "$BED_ID-c" link set link2 up
ok "and comes back with it" bed_wait 20 happened 4 c subflow_established

bed_link 1 cut
bed_link 2 cut
sleep 12 # twice as long as a connection lives without a subflow
is "nobody has given the connection up" "$(events c closed) $(events s closed)" "0 0"
bed_link 1 up
bed_link 2 up
say 3 20 "an outage of everything is survived"

exec 9>&-
finish "the client" $client
ok "the end is reported" bed_wait 10 happened 1 c closed '.reason == "finished"'
ok "at both ends" bed_wait 10 happened 1 s closed '.reason == "finished"'
is "no event of the client was lost" "$(events c lost 'has("lost")')" 0
for pid in $monitor_c $monitor_s; do
    kill -TERM "$pid"
    wait "$pid"
    is "a monitor ends" $? 0
done
tap_end
