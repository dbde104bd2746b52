# shim only, one row
BED_SKIP_STATUS=77
BED_MODE=shim
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
set -- "$1"
. "$BED_SOURCE/tests/bed/bed.sh"
. "$BED_SOURCE/tests/bed/awake.sh"
bed_keep_awake
FLOW=$BED_BUILD/tests/bench/flow
buffer=0 secs=8
line=$(grep "^$1 " $BED_SOURCE/tests/bench/rows/links.sh)
buffer=$(echo "$line" | cut -d'|' -f3 | tr -d ' '); links=$(echo "$line" | cut -d'|' -f4 | tr -d "'")
n=$(echo "$links" | tr ';' '\n' | wc -l)
echo "$links" | tr ';' '\n' > $BED_TMP/l
bed_open $n
i=0
while read -r l; do i=$((i+1)); bed_link $i $l </dev/null; done < $BED_TMP/l
a=$(awk '/^cpu /{print $9,$2+$3+$4+$5+$6+$7+$8+$9}' /proc/stat)
bed_spawn s "$FLOW" serve 0.0.0.0 5201 1 >/dev/null
server=$!
bed_wait 5 bed_listening s 5201
bed_spawn c timeout 60 "$FLOW" get 10.99.1.1 5201 $secs 2.4 1000000000000 $buffer >$BED_TMP/flow
client=$!
wait $client
b=$(awk '/^cpu /{print $9,$2+$3+$4+$5+$6+$7+$8+$9}' /proc/stat)
echo $(jq -c '[.mbit_s,.gap_ms]' $BED_TMP/flow) steal $(echo $a $b | awk '{printf "%.0f", ($3-$1)*100/($4-$2)}')
