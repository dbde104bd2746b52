#!/bin/sh
# SPDX-License-Identifier: MIT
# Proxies that split TCP, one on each path, in front of a server that the client cannot reach
# itself: the marks of the handshake end at them, so both ends are told of each other by their
# configuration, and the server announces the proxies' addresses.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need socat socat
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "the configuration is mptcpshim's"

SIZE=20
PORT=6000

proxy() # ADDRESS PORT
{
    bed_start s socat "TCP-LISTEN:$2,bind=$1,fork,reuseaddr" "TCP:10.97.0.2:$2" 2>/dev/null
    bed_wait 10 listening_at "$1" "$2"
}

listening_at() # ADDRESS PORT
{
    bed_in s ss -Htln "src = $1:$2" | grep -q .
}

configure() # JOIN-PORT: the agent of the test before may still have another
{
    proxy 10.99.1.1 "$1"
    proxy 10.99.2.1 "$1"
    cat >"$BED_TMP/server.conf" <<CONF
[peers]
capable = 10.97.0.1
[agent]
join-port = $1
announce = 10.99.1.1, 10.99.2.1
CONF
}

serve() # sends the file to, or with `upload` takes it from, one connection
{
    BED_OPTIONS="--config $BED_TMP/server.conf"
    if [ "$1" = upload ]; then
        bed_spawn o socat -u "TCP-LISTEN:$PORT,reuseaddr" "OPEN:$BED_TMP/got,creat,trunc"
    else
        bed_spawn o socat -U "TCP-LISTEN:$PORT,reuseaddr" "OPEN:$BED_TMP/data"
    fi
    server=$!
    bed_wait 10 bed_listening o $PORT
}

start() # upload|download; the client's pid in $client
{
    serve "$1"
    BED_OPTIONS="--config $BED_TMP/client.conf"
    t_before1=$(link_bytes 1) t_before2=$(link_bytes 2)
    if [ "$1" = upload ]; then
        bed_spawn c socat -u "OPEN:$BED_TMP/data" "TCP:10.99.1.1:$PORT"
    else
        bed_spawn c socat -u "TCP:10.99.1.1:$PORT" "OPEN:$BED_TMP/got,creat,trunc"
    fi
    client=$!
}

transfer_is_complete() # NAME
{
    finish "$1, the client" $client
    finish "$1, the server" $server
    ok "$1: the bytes are right" same "$BED_TMP/data" "$BED_TMP/got"
    t_of1=$(($(link_bytes 1) - t_before1)) t_of2=$(($(link_bytes 2) - t_before2))
}

# The client's second path, and the server, lead nowhere without the proxies.
bed_open 2 rate 40mbit delay 5ms queue 40ms
bed_open_behind
make_file "$BED_TMP/data" $SIZE
proxy 10.99.1.1 $PORT
printf '[peers]\ncapable = 10.99.0.0/16\n' >"$BED_TMP/client.conf"

join=7000
for direction in download upload; do
    configure $join
    join=$((join + 1))
    start $direction
    transfer_is_complete "a proxy on each path, $direction"
    at_least "a proxy on each path, $direction: link 1 carried its part" $t_of1 $((SIZE * MB / 6))
    at_least "a proxy on each path, $direction: link 2 carried its part" $t_of2 $((SIZE * MB / 6))
done

# TCP sees nothing of it: the proxy goes on to acknowledge.
configure $join
start download
ok "one path falls silent: it was used" bed_wait 10 link_carried_since 1 "$t_before1" $MB
ok "one path falls silent: so was the other" bed_wait 10 link_carried_since 2 "$t_before2" $MB
bed_link 1 cut
transfer_is_complete "one path falls silent"
tap_end
