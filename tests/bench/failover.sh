#!/bin/sh
# SPDX-License-Identifier: MIT
# Paths that go and come: what the receiver notices, with the shim and with kernel MPTCP in turn.

usage()
{
    cat <<'HELP'
usage: failover.sh [--rounds N] [--only ROW[,ROW...]] [--ways WAY[,WAY...]] [--out FILE]
Two links of 100 Mbit/s. One JSON line per measurement into FILE (default build/bench/failover.jsonl),
then a table of the medians; what misses its bar is marked. Ways: shim mptcp, for phone also plain1
plain2 (plain TCP on one link). Rows:
  cut20 cut100  a link goes silent at a round-trip time of 20 or 100 ms: longest gap in ms
  down          an interface of the client goes down: longest gap in ms
  back          a link is silent for 3 s: ms from its return to the full rate
  updown        the same with the client's interface
  add           an interface that appears in mid-transfer: ms until it has carried 100 kB
  handover      link 1 dies, returns after 2 s as link 2 dies, then both are dead for 5 s: seconds
  flaps         20 outages of 150 ms in a row: seconds
  phone         rates and outages that change each second, one minute: part of what links could carry
HELP
}

rounds=3 only='' ways='' out=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift ;;
    --only) only=$(echo "$2" | tr , ' '); shift ;;
    --ways) ways=$(echo "$2" | tr , ' '); shift ;;
    --out) out=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
# Arguments are read before: bed.sh may run this script again in a user namespace.
set -- --rounds "$rounds" ${only:+--only "$(echo "$only" | tr ' ' ,)"} \
    ${ways:+--ways "$(echo "$ways" | tr ' ' ,)"} ${out:+--out "$out"}
# shellcheck source=prologue.sh
. "$(dirname "$0")/prologue.sh"
bench_awake
# shellcheck source=../bed/phone.sh
. "$BED_SOURCE/tests/bed/phone.sh"
bench_needs jq
bench_wants_mptcp
bench_out failover.jsonl
export LC_ALL=C

wanted() # ROW
{
    [ -z "$only" ] || case " $only " in *" $1 "*) ;; *) return 1 ;; esac
}

ways_of() # WAY...: those that are wanted and there are
{
    for w in "$@"; do
        [ "$w" != mptcp ] || [ $have_mptcp = yes ] || continue
        [ -z "$ways" ] || case " $ways " in *" $w "*) ;; *) continue ;; esac
        echo "$w"
    done
}

fresh() # SETTING...: two links as new
{
    bed_close
    rm -f "$BED_TMP/linkemu.log"
    BED_MODE=plain
    [ $have_mptcp = no ] || BED_MODE=mptcp # its endpoints do no harm to the others
    bed_open 2 "$@"
}

# ---- one transfer, its timeline in $BED_TMP/timeline and its result in $BED_TMP/result ----

transfer() # WAY down|up BYTES [ADDRESS]: in the background
{
    case $1 in plain*) BED_MODE=plain ;; *) BED_MODE=$1 ;; esac
    if [ "$2" = down ]; then t_server=give t_client=take; else t_server=recv t_client=send; fi
    : >"$BED_TMP/timeline"
    bed_wait 10 bed_quiet s 7000
    PUMP_TIMELINE=$BED_TMP/timeline
    export PUMP_TIMELINE
    [ $t_server = recv ] || unset PUMP_TIMELINE
    bed_spawn s timeout 200 "$PUMP" $t_server 0.0.0.0 7000 "$3" >"$BED_TMP/result.s"
    server=$!
    unset PUMP_TIMELINE
    bed_wait 10 bed_listening s 7000
    PUMP_TIMELINE=$BED_TMP/timeline
    [ $t_client = send ] || export PUMP_TIMELINE
    bed_spawn c timeout 200 "$PUMP" $t_client "${4:-10.99.1.1}" 7000 "$3" >"$BED_TMP/result.c"
    client=$!
    unset PUMP_TIMELINE
    started=$(now)
}

transfer_end()
{
    wait "$client"
    t_status=$?
    wait "$server" || t_status=1
    cat "$BED_TMP/result.s" "$BED_TMP/result.c" >"$BED_TMP/result"
    [ -s "$BED_TMP/result" ] || echo '{"ok":false}' >"$BED_TMP/result"
    [ $t_status = 0 ] || echo '{"ok":false}' >"$BED_TMP/result"
}

record() # ROW CASE WAY ROUND VALUE
{
    jq -c --arg row "$1" --arg case "$2" --arg way "$3" --argjson round "$4" --argjson value "$5" \
        '{row: $row, case: $case, way: $way, round: $round, value: $value} + .' "$BED_TMP/result" |
        tee -a "$out"
}

# Milliseconds: the longest time without a byte that touches the half second after FROM. What
# follows is the ordinary life of the other path; max_gap_ms is of the whole transfer.
longest_gap() # FROM
{
    awk -v from="$1" 'last && $1 > from && last < from + 0.5 && $1 - last > gap { gap = $1 - last }
        { last = $1 } END { printf "%.0f", gap * 1000 }' "$BED_TMP/timeline"
}

# Milliseconds from RETURN to the half second from which on the rate is 0.9 of that before CUT.
to_full_rate() # CUT RETURN
{
    awk -v cut="$1" -v back="$2" '
        { t[++n] = $1; b[n] = $2 }
        function at(x,   lo, hi, mid) { # bytes so far at time x
            lo = 1; hi = n
            while (lo < hi) { mid = int((lo + hi + 1) / 2); if (t[mid] <= x) lo = mid; else hi = mid - 1 }
            return b[lo]
        }
        END {
            full = at(cut) - at(cut - 1)
            for (x = back; x + 0.5 < t[n]; x += 0.02)
                if (at(x + 0.5) - at(x) >= 0.45 * full) { printf "%.0f", (x - back) * 1000; exit }
            print "null"
        }' "$BED_TMP/timeline"
}

link_total() # NUMBER: bytes, both directions
{
    bed_stats | jq ".[$1 - 1] | .c2s.out_bytes + .s2c.out_bytes"
}

# ---- rows ----

one_gap() # ROW CASE WAY ROUND DIRECTION COMMAND...
{
    g_row=$1 g_case=$2 g_way=$3 g_round=$4 g_dir=$5
    shift 5
    transfer "$g_way" "$g_dir" 60000000
    sleep 1.5
    g_at=$(now)
    "$@"
    transfer_end
    record "$g_row" "$g_case" "$g_way" "$g_round" "$(longest_gap "$g_at")"
}

client_interface() # NUMBER up|down
{
    ip -n "$BED_ID-c" link set "link$1" "$2"
}

row_gaps() # ROW DELAY
{
    fresh rate 100mbit delay "$2" queue 40ms
    for way in $(ways_of shim mptcp); do
        for direction in down up; do
            for link in 1 2; do
                if [ "$1" = down ]; then
                    one_gap "$1" "$direction, link $link" "$way" "$3" $direction client_interface $link down
                    client_interface $link up
                    # The kernel forgets the IPv6 address and its subflow limit does not matter.
                else
                    one_gap "$1" "$direction, link $link" "$way" "$3" $direction bed_link $link cut
                    bed_link $link up
                fi
            done
        done
    done
}

away() # ROW LINK
{
    if [ "$1" = back ]; then bed_link "$2" cut; else client_interface "$2" down; fi
}

here() # ROW LINK
{
    if [ "$1" = back ]; then bed_link "$2" up; else client_interface "$2" up; fi
}

row_returns() # ROW ROUND
{
    fresh rate 100mbit delay 10ms queue 40ms
    for way in $(ways_of shim mptcp); do
        for direction in down up; do
            for link in 1 2; do
                transfer "$way" $direction 170000000
                sleep 2
                cut=$(now)
                away "$1" $link
                sleep 3
                back=$(now)
                here "$1" $link
                transfer_end
                record "$1" "$direction, link $link" "$way" "$2" "$(to_full_rate "$cut" "$back")"
            done
        done
    done
}

row_add() # ROUND
{
    fresh rate 100mbit delay 10ms queue 40ms
    for way in $(ways_of shim mptcp); do
        for direction in down up; do
            client_interface 2 down
            sleep 0.3
            transfer "$way" $direction 60000000
            sleep 1.5
            before=$(link_total 2)
            from=$(now)
            client_interface 2 up
            value=null
            while kill -0 "$client" 2>/dev/null; do
                if [ $(($(link_total 2) - before)) -ge 100000 ]; then
                    value=$(calc "($(now) - $from) * 1000")
                    break
                fi
            done
            transfer_end
            record add $direction "$way" "$1" $value
        done
    done
}

row_handover() # ROUND
{
    fresh rate 100mbit delay 10ms queue 40ms
    for way in $(ways_of shim mptcp); do
        for direction in down up; do
            transfer "$way" $direction 100000000
            sleep 1
            bed_link 1 cut
            sleep 2
            bed_link 1 up
            bed_link 2 cut
            sleep 2
            bed_link 1 cut
            sleep 5
            bed_link 1 up
            bed_link 2 up
            transfer_end
            record handover $direction "$way" "$1" "$(jq -c '.seconds // null' "$BED_TMP/result")"
        done
    done
}

row_flaps() # ROUND
{
    fresh rate 100mbit delay 10ms queue 40ms
    for way in $(ways_of shim mptcp); do
        for direction in down up; do
            transfer "$way" $direction 150000000
            sleep 0.5
            flap=0
            while [ $flap -lt 20 ]; do
                flap=$((flap + 1))
                bed_link 2 cut
                sleep 0.15
                bed_link 2 up
                sleep 0.15
            done
            transfer_end
            record flaps $direction "$way" "$1" "$(jq -c '.seconds // null' "$BED_TMP/result")"
        done
    done
}

row_phone() # ROUND
{
    phone_trace "$1" 60 >"$BED_TMP/phone"
    for way in $(ways_of shim mptcp plain1 plain2); do
        fresh rate 30mbit delay 25ms queue 250k
        one=1 two=1 address=10.99.1.1 bytes=$(awk '{ s += $1 + $2 } END { print s * 125000 }' "$BED_TMP/phone")
        case $way in
        plain1) two=0 bytes=$((bytes * 4 / 10)) ;;
        plain2) one=0 address=10.99.2.1 bytes=$((bytes * 4 / 10)) ;;
        esac
        transfer "$way" down $((bytes * 8 / 10)) $address
        phone_drive "$client"
        bed_link 1 up
        bed_link 2 up
        transfer_end
        record phone "" "$way" "$1" "$(phone_part $one $two "$(tail -1 "$BED_TMP/timeline")")"
    done
}

# name | unit | least or most | bar
bars='cut20    | ms   | most  | 200
cut100   | ms   | most  | 400
down     | ms   | most  | 100
back     | ms   | most  | 2000
updown   | ms   | most  | 2000
add      | ms   | most  | 1000
handover | s    | most  | 60
flaps    | s    | most  | 60
phone    | part | least | 0.85'

table()
{
    printf '\n%-9s %-14s %-5s %9s %9s  %s\n' row case unit shim mptcp 'bar (medians; worst of the shim)'
    echo "$bars" | while IFS='|' read -r name unit how bar; do
        name=$(echo $name)
        wanted "$name" || continue
        jq -s -r --arg row "$name" --arg unit "$unit" --arg how "$how" --argjson bar "$bar" '
            def median: sort | .[length / 2 | floor];
            def show: if . == null then "-" else tostring end;
            map(select(.row == $row)) | group_by(.case)[]
            | map(select(.way == "shim")) as $s
            | ($how | contains("most")) as $most
            | ($s | map(.value // if $most then 1e9 else 0 end)) as $values
            | ($values | if length > 0 then median else null end) as $m
            | (map(select(.way == "mptcp")) | map(.value) | if length > 0 then median else null end) as $k
            | (if $m == null then "" elif ($s | all(.ok) | not) then "FAILED"
               elif (if $most then $m <= $bar else $m >= $bar end) then "met" else "MISSED" end) as $v
            | [$row, .[0].case, $unit, ($m | show), ($k | show),
               (if $most then "at most " else "at least " end) + ($bar | tostring) + ": " + $v
               + " (" + ($values | if length == 0 then null elif $most then max else min end | show) + ")"]
            | @tsv' "$out"
    done | awk -F '\t' '{ printf "%-9s %-14s %-5s %9s %9s  %s\n", $1, $2, $3, $4, $5, $6 }'
    if wanted phone; then
        jq -s -r 'map(select(.row == "phone" and (.way | startswith("plain")))) | group_by(.way)[]
            | "plain TCP on one link, phone: \(map(.value) | add / length * 1000 | round / 1000)"' "$out"
    fi
}

for row in cut20 cut100 down back updown add handover flaps phone; do
    wanted $row || continue
    round=0
    while [ $round -lt "$rounds" ]; do
        round=$((round + 1))
        case $row in
        cut20 | down) row_gaps $row 10ms $round ;;
        cut100) row_gaps $row 50ms $round ;;
        back | updown) row_returns $row $round ;;
        *) row_$row $round ;;
        esac
    done
done
table
jq -s -e 'all(.[] | select(.way == "shim"); .ok)' "$out" >/dev/null
