# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Row of table.sh: a proxy on each path that splits TCP.

open_proxied() # haproxy in TCP mode on each path, at host s; behind them host o
{
    open_links 2
    bed_open_behind
    for i in 1 2; do bed_link $i rate 100mbit delay 12.5ms queue 40ms; done
    cat >"$BED_TMP/haproxy.conf" <<CONF
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen program-1
    bind 10.99.1.1:5201
    server o 10.97.0.2:5201
listen program-2
    bind 10.99.2.1:5201
    server o 10.97.0.2:5201
listen join-1
    bind 10.99.1.1:7000-7009
    server o 10.97.0.2
listen join-2
    bind 10.99.2.1:7000-7009
    server o 10.97.0.2
CONF
    printf '[peers]\ncapable = 10.99.0.0/16\n' >"$BED_TMP/client.conf"
    cat >"$BED_TMP/server.conf" <<CONF
[peers]
capable = 10.97.0.1
[agent]
join-port = 7000-7009
announce = 10.99.1.1, 10.99.2.1
CONF
    bed_start s haproxy -q -f "$BED_TMP/haproxy.conf"
    bed_wait 10 bed_listening s 7009
}

get_proxied() # WAY ADDRESS
{
    BED_MODE=$1
    BED_OPTIONS="--config $BED_TMP/server.conf"
    serve o 5201 1
    BED_OPTIONS="--config $BED_TMP/client.conf"
    bed_run c timeout 60 "$FLOW" get "$2" 5201 "$long" "$omit" $endless 0 >"$BED_TMP/flow"
    ended
    BED_OPTIONS=
}

bench_proxied()
{
    wanted proxied || return 0
    command -v haproxy >/dev/null || { echo "proxied: haproxy is not installed" >&2; return 0; }
    open_proxied
    long=$(calc "$seconds * 1.5") # fairness tries the paths out during the first seconds
    omit=$(calc "$long * 0.3")
    r=0
    while [ $r -lt "$rounds" ]; do
        r=$((r + 1))
        progress "proxied, round $r"
        measure proxied plain1 $r get_proxied plain 10.99.1.1
        measure proxied plain2 $r get_proxied plain 10.99.2.1
        [ $open_mode != mptcp ] || measure proxied mptcp $r get_proxied mptcp 10.99.1.1
        measure proxied shim $r get_proxied shim 10.99.1.1
    done
    heading 'haproxy in TCP mode on each of two paths of 100/12.5: Mbit/s, part of one path, longest gap in ms'
    one=$(calc "[$(median proxied plain1 mbit_s), $(median proxied plain2 mbit_s)] | max")
    s=$(median proxied shim mbit_s)
    ratio=$(calc "$s / $one")
    printf 'one path %s, mptcp %s, shim %s; shim/one %s, %s; gap %s; %s\n' "$one" \
        "$(median proxied mptcp mbit_s)" "$s" "$ratio" "$(verdict "$ratio" least 1.8)" \
        "$(median proxied shim gap_ms)" "$(stolen proxied)"
}
