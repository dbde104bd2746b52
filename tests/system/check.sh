#!/bin/sh
# SPDX-License-Identifier: MIT
# What `mptcpshim check` says of a server without the shim, and of one with it whose second path is
# whole, clamped, without timestamps, closed, or open at the program's port only.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
need python3 python3
need nft nftables
[ "$BED_MODE" = shim ] || bed_skip "only the shim has such a tool"

cat >"$BED_TMP/serve.py" <<'PY'
import http.server, socketserver, sys
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    allow_reuse_port = sys.argv[2:] == ["shared"]
Server(("", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
PY

check() # CODE WORD...: what it says is in $BED_TMP/verdict
{
    check_code=$1
    shift
    bed_in c "$MPTCPSHIM" check --json "$@" >"$BED_TMP/verdict" 2>"$BED_TMP/err"
    is "check $*: the exit code" $? "$check_code"
}

says() # NAME FILTER: the filter is true of the verdict
{
    jq -e "$2" "$BED_TMP/verdict" >/dev/null 2>&1
    is "$1" $? 0
}

firewall() # RULE...: at the server, nothing else
{
    bed_in s nft flush ruleset
    [ $# = 0 ] || printf 'table inet t { chain i { type filter hook %s priority 0; %s\n }\n}\n' "$1" "$2" |
        bed_in s nft -f -
}

bed_open_wires 2
# A link has one path then, and none beside it where it is closed.
for host in c s; do bed_in $host sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done
cd "$BED_TMP" || exit 1
bed_start s python3 serve.py 8001 2>"$BED_TMP/plain.log"
bed_spawn s python3 serve.py 8000 2>"$BED_TMP/shim.log"
bed_spawn s python3 serve.py 8002 shared 2>"$BED_TMP/shared.log"
for port in 8000 8001 8002; do ok "a server listens at $port" bed_wait 10 bed_listening s $port; done

check 4 $S1 8009
ok "what is said names the port" grep -q "port 8009: Connection refused" "$BED_TMP/err"
is "in one line" "$(wc -l <"$BED_TMP/err")" 1

check 1 $S1 8001
says "plain, and why" '.mode == "plain" and .reason == "peer-unmarked" and .working == 1'
says "what to do" '.advice[0] | test("mptcpshim run")'

check 0 $S1 8000
says "two paths, by interface" '.mode == "multipath" and .working == 2 and
    ([.paths[] | select(.state == "first" or .state == "joined") | .interface] == ["link1", "link2"])'
says "MSS, nothing lowered, nothing missing" '[.paths[] | select(has("rtt_us"))] |
    all(.mss_sent >= 1303 and .mss_seen >= 1303 and (.mss_lowered | not) and .missing == [])'
says "nothing to do about them" '[.advice[] | select(test("firewall"))] == []'
ok "the same in words" sh -c "nsenter --net=/run/netns/$BED_ID-c '$MPTCPSHIM' check $S1 8000 >words &&
    grep -q 'multipath, 2 working paths' words && grep -q 'link2 .* joined' words &&
    ! grep -qE '.{80}' words"

firewall output 'oifname link2 tcp flags syn tcp option maxseg size set 1100'
check 0 $S1 8000
says "a clamp is seen where it is" '[.paths[] | select(.mss_lowered) | [.interface, .mss_seen]] ==
    [["link2", 1100]]'

firewall
bed_in s sysctl -qw net.ipv4.tcp_timestamps=0
check 0 $S1 8000
says "an option that does not come is named" '[.paths[] | select(has("rtt_us")) | .missing] |
    all(. == ["timestamps"])'
bed_in s sysctl -qw net.ipv4.tcp_timestamps=1

# By its source, too: any address of the server is reached over any link.
firewall input 'iifname link2 meta l4proto tcp reject with tcp reset
    ip saddr 10.99.2.2 meta l4proto tcp reject with tcp reset'
check 2 $S1 8000
says "which path fails, and how" '[.paths[] | select(.state == "failed") | .interface + .error] |
    any(. == "link2ECONNREFUSED")'
says "what to look at" '.advice | any(test("does not reach"))'

# Joins cannot come to a port that the program shares itself: the agent has one for them.
firewall
check 0 $S1 8002
says "the join port is reached" '.announced | any(.join_port and .state == "reached")'
firewall input 'tcp dport != 8002 meta l4proto tcp reject with tcp reset'
check 2 $S1 8002
says "the join port is not" '.announced | any(.join_port and .state == "unreachable")'
says "the line of the firewall" '(.announced[] | select(.join_port) | .address | split(":")[-1]) as $p |
    .advice | any(test("nft add rule inet filter input tcp dport \($p) accept"))'

firewall
ok "the server has taken no harm" bed_in c curl -sf -o /dev/null http://$S1:8000/
is "its log has nothing else" "$(grep -vc 'GET / HTTP' "$BED_TMP/shim.log")" 0
tap_end
