# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: the first seconds. Downloads that count from connect() to the last byte, of so many
# seconds and of so many MiB, over links with queues of 256 KiB, as routers have them. What the links
# could carry is their rate less the headers of segments of 1448 bytes in packets of 1500.

# name | links: Mbit/s/ms
first_table='60/10+40/20+20/40 | 60/10 40/20 20/40
100/5+20/50       | 100/5 20/50
100/10+100/10     | 100/10 100/10'
first_seconds='2 5 10' first_mib='1 10 100'

first_links() # RATE/DELAY...: sets $first_rate, Mbit/s of all
{
    open_links $#
    first_i=0 first_rate=0
    for first_link in "$@"; do
        first_i=$((first_i + 1))
        bed_link $first_i rate "${first_link%/*}mbit" delay "${first_link#*/}ms" queue 256k
        first_rate=$((first_rate + ${first_link%/*}))
    done
}

first_length() # NAME LENGTH SECONDS BYTES
{
    row="first, $1, $2"
    r=0
    while [ $r -lt "$rounds" ]; do
        r=$((r + 1))
        progress "$row, round $r"
        for way in $multi; do measure "$row" "$way" $r get "$way" 10.99.1.1 "$3" 0 "$4" 0; done
    done
    for way in mptcp shim; do
        part=$(calc "$(median "$row" $way bytes) * 8e-6 / $(median "$row" $way seconds) \
            / ($first_rate * 1448 / 1500)")
        if [ $way = mptcp ]; then first_kernel=$part; else first_shim=$part; fi
    done
    bar=$first_kernel
    [ "$bar" != - ] || bar=0
    printf '%-18s %8s %8s %8s  %s; %s\n' "$1" "$2" "$first_kernel" "$first_shim" \
        "$(verdict "$first_shim" least "$bar")" "$(stolen "$row")"
}

bench_first()
{
    wanted first || return 0
    heading 'The first seconds, from connect() on: part of what the links can carry'
    printf '%-18s %8s %8s %8s  %s\n' links length mptcp shim bar
    echo "$first_table" >"$BED_TMP/first"
    while IFS='|' read -r name links <&6; do
        # shellcheck disable=SC2086
        first_links $links
        name=$(echo $name)
        for first_s in $first_seconds; do
            first_length "$name" "$first_s s" "$first_s" $endless
        done
        for first_m in $first_mib; do
            first_length "$name" "$first_m MiB" 60 $((first_m * 1048576))
        done
    done 6<"$BED_TMP/first"
}
