# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the system tests share: servers on the hosts, files, transfers and what each path carried.
# Every wait is bounded; every transfer is checked against the sum of the original.

: "${BED_SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=../bed/bed.sh
. "$BED_SOURCE/tests/bed/bed.sh"
# shellcheck source=../bed/tap.sh
. "$BED_SOURCE/tests/bed/tap.sh"
# shellcheck source=../bed/http.sh
. "$BED_SOURCE/tests/bed/http.sh"

S1=10.99.1.1

need() # PROGRAM PACKAGE: the script is pointless without
{
    command -v "$1" >/dev/null || bed_skip "$1 is not installed (apt-get install $2)"
}

same() # FILE FILE
{
    cmp "$1" "$2"
}

# How many subflows of the host's connections have carried at least BYTES each, either way; the
# highest number seen over all connections.
subflows_with() # HOST BYTES
{
    bed_in "$1" "$MPTCPSHIM" status --json 2>/dev/null | jq --argjson min "$2" '
        [.. | objects | select(has("subflows")) | .subflows
         | map(select(((.bytes_sent // 0) + (.bytes_received // 0)) >= $min)) | length]
        | max // 0' 2>/dev/null || echo 0
}

carried_by_all() # HOST BYTES SUBFLOWS
{
    [ "$(subflows_with "$1" "$2")" -ge "$3" ] 2>/dev/null
}

# How many of the host's connections have as many working subflows.
joined() # HOST SUBFLOWS
{
    bed_in "$1" "$MPTCPSHIM" status --json 2>/dev/null | jq --argjson n "$2" '
        [.[] | select([.subflows[] | select(.state == "active")] | length == $n)] | length'
}

all_joined() # HOST SUBFLOWS CONNECTIONS
{
    [ "$(joined "$1" "$2")" = "$3" ]
}

# The links' own counters say the same without asking the shim.
link_bytes() # NUMBER: both directions
{
    bed_stats | jq ".[$1 - 1] | .c2s.out_bytes + .s2c.out_bytes"
}

link_carried_since() # NUMBER EARLIER BYTES
{
    [ $(($(link_bytes "$1") - $2)) -ge "$3" ]
}

finish() # NAME PID: the transfer ended well
{
    wait "$2"
    is "$1: the program succeeds" $? 0
}

agent_pids() # HOST: agents of that host
{
    for p in $(ip netns pids "$BED_ID-$1"); do
        case $(cat "/proc/$p/comm" 2>/dev/null) in mptcpshim-agen*) echo "$p" ;; esac
    done
}
