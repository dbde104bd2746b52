#!/bin/sh
# SPDX-License-Identifier: MIT
# Other real programs under the shim on both ends: ssh, scp, iperf3, nc.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=ssh.sh
. "$(dirname "$0")/ssh.sh"
need jq jq

try_ssh()
{
    p_reason=$(ssh_reason)
    [ -z "$p_reason" ] || { skip "ssh" "$p_reason"; return; }
    start_sshd bed_spawn || { tap_point 1 "sshd starts"; return; }
    is "ssh: a command's output" "$(run_ssh bed_run 'echo from $((6 * 7))')" "from 42"
    run_ssh bed_run 'exit 7'
    is "ssh: a command's status" $? 7
    is "ssh: 12 MB through a pipe and back" \
        "$(run_ssh bed_run cat <"$BED_TMP/data" | sha256sum | cut -d' ' -f1)" "$(sum_of "$BED_TMP/data")"
    p_before1=$(link_bytes 1) p_before2=$(link_bytes 2)
    ok "scp to the server" run_scp bed_run "$BED_TMP/data" "s:$BED_TMP/scp.up"
    ok "scp: the bytes are right" same "$BED_TMP/data" "$BED_TMP/scp.up"
    ok "scp from the server" run_scp bed_run "s:$BED_TMP/data" "$BED_TMP/scp.down"
    ok "scp: the bytes are right" same "$BED_TMP/data" "$BED_TMP/scp.down"
    if [ "$BED_MODE" != plain ]; then
        ok "scp: link 1 carried its part" link_carried_since 1 "$p_before1" $((4 * MB))
        ok "scp: link 2 carried its part" link_carried_since 2 "$p_before2" $((4 * MB))
    fi
    stop_sshd
}

try_iperf3() # NAME OPTION...
{
    p_name=$1
    shift
    bed_wait 5 bed_quiet s 5201
    p_before1=$(link_bytes 1) p_before2=$(link_bytes 2)
    bed_spawn s iperf3 -s -1 -J >"$BED_TMP/iperf.s"
    p_server=$!
    bed_wait 10 bed_listening s 5201
    bed_run c timeout 60 iperf3 -c $S1 -J -t 4 "$@" >"$BED_TMP/iperf.c"
    is "iperf3$p_name: the client" $? 0
    wait $p_server
    is "iperf3$p_name: the server" $? 0
    p_mbit=$(jq '.end.sum_received.bits_per_second / 1e6 | floor' "$BED_TMP/iperf.c")
    echo "# iperf3$p_name: $p_mbit Mbit/s over two links of 40"
    ok "iperf3$p_name: link 1 carried its part" link_carried_since 1 "$p_before1" $((2 * MB))
    [ "$BED_MODE" = plain ] ||
        ok "iperf3$p_name: link 2 carried its part" link_carried_since 2 "$p_before2" $((2 * MB))
}

# A server that ends and starts again at once on the same port.
try_restart()
{
    bed_spawn s sh -c 'for i in 1 2 3 4; do timeout 30 iperf3 -s -1 || exit 1; done' >"$BED_TMP/again"
    p_server=$! p_failed=0
    for p_i in 1 2 3 4; do
        # Until the next one is there the port is closed; nothing is lost by trying again.
        bed_wait 10 bed_run c timeout 30 iperf3 -c $S1 -n 1M || p_failed=$((p_failed + 1))
    done
    is "iperf3: 4 runs against a server that restarts" $p_failed 0
    wait $p_server
    is "iperf3: the server found its port free each time" $? 0
}

# The listener of `nc -l` is closed as soon as it has its connection. It listens at all addresses: one
# at a single address is not joined at others.
try_nc() # NAME CLIENT-COMMAND
{
    bed_spawn s timeout 60 nc -l 7200 >"$BED_TMP/nc.got" </dev/null
    p_server=$!
    bed_wait 10 bed_listening s 7200
    bed_run c timeout 60 nc -N $S1 7200 <"$BED_TMP/data"
    is "$1: the sender" $? 0
    wait $p_server
    is "$1: the listener" $? 0
    ok "$1: the bytes are right" same "$BED_TMP/data" "$BED_TMP/nc.got"
}

bed_open 2 rate 40mbit delay 5ms queue 40ms
make_file "$BED_TMP/data" 12
try_ssh
if command -v iperf3 >/dev/null; then
    try_iperf3 ""
    try_iperf3 " -R" -R
    try_iperf3 " -P 4" -P 4
    bed_wait 5 bed_quiet s 5201
    try_restart
else
    skip iperf3 "apt-get install iperf3"
fi
if nc -h 2>&1 | grep -q OpenBSD; then
    p_before2=$(link_bytes 2)
    try_nc "nc"
    [ "$BED_MODE" != shim ] || ok "nc: link 2 carried its part" link_carried_since 2 "$p_before2" $((2 * MB))
else
    skip nc "apt-get install netcat-openbsd"
fi
tap_end
