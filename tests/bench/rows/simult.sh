# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: the cases of the kernel's selftest simult_flows.sh, with its sizes and its bounds:
# 16 MiB one way and 80 KiB the other, both ways round, over two links with queues of 50 packets, in
# the time that the links' rates allow with a tenth for headers and 450 ms for the beginning and the
# end. Links without delay are veths with tbf at both ends, others are emulated.

# name | rates in Mbit/s | delays in ms
simult_table='equal           | 10 10 | 0 0
equal, delayed  | 10 10 | 1 25
unequal         | 10 3  | 0 0
unequal, slow   | 10 3  | 1 25
unequal, fast   | 10 3  | 25 1'
simult_large=16777216 simult_small=81920

wire() # NUMBER RATE: in place of the emulated link
{
    ip -n "$BED_ID-c" addr flush dev "link$1"
    ip -n "$BED_ID-s" addr flush dev "link$1"
    ip -n "$BED_ID-c" link add "wire$1" type veth peer name "wire$1" netns "$BED_ID-s"
    ip -n "$BED_ID-c" addr add "10.99.$1.2/24" dev "wire$1"
    ip -n "$BED_ID-s" addr add "10.99.$1.1/24" dev "wire$1"
    for host in c s; do
        ip -n "$BED_ID-$host" link set "wire$1" up
        bed_in $host tc qdisc add dev "wire$1" root tbf rate "${2}mbit" burst 3k limit 75000 || return 1
    done
    [ $open_mode != mptcp ] || [ "$1" = 1 ] || {
        ip -n "$BED_ID-s" mptcp endpoint flush
        ip -n "$BED_ID-s" mptcp endpoint add "10.99.$1.1" dev "wire$1" signal
    }
}

trade() # WAY OUT IN: seen from the client; the time of the end that took longer
{
    BED_MODE=$1
    bed_wait 5 bed_quiet s 5201
    bed_spawn s timeout 40 "$FLOW" trader 0.0.0.0 5201 "$3" "$2" >"$BED_TMP/served"
    server=$!
    bed_wait 5 bed_listening s 5201
    bed_run c timeout 40 "$FLOW" trade 10.99.1.1 5201 "$2" "$3" >"$BED_TMP/flow"
    bed_wait 20 gone "$server" # the client goes when it has handed over its last byte
    ended
    jq -s -c '{seconds: (map(.seconds) | max), ok: (length == 2 and all(.ok))}' "$BED_TMP/flow" \
        "$BED_TMP/served" >"$BED_TMP/both" && mv "$BED_TMP/both" "$BED_TMP/flow"
}

simult_case() # NAME RATE1 RATE2 DELAY1 DELAY2
{
    open_links 2
    if [ "$4$5" = 00 ]; then
        { wire 1 "$2" && wire 2 "$3"; } || { echo "simult: tbf cannot be used" >&2; return; }
    else
        bed_link 1 rate "$2mbit" delay "$4ms" queue 75k
        bed_link 2 rate "$3mbit" delay "$5ms" queue 75k
    fi
    bound=$(calc "$simult_large * 8 * 10 / (($2 + $3) * 9e6) + 0.45")
    for dir in up down; do
        case $dir in
        up) sizes="$simult_large $simult_small" ;;
        down) sizes="$simult_small $simult_large" ;;
        esac
        row="simult, $1, $dir"
        r=0
        while [ $r -lt "$rounds" ]; do
            r=$((r + 1))
            progress "$row, round $r"
            # shellcheck disable=SC2086
            for way in $multi; do measure "$row" "$way" $r trade "$way" $sizes; done
        done
        s=$(median "$row" shim seconds)
        printf '%-16s %-5s %8s %8s  %s; %s\n' "$1" $dir "$(median "$row" mptcp seconds)" "$s" \
            "$(verdict "$s" most "$bound")" "$(stolen "$row")"
    done
}

bench_simult()
{
    wanted simult || return 0
    heading "The kernel's simult_flows.sh: seconds, at most what it allows"
    printf '%-16s %-5s %8s %8s  %s\n' case way mptcp shim bar
    echo "$simult_table" >"$BED_TMP/simult"
    while IFS='|' read -r name rates delays <&6; do
        # shellcheck disable=SC2086
        simult_case "$(echo $name)" $rates $delays
    done 6<"$BED_TMP/simult"
}
