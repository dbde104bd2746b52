#!/bin/sh
# SPDX-License-Identifier: MIT
# Real programs over two emulated links, with the shim at both ends, at one, and at none.
#
#   sh tests/system/programs/run.sh [--short] [--update-readme] [CASE...]     all without a CASE
#
# A point of the Test Anything Protocol for each run, then the table. --short: small volumes, and
# without the runs of plain TCP. --update-readme writes the table between its marks in README.md.
# PROGRAMS_JSON=FILE keeps a line of JSON for each run.
#
# A case is a file beside this one; its second line is its row in the table. Its functions, each of
# which succeeds or not: `prepare` (once, natively) leaves files in $P, `serve` starts what it needs
# on host s, `try` is the client's part and checks status and data.
# shellcheck source-path=SCRIPTDIR source=../lib.sh
BED_SOURCE=$(cd "$(dirname "$0")/../../.." && pwd)
. "$BED_SOURCE/tests/system/lib.sh"
# shellcheck source-path=SCRIPTDIR source=helpers.sh
. "$BED_SOURCE/tests/system/programs/helpers.sh"
# shellcheck source-path=SCRIPTDIR source=table.sh
. "$BED_SOURCE/tests/system/programs/table.sh"
need jq jq
need openssl openssl
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
PROGRAMS=$BED_SOURCE/tests/system/programs
short=0 update_readme=0
: "${PROGRAMS_JSON:=$BED_TMP/runs.json}"

kill_rest() # what the case left on the hosts, the agents too, not the links
{
    for p_host in c s; do
        # shellcheck disable=SC2046
        kill -9 $(ip netns pids "$BED_ID-$p_host" | grep -vx "$bed_emu") 2>/dev/null
    done
}

run_case() # NAME MODE: the result in $p_result
{
    client_mode=${2%/*} server_mode=${2#*/}
    rm -rf "$BED_TMP/bulk" "$BED_TMP/server.log" "$BED_TMP/w"
    mkdir -m 777 "$BED_TMP/w"
    p_1=$(link_bytes 1) p_2=$(link_bytes 2) p_start=$(now_ms)
    (
        trap - EXIT INT TERM
        prepare() { :; }
        # shellcheck source=/dev/null
        . "$PROGRAMS/$1.case"
        [ -e "$P" ] || { mkdir -m 777 "$P" && prepare >&2; } || exit
        serve && try
    ) >"$BED_TMP/case.log" 2>&1
    p_status=$?
    kill_rest
    p_ms=$(($(now_ms) - p_start)) p_1=$(($(link_bytes 1) - p_1)) p_2=$(($(link_bytes 2) - p_2))
    case $p_status in
    0) p_result=ok ;;
    77) p_result=skipped ;;
    *) p_result="failed ($p_status)" ;;
    esac
    [ "$p_result" = ok ] && [ "$2" = shim/shim ] && [ -e "$BED_TMP/bulk" ] || return 0
    p_result="ok, both paths"
    [ $p_1 -ge $part ] && [ $p_2 -ge $part ] || p_result="one path ($p_1, $p_2 bytes)"
}

report() # CASE MODE
{
    case $p_result in
    ok*) tap_point 0 "$1 $2" ;;
    skipped) skip "$1 $2" "$(tail -n 1 "$BED_TMP/case.log")" ;;
    *)
        tap_point 1 "$1 $2: $p_result"
        tail -n 20 "$BED_TMP/case.log" "$BED_TMP/server.log" >&2
        ;;
    esac
    jq -nc --arg program "$(row_of "$PROGRAMS/$1.case")" --arg mode "$2" --arg result "$p_result" \
        --argjson ms $p_ms --argjson link1 $p_1 --argjson link2 $p_2 '$ARGS.named' >>"$PROGRAMS_JSON"
}

while :; do
    case ${1:-} in
    --short) short=1 ;;
    --update-readme) update_readme=1 ;;
    -*) echo "usage: run.sh [--short] [--update-readme] [CASE...]" >&2; exit 2 ;;
    *) break ;;
    esac
    shift
done
[ $update_readme = 0 ] || [ $# = 0 ] || { echo "--update-readme needs all cases" >&2; exit 2; }
# shellcheck disable=SC2046 # names have no blanks
[ $# -gt 0 ] || set -- $(cd "$PROGRAMS" && ls ./*.case | sed 's|./||; s|\.case$||')
: "${PROGRAMS_MODES:=$(volume plain/plain '') shim/shim shim/plain plain/shim}"
: >"$PROGRAMS_JSON"
bed_open 2 rate 100mbit delay 5ms queue 40ms
make_data
# What each link must carry at least: less than half, and more than a path that was not used would.
part=$(($(wc -c <"$DATA") / 10))
for p_case in "$@"; do
    P=$BED_TMP/p.$p_case
    for p_mode in $PROGRAMS_MODES; do
        run_case "$p_case" "$p_mode"
        report "$p_case" "$p_mode"
    done
done
table >"$BED_TMP/table"
sed 's/^/# /' "$BED_TMP/table"
[ $update_readme = 0 ] || write_readme "$BED_TMP/table" "$BED_SOURCE/README.md"
tap_end
