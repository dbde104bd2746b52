#!/bin/sh
# SPDX-License-Identifier: MIT
# Joins reach the process whose connection they belong to: servers with several workers, servers
# that share their port themselves, several servers with agents of their own on one host.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "the kernel's joins find their way by themselves"

# Downloads that last about 10 s, because the server limits their rate; all at once.
RATE=30000
many_downloads() # NAME COUNT
{
    rm -f "$BED_TMP"/got.*
    # shellcheck disable=SC2086
    bed_spawn c $CURL --no-progress-meter -Z --parallel-immediate --parallel-max "$2" \
        -o "$BED_TMP/got.#1" "http://$S1:$HTTP/data?[1-$2]"
    j_pid=$!
    ok "$1: $2 connections have two subflows, says the client" bed_wait 30 all_joined c 2 "$2"
    ok "$1: and the server" bed_wait 10 all_joined s 2 "$2"
    bed_in s "$MPTCPSHIM" status --json >"$BED_TMP/status"
    bed_in c "$MPTCPSHIM" status --json >"$BED_TMP/status.c"
    finish "$1" $j_pid
    is "$1: the bytes are right" \
        "$(sha256sum "$BED_TMP"/got.* | cut -d' ' -f1 | sort | uniq -c | tr -s ' ')" \
        " $2 $(sum_of "$BED_TMP/www/data")"
}

bed_open 2 rate 100mbit delay 5ms queue 40ms
mkdir -p "$BED_TMP/www"
head -c $((RATE * 10)) /dev/urandom >"$BED_TMP/www/data"
NGINX_SERVER="limit_rate $RATE;"

NGINX_WORKERS=4
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
many_downloads "4 workers" 200
echo "# of $(jq -r '[.[].process] | group_by(.) | map(length) | join(", ")' "$BED_TMP/status") by process"
ok "4 workers: several of them served" [ "$(jq '[.[].process] | unique | length' "$BED_TMP/status")" -ge 2 ]
is "4 workers: joins at the server's own port" \
    "$(jq -r '[.[].subflows[].remote | sub(".*:"; "")] | unique[]' "$BED_TMP/status.c")" $HTTP
stop_nginx
bed_wait 5 bed_quiet s $HTTP

# The port cannot be shared with it: the agent listens for joins elsewhere.
NGINX_LISTEN=reuseport BED_OPTIONS='--join-port 9100-9109'
start_nginx bed_spawn || { tap_point 1 "nginx with reuseport starts"; tap_end; }
BED_OPTIONS=
many_downloads "reuseport" 40
is "reuseport: joins at the agent's port" \
    "$(jq -r '[.[].subflows[] | select(.id != 0) | .remote | sub(".*:"; "")] | unique[]' "$BED_TMP/status.c")" 9100
stop_nginx

# Two servers on one port of different addresses, a third one elsewhere: three agents.
BYTES=10000000
server() # ADDRESS PORT
{
    BED_OPTIONS='--join-port 9200-9202'
    bed_spawn s timeout 60 "$PUMP" recv "$1" "$2" $BYTES >"$BED_TMP/received.$1.$2"
    BED_OPTIONS=
    servers="$servers $!"
}

client() # ADDRESS PORT
{
    bed_spawn c timeout 60 "$PUMP" send "$1" "$2" $BYTES
    clients="$clients $!"
}

bed_link 1 rate 20mbit
bed_link 2 rate 20mbit
servers='' clients=''
server $S1 7000
server 10.99.2.1 7000
server 0.0.0.0 7001
bed_wait 10 bed_listening s 7001
bed_wait 10 sh -c "[ \$(nsenter --net=/run/netns/$BED_ID-s ss -Htln 'sport = :7000' | wc -l) = 2 ]"
client $S1 7000
client 10.99.2.1 7000
client $S1 7001
ok "three servers: each connection has two subflows" bed_wait 20 all_joined c 2 3
bed_in c "$MPTCPSHIM" status --json >"$BED_TMP/status.c"
# The third agent, too, needs one of the three ports: for IPv6, where its server does not listen.
is "three servers: joins at two agents' ports and at the third server's own" \
    "$(jq -r '[.[].subflows[] | select(.id != 0) | .remote | sub(".*:"; "")] | unique | join(" ")
        | gsub("920[012]"; "agent")' "$BED_TMP/status.c")" "7001 agent agent"
for pid in $clients; do
    finish "three servers, client" "$pid"
done
for pid in $servers; do
    finish "three servers, server" "$pid"
done
is "three servers: the bytes are right" "$(cat "$BED_TMP"/received.* | jq -s 'map(select(.ok)) | length')" 3
tap_end
