#!/bin/sh
# SPDX-License-Identifier: MIT
# Addresses that are not what they seem: a client behind NAT, a server behind forwarded ports that
# announces addresses of its own, and two address families. Joins that can work do; the others do
# no harm.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need nft nftables
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "what kernel MPTCP does here depends on its settings"

SIZE=8
MIN=$((SIZE * MB / 4))

host_ip() # HOST ARGUMENT...
{
    n_host=$1
    shift
    ip -n "$BED_ID-$n_host" "$@"
}

open_bed()
{
    bed_close
    rm -f "$BED_TMP/linkemu.log"
    bed_open 2 rate 20mbit delay 5ms queue 40ms
    mkdir -p "$BED_TMP/www"
    [ -e "$BED_TMP/www/data" ] || make_file "$BED_TMP/www/data" $SIZE
}

download() # NAME URL-HOST SUBFLOWS
{
    n_link1=$(link_bytes 1) n_link2=$(link_bytes 2) n_start=$(now_ms)
    start_download bed_spawn "$2" data
    n_pid=$!
    ok "$1: $3 subflows" bed_wait 20 all_joined c "$3" 1
    bed_in c "$MPTCPSHIM" status --json >"$BED_TMP/status.c"
    bed_in s "$MPTCPSHIM" status --json >"$BED_TMP/status.s"
    finish "$1" $n_pid
    ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    echo "# $1: percent of the rate of its links: $((SIZE * MB * 8 / (20 * $3) / ($(now_ms) - n_start) / 10))"
    ok "$1: link 1 carried its part" link_carried_since 1 "$n_link1" $MIN
    [ "$3" = 1 ] || ok "$1: link 2 carried its part" link_carried_since 2 "$n_link2" $MIN
}

each_local() # FILE: addresses without ports
{
    jq -r '[.[].subflows[].local | sub(":[0-9]*$"; "")] | sort | join(" ")' "$1"
}

each_remote() # FILE
{
    jq -r '[.[].subflows[].remote | sub(":[0-9]*$"; "")] | sort | join(" ")' "$1"
}

# ---- a client behind two address translators ----

open_bed
for i in 1 2; do
    host_ip c addr flush dev link$i
    host_ip c addr add 192.168.$i.2/24 dev link$i
    host_ip c route add default dev link$i metric $i
    host_ip s -6 addr flush dev link$i
done
bed_in c nft -f - <<'NFT' || bed_skip "this kernel's nftables cannot translate addresses"
table ip nat {
    chain out {
        type nat hook postrouting priority 100
        oifname "link1" ip protocol tcp snat to 10.99.1.2:20000-29999
        oifname "link2" ip protocol tcp snat to 10.99.2.2:20000-29999
    }
}
NFT
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
download "client behind NAT" $S1 2
is "client behind NAT: its own addresses" "$(each_local "$BED_TMP/status.c")" "192.168.1.2 192.168.2.2"
is "client behind NAT: what the server sees" "$(each_remote "$BED_TMP/status.s")" "10.99.1.2 10.99.2.2"
stop_nginx

# ---- a server behind a forwarded port ----

# 10.99.1.1:80 is 192.168.9.1:8080 inside, over both links. The inner addresses are unknown outside:
# there, 192.168.8.2 is another host, which has a server with the shim at that very port.
open_bed
for i in 1 2; do
    host_ip s -6 addr flush dev link$i
    host_ip c -6 addr flush dev link$i
done
host_ip c route add 10.99.1.0/24 dev link2 metric 500
host_ip c route add 192.168.8.2/32 dev link1
# Two interfaces: a second address of one would be no way of its own.
for lan in lana:192.168.9.1 lanb:192.168.8.2; do
    host_ip s link add ${lan%:*} type dummy 2>/dev/null ||
        host_ip s link add ${lan%:*} type veth peer name ${lan%:*}2
    host_ip s addr add ${lan#*:}/24 dev ${lan%:*}
    host_ip s link set ${lan%:*} up
    [ -z "$(host_ip s -o link show ${lan%:*}2 2>/dev/null)" ] || host_ip s link set ${lan%:*}2 up
done
bed_in s nft -f - <<'NFT' || bed_skip "this kernel's nftables cannot translate addresses"
table ip nat {
    chain in {
        type nat hook prerouting priority -100
        ip daddr 10.99.1.1 tcp dport 80 dnat to 192.168.9.1:8080
        ip daddr 192.168.8.2 tcp dport 8080 dnat to 10.99.1.1:7000
        ip daddr 192.168.9.0/24 ip protocol tcp dnat to 10.99.1.1:1
    }
}
NFT
other_server()
{
    BED_OPTIONS=
    bed_spawn s timeout 60 "$PUMP" recv $S1 7000 1000000 >"$BED_TMP/other"
    other=$!
    bed_wait 10 bed_listening s 7000
}

other_is_well() # NAME
{
    bed_run c timeout 30 "$PUMP" send $S1 7000 1000000
    finish "$1: the other host's server" $other
    is "$1: it was asked once only" "$(jq -s -c 'map(.ok)' "$BED_TMP/other")" '[true]'
}

attempts() # FILE PATTERN
{
    grep -c "join .* to $2" "$1"
}

BED_OPTIONS='--local 192.168.9.1,192.168.8.2'
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
BED_OPTIONS=
HTTP=80
download "server behind a forwarded port" $S1 2
is "server behind a forwarded port: its own address" "$(each_local "$BED_TMP/status.s")" "192.168.9.1 192.168.9.1"

other_server
BED_OPTIONS="--local 10.99.1.2 --log $BED_TMP/log"
download "announced address of somebody else" $S1 1
BED_OPTIONS=
tried=$(attempts "$BED_TMP/log" 192.168.8.2:8080)
ok "announced address of somebody else: it was tried, $tried times" [ "$tried" -ge 1 ]
ok "announced address of somebody else: with back-off" [ "$tried" -le 6 ]
other_is_well "announced address of somebody else"
HTTP=8080
stop_nginx
bed_wait 5 bed_quiet s $HTTP

# The agent's own join listener is not forwarded.
NGINX_LISTEN=reuseport BED_OPTIONS='--local 192.168.9.1 --join-port 9100'
start_nginx bed_spawn || { tap_point 1 "nginx with reuseport starts"; tap_end; }
BED_OPTIONS="--log $BED_TMP/log2"
HTTP=80
download "join listener out of reach" $S1 1
BED_OPTIONS=
echo "# attempts: $(attempts "$BED_TMP/log2" 192.168.9.1:9100)"
ok "join listener out of reach: tried with back-off" \
    [ "$(attempts "$BED_TMP/log2" .)" -le 16 ]
HTTP=8080
NGINX_LISTEN=
stop_nginx

# ---- IPv4 on one link only, IPv6 on the other ----

open_bed
for host in c s; do
    host_ip $host -6 addr flush dev link1
    host_ip $host -4 addr flush dev link2
done
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
download "IPv6 joins IPv4" $S1 2
download "IPv4 joins IPv6" '[fd99:2::1]' 2
tap_end
