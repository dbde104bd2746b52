# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the rows of table.sh share: measurements with what disturbed them, medians, verdicts.

wanted() # NAME
{
    [ -z "$only" ] || case " $only " in *" $1 "*) ;; *) return 1 ;; esac
}

progress()
{
    printf '%s %s\n' "$(date +%T)" "$*" >&2
}

open_links() # COUNT: in place of the links that are there
{
    bed_close
    rm -f "$BED_TMP/linkemu.log"
    BED_MODE=$open_mode
    bed_open "$1"
    for host in c s; do
        [ -z "$congestion" ] || bed_in $host sh -c \
            "echo $congestion >/proc/sys/net/ipv4/tcp_congestion_control" || exit 1
    done
}

processor_time() # "STOLEN ALL", in ticks
{
    awk '/^cpu / { for (i = 2; i <= 9; i++) all += $i; print $9, all; exit }' /proc/stat
}

# A COMMAND leaves one JSON object in $BED_TMP/flow, which becomes a line of runs.jsonl with the part
# of the processors' time that the host took away meanwhile.
measure() # ROW WAY ROUND COMMAND...
{
    me_row=$1 me_way=$2 me_round=$3 me_tries=0
    shift 3
    while :; do
        me_tries=$((me_tries + 1)) me_start=$(date +%s) me_cpu=$(processor_time)
        : >"$BED_TMP/flow"
        "$@"
        me_steal=$(echo "$me_cpu $(processor_time)" |
            awk '{ printf "%.3f", ($3 - $1) / ($4 - $2 + 1) }')
        me_took=$(($(date +%s) - me_start))
        [ -s "$BED_TMP/flow" ] || echo '{"ok":false}' >"$BED_TMP/flow"
        jq -c --arg row "$me_row" --arg way "$me_way" --argjson round "$me_round" \
            --argjson steal "$me_steal" \
            '{row: $row, way: $way, round: $round, steal: $steal} + .' "$BED_TMP/flow" >>"$out/runs.jsonl"
        [ "$(jq -n "$me_steal > 0.05")" = true ] && [ $me_tries -lt 3 ] && [ $me_took -le $spare ] ||
            return 0
        spare=$((spare - me_took))
        progress "$me_row, $me_way: the host took $me_steal of the processors: again"
    done
}

quiet='def quiet: map(select(.steal <= 0.05)) as $q | if $q == [] then . else $q end;'

# Of the rounds that know the field; those that failed count with 0. null if there was none.
median() # ROW WAY FIELD
{
    jq -s --arg row "$1" --arg way "$2" "$quiet"'
        [.[] | select(.row == $row and .way == $way)] | quiet
        | map(if has("'"$3"'") then .'"$3"' else 0 end) | map(values) | sort
        | if length == 0 then null else .[length / 2 | floor] end' "$out/runs.jsonl"
}

stolen() # ROW...: what the host took at most from the measurements that count
{
    jq -s -r "$quiet"'
        $ARGS.positional as $rows | map(select(.row as $r | any($rows[]; . == $r)))
        | group_by([.row, .way]) | map(quiet | map(.steal)) | add | max // 0
        | "steal \(. * 1000 | round / 10) %" + (if . > 0.05 then ", disturbed" else "" end)' \
        "$out/runs.jsonl" --args "$@"
}

calc() # JQ-EXPRESSION: rounded to 3 places, "-" if something in it is missing
{
    jq -n -r "($1) * 1000 | round / 1000" 2>/dev/null || echo -
}

verdict() # VALUE least|most BAR: mark what misses its bar
{
    jq -n -r --arg v "$1" --arg how "$2" --argjson bar "$3" --arg red "$red" --arg off "$plain_text" '
        (try ($v | tonumber) catch null) as $n
        | (if $how == "least" then "at least " else "at most " end) + ($bar | tostring)
        + (if $n != null and (if $how == "least" then $n >= $bar else $n <= $bar end) then ""
           else $red + " MISSED" + $off end)' | tee -a "$BED_TMP/verdicts"
}

heading()
{
    printf '\n%s%s%s\n' "$bold" "$1" "$plain_text"
}

serve() # HOST PORT COUNT: in the way of BED_MODE, its pid in $server
{
    bed_wait 5 bed_quiet "$1" "$2"
    bed_spawn "$1" "$FLOW" serve 0.0.0.0 "$2" "$3" >"$BED_TMP/served"
    server=$!
    bed_wait 5 bed_listening "$1" "$2"
}

gone() # PID: a child that has ended
{
    case $(cut -d')' -f2 "/proc/$1/stat" 2>/dev/null) in ' Z'* | '') ;; *) return 1 ;; esac
}

# The server of a client that never got through does not end by itself; with kernel MPTCP one whose
# client has closed may take a minute to see it.
ended()
{
    bed_wait 2 gone "$server" || kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
}

stalls='' # the file that tells when processors stood still, while that is watched
watch_machine()
{
    stalls=$BED_TMP/stalls
    bed_witness "$stalls" && return
    stalls=''
    progress 'no right to see when processors stand still (real-time priority): all gaps count'
}

watch_no_more()
{
    [ -z "$stalls" ] || kill "$witness"
    stalls=''
}

endless=1000000000000

# A download from s to c, result in $BED_TMP/flow; PORT if something stands before the server's.
get() # WAY ADDRESS SECONDS OMIT BYTES BUFFER [PORT]
{
    BED_MODE=$1
    serve s 5201 1
    bed_run c timeout 60 "$FLOW" get "$2" "${7:-5201}" "$3" "$4" "$5" "$6" ${stalls:+"$stalls"} \
        >"$BED_TMP/flow"
    ended
}
