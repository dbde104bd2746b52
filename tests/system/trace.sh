#!/bin/sh
# SPDX-License-Identifier: MIT
# A trace of a transfer over two links of which one is cut: what the tool reads from it is what happened.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "only mptcpshim writes traces"

SIZE=10
TOOL=$BED_SOURCE/preload/launcher/mptcpshim-trace
server=$BED_TMP/server.trace
client=$BED_TMP/client.trace

sums() # FILE FILTER: of the connection that carried most
{
    python3 "$TOOL" --json "$1" | jq -r "[.connections[] | select(.paths != [])]
        | max_by([.paths[] | .bytes_new + .bytes_received] | add) | $2"
}

written() # FILE FILTER: the agent writes once a second
{
    [ "$(sums "$1" "$2" 2>/dev/null)" = true ]
}

complains() # TEXT COMMAND...: fails, with this in one line
{
    c_text=$1
    shift
    ! c_said=$("$@" 2>&1 >"$BED_TMP/out") && echo "$c_said" | grep -qF -- "$c_text" &&
        [ "$(echo "$c_said" | wc -l)" = 1 ] || { echo "$c_said"; return 1; }
}

bed_open 2 rate 20mbit delay 10ms queue 100ms
BED_OPTIONS="--trace $server"
start_nginx bed_spawn
make_file "$BED_TMP/www/got" $SIZE
BED_OPTIONS="--trace $client"
start_download bed_spawn $S1 got
pid=$!
ok "both links carry" bed_wait 20 carried_by_all s 200000 2
bed_link 2 cut
ok "the download ends" wait "$pid"
ok "and is complete" same "$BED_TMP/www/got" "$BED_TMP/got"
ok "the end is in the server's trace" bed_wait 5 written "$server" '.ended != null'
ok "and in the client's" bed_wait 5 written "$client" '.ended != null'

bytes=$((SIZE * MB))
at_least "every byte was given to a subflow once" "$(sums "$server" '[.paths[].bytes_new] | add')" $bytes
at_least "and arrived once" "$(sums "$client" '[.paths[].bytes_received_first] | add')" $bytes
is "as many as were given" "$(sums "$client" '[.paths[].bytes_received_first] | add')" \
    "$(sums "$server" '[.paths[].bytes_new] | add')"
is "both were picked" "$(sums "$server" '[.paths[] | select(.local | startswith("10.99.")) | .picks > 0] | .[:2] | all')" true
is "the cut one hung" "$(sums "$server" '[.paths[] | select(.local | startswith("10.99.2.")) | .stale_s] | add > 0')" true
is "what it held was sent again, for that" \
    "$(sums "$server" '[.paths[].repeated_by_cause | (.stale // 0) + (.lost // 0) + (.tail // 0)] | add > 0')" true
ok "a table" sh -c "python3 '$TOOL' '$server' | grep -q '10.99.2.1'"
ok "a picture" sh -c "python3 '$TOOL' --svg - '$server' >'$BED_TMP/picture.svg'"
ok "that is one" python3 -c 'import sys, xml.dom.minidom as dom
texts = "".join(t.firstChild.data for t in dom.parse(sys.argv[1]).getElementsByTagName("text"))
assert "10.99.1.1" in texts and "10.99.2.1" in texts and "stale" in texts' "$BED_TMP/picture.svg"

ok "no file: said so" complains "No such file" python3 "$TOOL" "$BED_TMP/none"
ok "no trace: said so" complains "$BED_TMP/www/got:1: no" python3 "$TOOL" "$BED_TMP/www/got"
: >"$BED_TMP/empty"
ok "an empty file: said so" complains "no trace" python3 "$TOOL" "$BED_TMP/empty"
ok "no such connection: said so" complains "there are:" python3 "$TOOL" --connection zz "$server"
head -c -20 "$server" >"$BED_TMP/part"
ok "a last line that was cut is left out" sh -c "python3 '$TOOL' '$BED_TMP/part' >/dev/null"
ln -s "$BED_TMP/elsewhere" "$BED_TMP/link"
ok "a symbolic link is refused" complains "--trace: $BED_TMP/link:" "$MPTCPSHIM" run --trace "$BED_TMP/link" true
tap_end
