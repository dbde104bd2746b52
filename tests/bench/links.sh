# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The rows of table.sh on emulated links.

# name | bar | receive buffer set by the program | link; link...
link_table='equal      | 0.98 | 0      | rate 100mbit delay 10ms queue 40ms; rate 100mbit delay 10ms queue 40ms
unlike     | 0.97 | 0      | rate 100mbit delay 5ms queue 40ms; rate 20mbit delay 50ms queue 80ms
far        | 0.92 | 0      | rate 100mbit delay 10ms queue 40ms; rate 20mbit delay 100ms queue 150ms
very-far   | 0.85 | 0      | rate 100mbit delay 5ms queue 40ms; rate 100mbit delay 150ms queue 200ms
lossy      | 0.97 | 0      | rate 100mbit delay 10ms queue 40ms; rate 100mbit delay 10ms queue 40ms loss 1%
three      | 0.97 | 0      | rate 60mbit delay 10ms queue 40ms; rate 40mbit delay 20ms queue 60ms; rate 20mbit delay 40ms queue 80ms
deep-queue | 0.97 | 0      | rate 100mbit delay 10ms queue 40ms; rate 10mbit delay 10ms queue 2m
buffer     | 0.95 | 262144 | rate 8mbit delay 10ms queue 80ms; rate 2mbit delay 75ms queue 150ms'
endless=1000000000000

sample() # FILE: bytes out of each link every 0.2 s, until killed
{
    while bed_stats | jq -r --arg t "$(date +%s.%N)" \
        '[$t] + [.[].s2c.out_bytes | tostring] | join(" ")' >>"$1"; do
        sleep 0.2
    done
}

plot() # ROW LINKS: from $BED_TMP/paths-WAY
{
    command -v gnuplot >/dev/null || return 0
    {
        echo "set terminal pngcairo size 900,700; set output '$out/$1.png'"
        echo "set multiplot layout $(echo "$multi" | wc -w),1 title '$1: rate of each path'"
        echo "set ylabel 'Mbit/s'; set xlabel 's'; set yrange [0:*]; set key outside"
        for way in $multi; do
            awk -v n="$2" 'NR == 1 { t0 = $1 } NR > 1 && $1 > t { printf "%.2f", $1 - t0
                for (i = 2; i <= n + 1; i++) printf " %.3f", ($i - b[i]) * 8e-6 / ($1 - t)
                print "" } { t = $1; for (i = 2; i <= n + 1; i++) b[i] = $i }' \
                "$BED_TMP/paths-$way" >"$out/$1-$way.dat"
            printf "set title '%s'; plot " "$way"
            i=1
            while [ $i -le "$2" ]; do
                printf "'%s' using 1:%d with lines lw 2 title 'link%d'%s" "$out/$1-$way.dat" \
                    $((i + 1)) $i "$([ $i = "$2" ] || echo ', ')"
                i=$((i + 1))
            done
            echo
        done
    } | gnuplot 2>&1 | head -5 >&2
}

row_of_links() # NAME BAR BUFFER LINKS-BY-SEMICOLON
{
    n=$(echo "$4" | tr ';' '\n' | wc -l)
    open_links "$n"
    echo "$4" | tr ';' '\n' >"$BED_TMP/links"
    i=0
    while read -r settings; do
        i=$((i + 1))
        # shellcheck disable=SC2086
        bed_link $i $settings </dev/null || exit 1
    done <"$BED_TMP/links"
    omit=$(calc "$seconds * 0.3")
    r=0
    while [ $r -lt "$rounds" ]; do
        r=$((r + 1))
        progress "$1, round $r"
        i=0
        while [ $i -lt "$n" ]; do
            i=$((i + 1))
            get plain 10.99.$i.1 "$seconds" "$omit" $endless "$3"
            record "$1" "plain$i" $r "$BED_TMP/flow"
        done
        for way in $multi; do
            : >"$BED_TMP/paths-$way"
            sample "$BED_TMP/paths-$way" &
            sampler=$!
            get "$way" 10.99.1.1 "$seconds" "$omit" $endless "$3"
            kill $sampler
            wait $sampler 2>/dev/null
            record "$1" "$way" $r "$BED_TMP/flow"
        done
    done
    plot "$1" "$n"
    sum=0 best=0
    i=0
    while [ $i -lt "$n" ]; do
        i=$((i + 1))
        m=$(median "$1" "plain$i" mbit_s)
        sum=$(calc "$sum + $m")
        best=$(calc "[$best, $m] | max")
    done
    k=$(median "$1" mptcp mbit_s) s=$(median "$1" shim mbit_s)
    part=$(calc "$s / $sum")
    note=$(verdict "$part" least "$2")
    [ "$(jq -n "$s >= 0.98 * $best")" = true ] || note="$note, below the best path $red MISSED$plain_text"
    kg=$(median "$1" mptcp gap_ms) sg=$(median "$1" shim gap_ms)
    [ "$(jq -n "$kg == null or $sg <= $kg")" = true ] || note="$note, longer gap $red MISSED$plain_text"
    printf '%-11s %8s %8s %8s %8s %7s %7s %8s %8s  %s\n' "$1" "$sum" "$best" "$k" "$s" \
        "$(calc "$k / $sum")" "$part" "$kg" "$sg" "$note"
}

bench_links()
{
    [ -z "$only" ] || echo "$link_table" | cut -d' ' -f1 | grep -qxF "$(echo "$only" | tr ' ' '\n')" ||
        return 0
    heading 'Emulated links: Mbit/s, parts of the sum of plain TCP on each link alone, longest gap in ms'
    printf '%-11s %8s %8s %8s %8s %7s %7s %8s %8s  %s\n' row sum best mptcp shim mptcp/ shim/ \
        gap-mptcp gap-shim bar
    echo "$link_table" >"$BED_TMP/table"
    while IFS='|' read -r name bar buffer links <&4; do
        name=$(echo $name)
        wanted "$name" || continue
        row_of_links "$name" $bar $buffer "$links"
    done 4<"$BED_TMP/table"
}

# The flow that starts first keeps more for long (two BBR flows: up to 3 : 1), so both go first once.
# Shares are those of the second half of twice the usual time: finding each other takes some seconds.
shared_round() # WAY ROUND: beside a plain flow
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
        # A client that never got through leaves its server.
        wait $client
        [ "$(wc -l <"$BED_TMP/beside")" = "$(wc -l <"$BED_TMP/itself")" ] ||
            kill $other "$server" 2>/dev/null
        wait $other "$server"
    done
    jq -s '{mbit_s: (map(.mbit_s) | add), gap_ms: (map(.gap_ms) | max)}' "$BED_TMP/itself" \
        >"$BED_TMP/flow"
    record shared "$1" "$2" "$BED_TMP/flow" "$(jq -s '{beside_mbit_s: (map(.mbit_s) | add)}
        + {ratio: ('"$(jq -s 'map(.mbit_s) | add' "$BED_TMP/itself")"' / (map(.mbit_s) | add))}' \
        "$BED_TMP/beside")"
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
            shared_round "$way" $r
        done
        ratio=$(calc "$(median shared "$way" ratio)") note=
        [ "$way" != shim ] || note="$(verdict "$ratio" least 0.8), $(verdict "$ratio" most 1.2)"
        printf '%-8s %8.2f %8.2f %7s %8s  %s\n' "$way" "$(median shared "$way" mbit_s)" \
            "$(median shared "$way" beside_mbit_s)" "$ratio" "$(median shared "$way" gap_ms)" "$note"
    done
}

bench_downloads()
{
    wanted download || return 0
    open_links 2
    bed_link 1 rate 100mbit delay 10ms queue 40ms
    bed_link 2 rate 20mbit delay 50ms queue 80ms
    heading 'Download over 100/10 + 20/50: seconds from connect() to the last byte'
    printf '%-9s %8s %8s %8s %7s %8s %7s\n' bytes plain mptcp first ratio known ratio
    for size in 262144 1048576 10485760; do
        progress "download, $size bytes"
        r=0
        while [ $r -lt $((rounds * 3)) ]; do # these are short: three for each round
            r=$((r + 1))
            for way in plain $multi; do
                get "$way" 10.99.1.1 60 0 $size 0
                record "download-$size" "$way" $r "$BED_TMP/flow"
            done
            get_again 10.99.1.1 $size
            record "download-$size" known $r "$BED_TMP/flow"
        done
        p=$(median download-$size plain seconds) s=$(median download-$size shim seconds)
        k=$(median download-$size known seconds)
        first=$(calc "$s / $p") known=$(calc "$k / $p")
        printf '%-9s %8s %8s %8s %7s %8s %7s  %s\n' $size "$p" \
            "$(median download-$size mptcp seconds)" "$s" "$first" "$k" "$known" \
            "$(verdict "$first" most 1.05), known: $(verdict "$known" most 1.05)"
    done
}

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
            get "$way" 10.99.1.1 "$seconds" "$omit" $endless 0
            record stripped "$way" $r "$BED_TMP/flow"
        done
        printf '%-8s %8s\n' "$way" "$(median stripped "$way" mbit_s)"
    done
}
