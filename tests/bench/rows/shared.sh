# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: a bottleneck shared with somebody else.

# The flow that starts first keeps more for long (two BBR flows: up to 3 : 1), so both go first once.
# Shares are those of the second half of twice the usual time: finding each other takes some seconds.
shared_round() # WAY: beside a plain flow
{
    : >"$BED_TMP/itself"
    : >"$BED_TMP/beside"
    for first in beside itself; do
        BED_MODE=plain
        bed_wait 5 bed_quiet s 5202
        bed_spawn s "$FLOW" serve 0.0.0.0 5202 1 >/dev/null
        other=$!
        bed_wait 5 bed_listening s 5202
        [ $first = beside ] || BED_MODE=$1 serve s 5201 1
        {
            [ $first = beside ] || sleep 0.2
            BED_MODE=plain bed_run c timeout 60 "$FLOW" get 10.99.1.1 5202 $((2 * seconds)) "$seconds" \
                $endless 0
        } >>"$BED_TMP/beside" &
        client=$!
        [ $first = itself ] || BED_MODE=$1 serve s 5201 1
        BED_MODE=$1 bed_run c timeout 60 "$FLOW" get 10.99.1.1 5201 $((2 * seconds)) "$seconds" \
            $endless 0 >>"$BED_TMP/itself"
        wait $client
        ended
        server=$other
        ended
    done
    jq -s -c --slurpfile beside "$BED_TMP/beside" '{
        mbit_s: (map(.mbit_s) | add), gap_ms: (map(.gap_ms) | max),
        beside_mbit_s: ($beside | map(.mbit_s) | add)} | .ratio = .mbit_s / .beside_mbit_s' \
        "$BED_TMP/itself" >"$BED_TMP/flow"
}

bench_shared()
{
    wanted shared || return 0
    open_links 1
    bed_link 1 rate 20mbit delay 20ms queue 50ms
    ip -n "$BED_ID-c" addr add 10.98.1.2/24 dev link1
    ip -n "$BED_ID-s" addr add 10.98.1.1/24 dev link1
    [ $open_mode != mptcp ] || ip -n "$BED_ID-s" mptcp endpoint add 10.98.1.1 dev link1 signal
    heading 'Two subflows and one plain TCP flow share 20 Mbit/s: sum of two runs, each first once'
    printf '%-8s %8s %8s %7s %8s\n' way itself beside ratio gap
    for way in plain $multi; do
        r=0
        while [ $r -lt "$rounds" ]; do
            r=$((r + 1))
            progress "shared, $way, round $r"
            measure shared "$way" $r shared_round "$way"
        done
        ratio=$(calc "$(median shared "$way" ratio)") note=
        [ "$way" != shim ] || note="$(verdict "$ratio" least 0.8), $(verdict "$ratio" most 1.2); $(stolen shared)"
        printf '%-8s %8.2f %8.2f %7s %8s  %s\n' "$way" "$(median shared "$way" mbit_s)" \
            "$(median shared "$way" beside_mbit_s)" "$ratio" "$(median shared "$way" gap_ms)" "$note"
    done
}
