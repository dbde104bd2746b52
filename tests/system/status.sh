#!/bin/sh
# SPDX-License-Identifier: MIT
# What status shows of a download over two links: whose it is, each path's interface and share, a link
# that dies, and a connection that has no path left; the same as metrics, which Prometheus' own parsers
# read.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
need promtool prometheus
[ "$BED_MODE" = shim ] || bed_skip "it is the shim's status"

status() # FILTER: of the connection of curl, as JSON
{
    bed_in c "$MPTCPSHIM" status --json 2>/dev/null |
        jq -r "[.[] | select(.program == \"curl\")][0] | $1" 2>/dev/null
}

holds() # FILTER
{
    [ "$(status "$1")" = true ]
}

text_has() # COLUMNS PATTERN
{
    bed_in c env COLUMNS="$1" "$MPTCPSHIM" status >"$BED_TMP/text" && grep -qE "$2" "$BED_TMP/text"
}

fits() # COLUMNS
{
    text_has "$1" curl && [ "$(wc -L <"$BED_TMP/text")" -le "$1" ]
}

strict() # FILE: OpenMetrics, by the reference parser
{
    /usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
names = {m.name for m in parse(open(sys.argv[1]).read())}
assert "mptcpshim_path_received_bytes" in names, names' "$1"
}

bed_open 2 rate 20mbit delay 5ms queue 40ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" 100
start_download bed_spawn $S1 data
client=$!
ok "the connection has its program, and two paths with their interfaces" \
    bed_wait 15 holds '[.subflows[].interface] | sort == ["link1", "link2"]'
is "its process is the program" \
    "$(cat "/proc/$(status .process)/comm")" curl
ok "its age counts" holds '.age_us > 0 and .age_us < 60e6'
ok "both carry" bed_wait 10 holds '[.subflows[].bytes_received > 500000] | all'
ok "the text names them" text_has 80 '^ +link2 +active .* [0-9]+% '
for columns in 20 40 80 200; do
    ok "it fits into $columns columns" fits $columns
done

bed_in c "$MPTCPSHIM" status --openmetrics >"$BED_TMP/open"
ok "OpenMetrics is OpenMetrics" strict "$BED_TMP/open"
mkdir "$BED_TMP/collector"
ok "the script for the textfile collector" bed_in c env PATH="$(dirname "$MPTCPSHIM"):$PATH" \
    sh "$BED_SOURCE/man/examples/mptcpshim-metrics.sh" "$BED_TMP/collector"
ok "leaves one file" test "$(ls -A "$BED_TMP/collector")" = mptcpshim.prom
ok "which promtool accepts" promtool check metrics <"$BED_TMP/collector/mptcpshim.prom"
ok "and which has the paths" grep -qE '^mptcpshim_path_received_bytes_total\{.*program="curl",interface="link2".* [1-9]' \
    "$BED_TMP/collector/mptcpshim.prom"

before=$(status '[.subflows[] | select(.interface == "link2") | .bytes_received][0]')
bed_in c ip link set link2 down
ok "what a dead path has carried stays" \
    bed_wait 20 text_has 80 '^ +link2 +ended'
ok "with its interface and bytes" \
    holds "[.ended[] | select(.interface == \"link2\") | .bytes_received >= $before] == [true]"
bed_in c ip link set link1 down
ok "without any path it says how long it waits" \
    bed_wait 20 text_has 80 'no path works  nothing heard for [0-9]+s  waits for another [0-9]+s'
ok "as JSON, too" holds '.reset_in_us > 0 and .silent_us > 0'
bed_in c ip link set link1 up
bed_in c ip link set link2 up
ok "and no more when one is back" bed_wait 30 holds 'has("reset_in_us") | not'
finish "the download" $client
ok "the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
tap_end
