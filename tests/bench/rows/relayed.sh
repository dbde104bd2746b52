# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: what any process between the program and TCP does to the longest gap. Plain TCP
# over one link with the rate of two, directly and through relays that only copy on both hosts.

get_relayed()
{
    BED_MODE=plain
    bed_start s socat -b 65536 TCP-LISTEN:5301,reuseaddr TCP:127.0.0.1:5201 2>/dev/null
    far=$!
    bed_start c socat -b 65536 TCP-LISTEN:5301,reuseaddr TCP:10.99.1.1:5301 2>/dev/null
    near=$!
    bed_wait 5 bed_listening s 5301 && bed_wait 5 bed_listening c 5301 &&
        get plain 127.0.0.1 "$seconds" "$omit" $endless 0 5301
    for pid in $near $far; do
        bed_wait 2 gone "$pid" || kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
}

bench_relayed()
{
    wanted relayed || return 0
    command -v socat >/dev/null || { echo "relayed: socat is not installed" >&2; return 0; }
    open_links 1
    bed_link 1 rate 200mbit delay 10ms queue 40ms
    omit=$(calc "$seconds * 0.3")
    watch_machine
    r=0
    while [ $r -lt "$rounds" ]; do
        r=$((r + 1))
        progress "relayed, round $r"
        measure relayed direct $r get plain 10.99.1.1 "$seconds" "$omit" $endless 0
        measure relayed relayed $r get_relayed
    done
    watch_no_more
    heading 'Plain TCP, 200 Mbit/s, directly and through a relay on each host that only copies'
    printf 'longest gap: direct %s ms, relayed %s ms; %s\n' "$(median relayed direct quiet_gap_ms)" \
        "$(median relayed relayed quiet_gap_ms)" "$(stolen relayed)"
}
