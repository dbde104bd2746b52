#!/bin/sh
# SPDX-License-Identifier: MIT
# A server that speaks first, and a HELLO that is lost: as long as TCP can repair that soon, the server
# waits, and the connection has both paths. Never does a byte of the greeting get lost.
#   GREETING_TRIES  random losses: so many connections (0)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need socat socat
need nft nftables
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "only the shim says HELLO"

PORT=7000
TRIES=${GREETING_TRIES:-0}

# Of each three segments with the magic that come to the server, so many are lost.
lose() # HOW-MANY
{
    bed_in s nft -f - <<NFT
table inet box {
    chain in {
        type filter hook prerouting priority 0;
        tcp dport $PORT @ih,0,32 0xf54d5053 numgen inc mod 3 < $1 drop
    }
}
NFT
}

lose_nothing()
{
    bed_in s nft delete table inet box
}

# A client that takes the greeting and says what it got, then stays. Sets g_pid.
greet() # OPTION...
{
    rm -f "$BED_TMP/greeting"
    BED_OPTIONS="--remember-peers no" bed_spawn c bash -c \
        "exec 3<>/dev/tcp/$S1/$PORT; head -c 7 <&3 >$BED_TMP/greeting.new; mv $BED_TMP/greeting.new $BED_TMP/greeting; sleep 30"
    g_pid=$!
    bed_wait 10 [ -f "$BED_TMP/greeting" ]
}

end_client()
{
    # shellcheck disable=SC2046
    kill -9 $g_pid $(ip netns pids "$BED_ID-c") 2>/dev/null
    wait $g_pid 2>/dev/null
}

one() # NAME
{
    ok "$1: a greeting comes" greet
    is "$1: and is whole" "$(cat "$BED_TMP/greeting")" "hello!"
    ok "$1: over two paths" bed_wait 5 all_joined c 2 1
    end_client
}

# A server that waits for its listener, does something else for a second, and accepts its first client
# only then, as openvpn: HELLO does not get through before (preload/interpose/marking.h). By then TCP
# has repeated it twice or three times, and does so again only after almost another second.
late_server()
{
    cat >"$BED_TMP/late.py" <<'PYTHON'
import select, socket, time
listener = socket.create_server(('', 7000))
select.select([listener], [], [])
time.sleep(1)
conn, _ = listener.accept()
listener.close()
conn.sendall(b'hello!\n')
try:
    conn.recv(1)
except OSError:
    pass # the client is killed
PYTHON
    bed_spawn s python3 "$BED_TMP/late.py"
    late=$!
    bed_wait 10 bed_listening s $PORT
}

bed_open 2 rate 100mbit delay 30ms queue 100ms
late_server
one "accepted late"
wait $late
bed_wait 10 bed_quiet s $PORT
bed_spawn s socat TCP-LISTEN:$PORT,reuseaddr,fork,backlog=64 SYSTEM:'echo hello\!; sleep 30'
bed_wait 10 bed_listening s $PORT
one "nothing lost"
lose 1
one "HELLO lost once"
lose_nothing
lose 2
one "HELLO lost twice"
lose_nothing

if [ "$TRIES" -gt 0 ]; then
    bed_link 1 loss 10%
    g_plain=0 g_whole=0 g_i=0
    while [ $g_i -lt "$TRIES" ]; do
        g_i=$((g_i + 1))
        greet && [ "$(cat "$BED_TMP/greeting")" = "hello!" ] && g_whole=$((g_whole + 1))
        [ "$(bed_in c "$MPTCPSHIM" status --json | jq '[.[] | select(.mode == "multipath")] | length')" = 1 ] ||
            g_plain=$((g_plain + 1))
        end_client
    done
    echo "# of $TRIES connections at 10 % loss $g_plain were plain"
    is "all greetings came" $g_whole "$TRIES"
fi
tap_end
