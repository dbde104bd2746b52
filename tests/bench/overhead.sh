#!/bin/sh
# SPDX-License-Identifier: MIT
# What the preload costs where it does nothing: connections to and from peers without the shim, and
# calls on descriptors that are not ours; with and without it in turn, on loopback.
#   overhead.sh [ROUNDS]
# One JSON line per call: nanoseconds, the best of all batches since anything else the machine does
# only adds to them, and whether the bar is met: 1.05 times for connections, 50 ns more for other
# calls, 250 ns for SO_KEEPALIVE and the like, which act on subflows too if the descriptor is ours:
# that costs a look at it. Exit status 1 if one is not.

rounds=${1:-7}
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
: "${BED_BUILD:=$BED_SOURCE/build}"
program=$BED_BUILD/tests/bench/overhead
command -v jq >/dev/null || { echo "jq is not installed (apt-get install jq)" >&2; exit 77; }
[ -x "$program" ] || { echo "$program is not built (ninja -C $BED_BUILD)" >&2; exit 77; }
runs=$(mktemp) || exit 1
trap 'rm -f "$runs"' EXIT

# Loopback is marked only if addresses are given.
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    "$program" | jq -c '. + {way: "plain"}' >>"$runs" || exit 1
    "$BED_BUILD/preload/mptcpshim" run --local 127.0.0.1 "$program" |
        jq -c '. + {way: "shim"}' >>"$runs" || exit 1
done
jq -s -c --argjson rounds "$rounds" '
    group_by(.call)[]
    | (map(select(.way == "plain").ns) | min) as $plain
    | (map(select(.way == "shim").ns) | min) as $shim
    | .[0].call as $call | ($call == "connect+close" or $call == "accept+close") as $connection
    | {call: $call, plain_ns: $plain, shim_ns: $shim, more_ns: ($shim - $plain | round),
       ratio: ($shim / $plain * 1000 | round / 1000),
       met: (length == 2 * $rounds
             and (if $connection then $shim / $plain <= 1.05 elif $call == "setsockopt keepalive" then $shim - $plain <= 250
                  else $shim - $plain <= 50 end))}' \
    "$runs" | tee "$runs.medians"
jq -s -e 'length >= 23 and all(.met)' "$runs.medians" >/dev/null
status=$?
rm -f "$runs.medians"
exit $status
