# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: a firewall that removes MPTCP's TCP options.

bench_stripped()
{
    wanted stripped || return 0
    command -v nft >/dev/null || { echo "stripped: nft is not installed" >&2; return 0; }
    open_links 2
    for i in 1 2; do bed_link $i rate 20mbit delay 10ms queue 40ms; done
    bed_strip_mptcp || return 0
    heading "A box removes MPTCP's TCP options: Mbit/s over 20/10 + 20/10"
    omit=$(calc "$seconds * 0.3")
    for way in plain $multi; do
        r=0
        while [ $r -lt "$rounds" ]; do
            r=$((r + 1))
            progress "stripped, $way, round $r"
            measure stripped "$way" $r get "$way" 10.99.1.1 "$seconds" "$omit" $endless 0
        done
    done
    p=$(median stripped plain mbit_s) s=$(median stripped shim mbit_s)
    ratio=$(calc "$s / $p")
    printf 'plain %s, mptcp %s, shim %s; shim/plain %s, %s; %s\n' "$p" \
        "$(median stripped mptcp mbit_s)" "$s" "$ratio" "$(verdict "$ratio" least 1.8)" "$(stolen stripped)"
}
