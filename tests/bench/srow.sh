# plain TCP over link1, directly or through do-nothing relays (socat) on both hosts: dev only
BED_SKIP_STATUS=77
BED_MODE=plain
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
set -- "$1"
. "$BED_SOURCE/tests/bed/bed.sh"
. "$BED_SOURCE/tests/bed/awake.sh"
bed_keep_awake
FLOW=$BED_BUILD/tests/bench/flow
bed_open 2
bed_link 1 rate 200mbit delay 10ms queue 40ms
stalls=$BED_TMP/stalls; bed_witness $stalls
for k in 1 2 3; do for how in direct relayed; do
bed_spawn s "$FLOW" serve 0.0.0.0 5201 1 >/dev/null; server=$!
bed_wait 5 bed_listening s 5201
at="10.99.1.1 5201"
if [ $how = relayed ]; then
bed_spawn s socat -b 65536 TCP-LISTEN:5301,reuseaddr TCP:127.0.0.1:5201 & r1=$!
bed_spawn c socat -b 65536 TCP-LISTEN:5401,reuseaddr TCP:10.99.1.1:5301 & r2=$!
bed_wait 5 bed_listening s 5301; bed_wait 5 bed_listening c 5401; at="127.0.0.1 5401"
fi
bed_run c timeout 60 "$FLOW" get $at 8 2.4 1000000000000 0 $stalls >$BED_TMP/flow
echo $how $(jq -c '[.mbit_s,.gap_ms,.quiet_gap_ms,.quiet_s]' $BED_TMP/flow)
bed_wait 2 false; kill $server 2>/dev/null
done; done
