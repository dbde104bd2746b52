# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Rows of table.sh on emulated links.

# name | bar | receive buffer set by the program | link; link...
link_table='equal      | 0.98 | 0      | rate 100mbit delay 10ms queue 40ms; rate 100mbit delay 10ms queue 40ms
unlike     | 0.97 | 0      | rate 100mbit delay 5ms queue 40ms; rate 20mbit delay 50ms queue 80ms
far        | 0.92 | 0      | rate 100mbit delay 10ms queue 40ms; rate 20mbit delay 100ms queue 150ms
very-far   | 0.85 | 0      | rate 100mbit delay 5ms queue 40ms; rate 100mbit delay 150ms queue 200ms
lossy      | 0.97 | 0      | rate 100mbit delay 10ms queue 40ms; rate 100mbit delay 10ms queue 40ms loss 1%
three      | 0.97 | 0      | rate 60mbit delay 10ms queue 40ms; rate 40mbit delay 20ms queue 60ms; rate 20mbit delay 40ms queue 80ms
deep-queue | 0.97 | 0      | rate 100mbit delay 10ms queue 40ms; rate 10mbit delay 10ms queue 2m
buffer     | 0.95 | 262144 | rate 8mbit delay 10ms queue 80ms; rate 2mbit delay 75ms queue 150ms'

get_sampled() # WAY BUFFER: with the counts of each link every 0.2 s in $BED_TMP/paths-WAY
{
    "$LINKCTL" "$BED_TMP/ctl" --every 0.2 stats >"$BED_TMP/paths-$1" &
    sampler=$!
    get "$1" 10.99.1.1 "$seconds" "$omit" $endless "$2"
    kill $sampler
    wait $sampler 2>/dev/null
}

bytes_of_paths() # FILE: "TIME BYTES..." line by line; the last one may be cut short
{
    sed -n 's/^\([0-9.]*\) \(\[.*\]\)$/[\1,\2]/p' "$1" |
        jq -r '[.[0], .[1][].s2c.out_bytes] | join(" ")'
}

plot() # ROW LINKS: from $BED_TMP/paths-WAY
{
    command -v gnuplot >/dev/null || return 0
    {
        echo "set terminal pngcairo size 900,700; set output '$out/$1.png'"
        echo "set multiplot layout $(echo "$multi" | wc -w),1 title '$1: rate of each path'"
        echo "set ylabel 'Mbit/s'; set xlabel 's'; set yrange [0:*]; set key outside"
        for way in $multi; do
            bytes_of_paths "$BED_TMP/paths-$way" | awk -v n="$2" '
                NR == 1 { t0 = $1 } NR > 1 && $1 > t { printf "%.2f", $1 - t0
                for (i = 2; i <= n + 1; i++) printf " %.3f", ($i - b[i]) * 8e-6 / ($1 - t)
                print "" } { t = $1; for (i = 2; i <= n + 1; i++) b[i] = $i }' >"$out/$1-$way.dat"
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
            measure "$1" "plain$i" $r get plain 10.99.$i.1 "$seconds" "$omit" $endless "$3"
        done
        for way in $multi; do
            measure "$1" "$way" $r get_sampled "$way" "$3"
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
    of_best=$(calc "$s / $best")
    kg=$(median "$1" mptcp quiet_gap_ms) sg=$(median "$1" shim quiet_gap_ms)
    note="part: $(verdict "$part" least "$2"), of best: $(verdict "$of_best" least 0.98)"
    case $k,$kg in
    null,*) ;; # no kernel MPTCP here
    *,null) note="$note, gap: no quiet time" ;;
    *) note="$note, gap: $(verdict "$sg" most "$kg")" ;;
    esac
    note="$note; stalls included: $(median "$1" mptcp gap_ms), $(median "$1" shim gap_ms)"
    printf '%-11s %8s %8s %8s %8s %7s %7s %7s %8s %8s  %s; %s\n' "$1" "$sum" "$best" "$k" "$s" \
        "$(calc "$k / $sum")" "$part" "$of_best" "$kg" "$sg" "$note" "$(stolen "$1")"
}

bench_links()
{
    [ -z "$only" ] || echo "$link_table" | cut -d' ' -f1 | grep -qxF "$(echo "$only" | tr ' ' '\n')" ||
        return 0
    heading 'Emulated links: Mbit/s, parts of the sum of plain TCP on each link alone'
    echo 'gap: the longest time without a byte, ms, when no processor had stood still for half a second'
    watch_machine
    printf '%-11s %8s %8s %8s %8s %7s %7s %7s %8s %8s  %s\n' row sum best mptcp shim mptcp/ shim/ \
        of-best gap-mptcp gap-shim bar
    echo "$link_table" >"$BED_TMP/table"
    while IFS='|' read -r name bar buffer links <&4; do
        name=$(echo $name)
        wanted "$name" || continue
        row_of_links "$name" $bar $buffer "$links"
    done 4<"$BED_TMP/table"
    watch_no_more
}
