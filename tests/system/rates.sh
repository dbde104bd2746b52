#!/bin/sh
# SPDX-License-Identifier: MIT
# What status says of the rates while a download runs over links of 20 Mbit/s: at both ends, for each
# path and in all; and what a path has carried is there when its subflow is not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "it is the shim's status"

# Application bytes per second of a link of 20 Mbit/s are 2.5 million less headers. A machine that is
# busy may take a while until it shows.
LOW=1600000 HIGH=2600000

status() # HOST FILTER: of the connection that carries most
{
    bed_in "$1" "$MPTCPSHIM" status --json 2>/dev/null |
        jq "[.[] | select(.mode == \"multipath\")] | max_by(.bytes_sent + .bytes_received) | $2" 2>/dev/null
}

holds() # HOST FILTER
{
    [ "$(status "$1" "$2")" = true ]
}

within="def ok(n): . >= n * $LOW and . <= n * $HIGH; "

bed_open 2 rate 20mbit delay 5ms queue 40ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" 60
start_download bed_spawn $S1 data
client=$!
ok "the client receives at the links' rate, in all" \
    bed_wait 15 holds c "$within .receive_rate | ok(2)"
ok "and by each of them" \
    bed_wait 10 holds c "$within [.subflows[] | .receive_rate | ok(1)] == [true, true]"
ok "the server sends at that rate" bed_wait 10 holds s "$within .send_rate | ok(2)"
ok "the client sends nothing to speak of" holds c ".send_rate < 100000"
bed_in c "$MPTCPSHIM" status >"$BED_TMP/text"
ok "the text has both" grep -qE 'sends .*bit/s  receives [1-4][0-9.]* Mbit/s' "$BED_TMP/text"
before=$(status c '[.subflows[] | select(.local | startswith("10.99.2.")) | .bytes_received][0]')
bed_in c ip link set link2 down
ok "the bytes of a path are there when its subflow is not" \
    bed_wait 20 holds c "[.ended[] | select(.local == \"10.99.2.2\") | .bytes_received >= $before] == [true]"
ok "and its rate is not counted" \
    bed_wait 10 holds c "$within .receive_rate | ok(1)"
bed_in c ip link set link2 up
finish "the download" $client
ok "the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
tap_end
