#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: documented.sh SOURCE_ROOT TABLES: every public function has a page of section 3 under its name
# that shows its prototype, is listed in libmptcpshim(3), and is exported; and every row of the tables
# that the program TABLES (tables.c) prints has its entry in the pages.
set -eu
tables=$("$2")
cd "$1"
rc=0
names=$(grep -o '\bmptcpshim_[a-z_]*(' include/mptcpshim/mptcpshim.h | tr -d '(' | sort -u)
declared=
for name in $names; do
    grep -qE "^MPTCPSHIM_EXPORT .*[ *]$name\(" include/mptcpshim/mptcpshim.h &&
        declared="$declared $name"
done
test -n "$declared"
for name in $declared; do
    page=man/$name.3
    test -f "$page" || { echo "$name: no $page"; rc=1; continue; }
    so=$(sed -n 's,^\.so man3/,man/,p' "$page")
    grep -q "$name" "${so:-$page}" || { echo "$page: does not mention $name"; rc=1; }
    sed -n '/^\.SH SYNOPSIS/,/^\.SH DESC/p' "${so:-$page}" | grep -q "$name(" ||
        { echo "${so:-$page}: no prototype of $name"; rc=1; }
    grep -q "$name" man/libmptcpshim.3 || { echo "libmptcpshim.3: does not list $name"; rc=1; }
    grep -q "^ *$name;" lib/api/libmptcpshim.map || { echo "$name: not exported"; rc=1; }
    grep -q "'$name.3'" man/meson.build || { echo "$page: not installed"; rc=1; }
done
# What the agent says about a connection is in the launcher's page.
members() # SECTION FILE...
{
    section=$1
    shift
    for key in $(grep -ohE '(put_[a-z0-9]+|object_add)\([a-z]+, "[a-z_]+"' "$@" |
        sed 's/.*"\(.*\)"/\1/' | sort -u); do
        sed "/^\.SH $section/,/^\.SH EXIT/!d" man/mptcpshim.1 | grep -qw "$key" ||
            { echo "mptcpshim.1: no member $key in $section"; rc=1; }
    done
}
members JSON lib/engine/show/status.c
rows() # KIND: its rows, of which there is one at least
{
    echo "$tables" | sed -n "s/^$1 //p" | grep .
}
section() # PAGE FROM TO: the text of a page between two headings
{
    sed "/^\.S[HS] $2/,/^\.S[HS] $3/!d; s/\\\\-/-/g" "man/$1"
}
schedulers=$(rows scheduler) managers=$(rows path-manager)
for name in $schedulers; do
    section mptcpshim.1 OPTIONS JSON | sed '/^\.BI --scheduler /,/^\.BI --/!d' | grep -qx "\.B $name" ||
        { echo "mptcpshim.1: no scheduler $name in --scheduler"; rc=1; }
    section mptcpshim.conf.5 '\[conn' '\[agent' | sed '/^\.BI "scheduler = "/,/^\.TP/!d' | grep -qw "$name" ||
        { echo "mptcpshim.conf.5: no scheduler $name in [connections]"; rc=1; }
done
for name in $managers; do
    section mptcpshim.conf.5 '\[conn' '\[agent' | sed '/^\.BI "path-manager = "/,/^\.TP/!d' | grep -qw "$name" ||
        { echo "mptcpshim.conf.5: no path manager $name in [connections]"; rc=1; }
done
frames=$(rows frame | tr ' ' ':')
for frame in $frames; do
    section mptcpshim-protocol.7 FRAMES AUTH | grep -q "^${frame%:*} ${frame#*:} " ||
        { echo "mptcpshim-protocol.7: no row ${frame%:*} ${frame#*:} in the table of frames"; rc=1; }
done
events=$(rows event)
members="$(rows event-member) $(sed -n 's/.*object_add(event, "\([a-z]*\)".*/\1/p' lib/engine/show/monitor.c)"
for event in $events; do
    section mptcpshim.1 EVENTS SERVICES | grep -q "^$event;" ||
        { echo "mptcpshim.1: no event $event in EVENTS"; rc=1; }
done
for member in $members; do
    section mptcpshim.1 EVENTS SERVICES | grep -qE "^([a-z_]+, )*$member(, [a-z_]+)*;" ||
        { echo "mptcpshim.1: no member $member in EVENTS"; rc=1; }
done
members="$(rows status-member) $(sed -n 's/.*json_object_object_add([a-z]*, "\([a-z_]*\)".*/\1/p' preload/launcher/show/whose.c)" in_library=$(rows library-member | grep -v '^-')
for member in $members; do
    section mptcpshim.1 JSON METRICS | grep -qE "^ ?([a-z_]+, )*$member(, [a-z_]+)*;" ||
        { echo "mptcpshim.1: no member $member in JSON"; rc=1; }
done
for member in $in_library; do
    grep -q -e "\b$member\b" -e "_$member\b" man/mptcpshim_subflows.3 ||
        { echo "mptcpshim_subflows.3: no member or flag $member"; rc=1; }
done
metrics=$(rows metric)
documented=$(section mptcpshim.1 METRICS PLAIN | grep -oE '^mptcpshim_[a-z_]+' | sort)
for metric in $metrics; do
    echo "$documented" | grep -qx "$metric" || { echo "mptcpshim.1: no metric $metric in METRICS"; rc=1; }
done
for metric in $documented; do
    echo "$metrics" | grep -qx "$metric" || { echo "mptcpshim.1: $metric is no metric"; rc=1; }
done
# Every record of a trace has its entry, with its members in it.
for record in $(rows record); do
    name=${record%%=*}
    text=$(sed 's/\\-/-/g' man/mptcpshim-trace.5 | awk -v start=".B $name" '
        /^\.S[HS] / || (/^\.B / && before == ".TP" && $2 ~ /:/) { inside = $0 == start }
        inside
        { before = $0 }')
    [ -n "$text" ] || { echo "mptcpshim-trace.5: no record $name"; rc=1; continue; }
    for member in $(echo "${record#*=}" | tr ',' ' '); do
        echo "$text" | grep -qw "$member" ||
            { echo "mptcpshim-trace.5: $name: no member $member"; rc=1; }
    done
done
for cause in $(rows cause); do
    section mptcpshim-trace.5 Data Scheduler | grep -qx "\.B $cause" ||
        { echo "mptcpshim-trace.5: data:sent: no cause $cause"; rc=1; }
done
# Every reason for plain TCP has a row.
reasons=$(sed -n 's/^ *\[MPS_PLAIN_[A-Z_]*\] = "\([a-z-]*\)",/\1/p' lib/handover/counts.c | grep -vx none)
test "$(echo "$reasons" | wc -l)" -ge 15 || { echo "counts.c: reasons are not found"; rc=1; }
for reason in $reasons; do
    sed '/^\.SH PLAIN CONN/,/^\.SH EVENTS/!d; s/\\-/-/g' man/mptcpshim.1 | grep -q "^$reason;" ||
        { echo "mptcpshim.1: no row of the reason $reason in PLAIN CONNECTIONS"; rc=1; }
done
# Every key of the configuration has its entry under its section, with its bounds and its default.
entry() # PAGE HEADING START: the lines of an entry of a section, as one
{
    sed 's/\\-/-/g; s/\\ / /g' "man/$1" | awk -v heading="$2" -v start="$3" '
        /^\.S[HS] / { here = index($0, heading) == 1 }
        /^\.(TP|SS|SH)/ { inside = 0 }
        here && index($0, start) == 1 { inside = 1 }
        inside' | tr '\n' ' '
}
keys=$(rows key | tr ' ' ':') options=$(rows option)
for row in $keys; do
    section=${row%%:*} row=${row#*:}
    key=${row%%:*} row=${row#*:}
    default=${row%:*} bounds=${row#*:}
    text=$(entry mptcpshim.conf.5 ".SS [$section" ".BI \"$key = ")
    [ -n "$text" ] || { echo "mptcpshim.conf.5: no key $key in [$section]"; rc=1; continue; }
    [ "$bounds" = - ] || echo "$text" | grep -q "\b${bounds%-*} to ${bounds#*-}\b" ||
        { echo "mptcpshim.conf.5: $key: its bounds are not ${bounds%-*} to ${bounds#*-}"; rc=1; }
    [ "$default" = - ] ||
        echo "$text" | grep -qE "Default: (\.BR? )?$default\b|\.B $default (\(default\))" ||
        { echo "mptcpshim.conf.5: $key: its default is not $default"; rc=1; }
done
for option in $options; do
    section mptcpshim.1 OPTIONS JSON | grep -qE "^\.BI? --$option " ||
        { echo "mptcpshim.1: no option --$option in OPTIONS"; rc=1; }
done
exit $rc
