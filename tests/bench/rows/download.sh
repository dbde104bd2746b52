# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: how long small downloads take, beside plain TCP on the best path: from a peer never
# met before, then again by the same program (known), then by a program that is run later.

get_thrice() # BYTES
{
    BED_MODE=shim
    rm -rf "$XDG_RUNTIME_DIR/mptcpshim"
    serve s 5201 3
    # shellcheck disable=SC2016
    bed_run c timeout 60 sh -c '"$0" get 10.99.1.1 5201 60 0 "$1" 0 && "$0" get 10.99.1.1 5201 60 0 "$1" 0' \
        "$FLOW" "$1" >"$BED_TMP/thrice"
    bed_run c timeout 60 "$FLOW" get 10.99.1.1 5201 60 0 "$1" 0 >>"$BED_TMP/thrice"
    jq -s -c 'select(length == 3)
        | {seconds: .[0].seconds, known_seconds: .[1].seconds, later_seconds: .[2].seconds,
           ok: all(.ok)}' "$BED_TMP/thrice" >"$BED_TMP/flow"
    ended
}

bench_downloads()
{
    wanted download || return 0
    open_links 2
    bed_link 1 rate 100mbit delay 10ms queue 40ms
    bed_link 2 rate 20mbit delay 50ms queue 80ms
    export XDG_RUNTIME_DIR="$BED_TMP/runtime" # where agents leave what they know of peers
    mkdir -m 700 "$XDG_RUNTIME_DIR"
    heading 'Download over 100/10 + 20/50: seconds from connect() to the last byte'
    printf '%-9s %8s %8s %8s %7s %8s %7s %8s %7s  %s\n' bytes plain mptcp first /plain \
        known /plain later /plain bar
    for size in 262144 1048576 10485760; do
        row=download-$size
        progress "download, $size bytes"
        r=0
        while [ $r -lt $((rounds * 3)) ]; do # these are short: three for each round
            r=$((r + 1))
            measure $row plain $r get plain 10.99.1.1 60 0 $size 0
            [ $open_mode != mptcp ] || measure $row mptcp $r get mptcp 10.99.1.1 60 0 $size 0
            measure $row shim $r get_thrice $size
        done
        p=$(median $row plain seconds) s=$(median $row shim seconds)
        k=$(median $row shim known_seconds) l=$(median $row shim later_seconds)
        first=$(calc "$s / $p") known=$(calc "$k / $p") later=$(calc "$l / $p")
        printf '%-9s %8s %8s %8s %7s %8s %7s %8s %7s  %s\n' $size "$p" \
            "$(median $row mptcp seconds)" "$s" "$first" "$k" "$known" "$l" "$later" \
            "first: $(verdict "$first" most 1.05), known: $(verdict "$known" most 1.05), later: \
$(verdict "$later" most 1.05); $(stolen $row)"
    done
    XDG_RUNTIME_DIR=/nonexistent
}
