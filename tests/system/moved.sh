#!/bin/sh
# SPDX-License-Identifier: MIT
# The client's address goes while the answer to HELLO is waited for: the connection comes back over
# another address, or, where data went with HELLO, the program learns of it at once.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need nft nftables
[ "$BED_MODE" = shim ] || bed_skip "only the shim waits for an answer"

SOON=2000

# Everything with a payload that comes from the client's first address.
swallow()
{
    bed_in s nft -f - <<'NFT'
table inet box {
    chain in {
        type filter hook prerouting priority 0;
        ip saddr 10.99.1.2 meta length > 68 counter drop
    }
}
NFT
}

swallow_nothing()
{
    bed_in s nft delete table inet box
}

no_connections() # of the client, which could be taken for the next one
{
    [ -z "$(bed_in c ss -Htn exclude time-wait)" ]
}

swallowed()
{
    [ "$(bed_in s nft list table inet box | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')" -gt 0 ]
}

# A request whose first address goes as soon as HELLO is under way. Sets m_status and m_ms, from then on.
request() # NAME
{
    bed_wait 10 no_connections
    swallow
    bed_spawn c $CURL --max-time 30 -o "$BED_TMP/got" "http://$S1:$HTTP/$1" 2>"$BED_TMP/curl.err"
    m_pid=$!
    ok "$1: HELLO is under way" bed_wait 10 swallowed
    ip -n "$BED_ID-c" route add $S1/32 dev link2
    ip -n "$BED_ID-c" addr del 10.99.1.2/24 dev link1
    m_start=$(now_ms)
    wait $m_pid
    m_status=$?
    m_ms=$(($(now_ms) - m_start))
    echo "# $1: exit code $m_status after $m_ms ms $(cat "$BED_TMP/curl.err")"
    swallow_nothing
    ip -n "$BED_ID-c" addr add 10.99.1.2/24 dev link1
    ip -n "$BED_ID-c" route del $S1/32 dev link2
}

quick()
{
    [ "$m_ms" -lt $SOON ]
}

bed_open 2 rate 100mbit delay 10ms queue 40ms
XDG_RUNTIME_DIR=$BED_TMP/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
NGINX_SERVER="error_page 404 = @fixed; location @fixed { return 200 'fixed'; }"
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
request new
is "new: it succeeds over the other address" $m_status 0
ok "new: soon" quick
# shellcheck disable=SC2086
ok "the server is met as it should be" bed_run c $CURL -o "$BED_TMP/got" "http://$S1:$HTTP/known"
request known
is "known: the connection is reset" $m_status 56
ok "known: soon" quick
tap_end
