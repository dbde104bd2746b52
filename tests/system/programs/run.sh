#!/bin/sh
# SPDX-License-Identifier: MIT
# Real programs over two emulated links, with the shim at both ends, at one, and at none.
#
#   sh tests/system/programs/run.sh [CASE...]     all cases without an argument
#
# Prints one JSON line for each run to $PROGRAMS_JSON (default: programs.json) and the table in
# markdown to the output. Each case is a file beside this one: `serve` starts what it needs on host
# s, `try` is the client's part and checks status and data.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
BED_SOURCE=$(cd "$(dirname "$0")/../../.." && pwd)
. "$BED_SOURCE/tests/system/lib.sh"
need jq jq
PROGRAMS=$BED_SOURCE/tests/system/programs
: "${PROGRAMS_JSON:=programs.json}" "${PROGRAMS_MODES:=plain/plain shim/shim shim/plain plain/shim}"

on() # MODE HOST COMMAND...: run it; the case is a process of its own, so BED_MODE is its own, too
{
    BED_MODE=$1
    shift
    bed_run "$@"
}

client()
{
    on "$client_mode" c timeout 30 "$@"
}

server() # in the background
{
    BED_MODE=$server_mode
    bed_spawn s timeout 60 "$@" >>"$BED_TMP/server.log" 2>&1
}

requires() # PROGRAM PACKAGE
{
    command -v "$1" >/dev/null || { echo "$1 is not installed (apt-get install $2)" >&2; exit 77; }
}

ready() # PORT
{
    bed_wait 10 bed_listening s "$1"
}

bulk() # the case moves the data file at least once: both links must have their part
{
    echo 1 >"$BED_TMP/bulk"
}

kill_rest() # what the case left on the hosts, the agents too, not the links
{
    for p_host in c s; do
        # shellcheck disable=SC2046
        kill -9 $(ip netns pids "$BED_ID-$p_host" | grep -vx "$bed_emu") 2>/dev/null
    done
}

run_case() # NAME MODE
{
    client_mode=${2%/*} server_mode=${2#*/}
    rm -rf "$BED_TMP/bulk" "$BED_TMP/server.log" "$BED_TMP/w"
    mkdir -m 777 "$BED_TMP/w"
    p_1=$(link_bytes 1) p_2=$(link_bytes 2) p_start=$(now_ms)
    (
        trap - EXIT INT TERM
        # shellcheck source=/dev/null
        . "$PROGRAMS/$1.case"
        serve && try
    ) >"$BED_TMP/case.log" 2>&1
    p_status=$? p_ms=$(($(now_ms) - p_start))
    p_1=$(($(link_bytes 1) - p_1)) p_2=$(($(link_bytes 2) - p_2))
    case $p_status in
    0) p_result=ok ;;
    77) p_result=skipped ;;
    *) p_result="failed ($p_status)" ;;
    esac
    if [ "$p_result" = ok ] && [ "$2" = shim/shim ] && [ -e "$BED_TMP/bulk" ] &&
        { [ $p_1 -lt $MB ] || [ $p_2 -lt $MB ]; }; then
        p_result="one path"
    fi
    kill_rest
    jq -nc --arg program "$1" --arg mode "$2" --arg result "$p_result" --argjson ms $p_ms \
        --argjson link1 $p_1 --argjson link2 $p_2 '$ARGS.named' >>"$PROGRAMS_JSON"
    [ "$p_result" = ok ] || [ "$p_result" = skipped ] || {
        p_failed=$((p_failed + 1))
        echo "# $1 $2: $p_result" >&2
        tail -n 20 "$BED_TMP/case.log" "$BED_TMP/server.log" >&2
    }
}

: >"$PROGRAMS_JSON"
p_failed=0
bed_open 2 rate 100mbit delay 5ms queue 40ms
make_file "$BED_TMP/data" 10
chmod 644 "$BED_TMP/data"
DATA=$BED_TMP/data W=$BED_TMP/w
if [ $# = 0 ]; then
    set -- $(cd "$PROGRAMS" && ls ./*.case | sed 's|./||; s|\.case$||')
fi
for p_case in "$@"; do
    for p_mode in $PROGRAMS_MODES; do
        run_case "$p_case" "$p_mode"
    done
done
echo "| program (client/server) | $(echo "$PROGRAMS_MODES" | sed 's/ / | /g') |"
echo "|---|$(for p_mode in $PROGRAMS_MODES; do printf -- '---|'; done)"
jq -rs 'group_by(.program)[] | "| \(.[0].program) | \(map("\(.result), \(.ms) ms") | join(" | ")) |"' \
    "$PROGRAMS_JSON"
[ $p_failed = 0 ]
