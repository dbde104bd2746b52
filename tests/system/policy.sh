#!/bin/sh
# SPDX-License-Identifier: MIT
# What the user wants of the paths: backup flags told to the peer by MP_PRIO, addresses and
# schedulers changed while a transfer runs, and the configuration file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need curl curl
need nginx nginx-light
need jq jq
[ "$BED_MODE" = shim ] || bed_skip "the commands are mptcpshim's"

RATE=20
SIZE=100
# In a fifth of a second at full rate, and in half a second of acknowledgments and probes alone.
WORTH=$((RATE * 1000000 / 8 / 5))
LITTLE=$((RATE * 1000000 / 8 / 20))
SOON=10

path() # HOST WORD...: at all agents of that host
{
    p_host=$1
    shift
    bed_in "$p_host" "$MPTCPSHIM" path "$@"
}

quiet() # LINK: next to nothing comes through it in half a second
{
    q_before=$(link_bytes "$1")
    sleep 0.5
    ! link_carried_since "$1" "$q_before" $LITTLE
}

leaves() # NAME LINK: the link falls silent, the other one carries
{
    ok "$1: link $2 is left" bed_wait $SOON quiet "$2"
    l_before=$(link_bytes $((3 - $2)))
    ok "$1: the other one carries" bed_wait $SOON link_carried_since $((3 - $2)) "$l_before" $WORTH
}

carries() # NAME LINK
{
    c_before=$(link_bytes "$2")
    ok "$1: link $2 carries" bed_wait $SOON link_carried_since "$2" "$c_before" $WORTH
}

flag_of() # HOST BACKUP: does a subflow of link 2 have this flag there?
{
    bed_in "$1" "$MPTCPSHIM" status --json |
        jq -e --argjson f "$2" 'any(.[].subflows[]; (.local + .remote | contains("10.99.2.")) and .backup == $f)'
}

token() # HOST
{
    bed_in "$1" "$MPTCPSHIM" status --json | jq -r '.[0].token'
}

# Data flows from FROM; TELLER changes its own flag, and MP_PRIO has to bring that to the sender.
priority() # NAME TELLER
{
    path "$2" set link2 backup=yes
    leaves "$1, backup" 2
    ok "$1, backup: the client knows" bed_wait $SOON flag_of c true
    ok "$1, backup: the server knows" bed_wait $SOON flag_of s true
    path "$2" set link2 backup=no
    carries "$1, no backup any more" 2
}

addresses() # NAME
{
    path c del link2
    leaves "$1, deleted" 2
    path c add link2
    carries "$1, added" 2
}

schedulers() # NAME SENDER
{
    s_token=$(token "$2")
    is "$1: the scheduler is changed" \
        "$(bed_in "$2" "$MPTCPSHIM" set "$s_token" scheduler=backup; echo $?)" 0
    leaves "$1, one path at a time" 2
    for s_name in redundant roundrobin minrtt ecf; do
        is "$1: $s_name" "$(bed_in "$2" "$MPTCPSHIM" set "$s_token" scheduler=$s_name; echo $?)" 0
        carries "$1, $s_name" 1
        carries "$1, $s_name" 2
    done
}

one_direction() # download|upload TELLER SENDER
{
    "start_$1" bed_spawn $S1 data
    o_pid=$!
    carries "$1" 1
    carries "$1" 2
    priority "$1" "$2"
    addresses "$1"
    schedulers "$1" "$3"
    ok "$1: it has lasted through all this" kill -0 $o_pid
    bed_link 1 rate 300mbit
    bed_link 2 rate 300mbit
    finish "$1" $o_pid
    bed_link 1 rate ${RATE}mbit
    bed_link 2 rate ${RATE}mbit
    if [ "$1" = download ]; then
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    else
        ok "$1: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/www/up/data"
    fi
}

# The file: a backup link that is used when the other one is gone, then not even that.
from_file()
{
    printf '[path link2]\nbackup = yes\n' >"$BED_TMP/backup.conf"
    printf '[paths]\nexclude-interfaces = link2\n' >"$BED_TMP/exclude.conf"
    BED_OPTIONS="--config $BED_TMP/backup.conf"
    start_download bed_spawn $S1 data
    f_pid=$!
    carries "backup by file" 1
    leaves "backup by file" 2
    bed_link 1 cut
    carries "backup by file, the other one is cut" 2
    bed_link 1 up
    leaves "backup by file, the other one is back" 2
    bed_link 1 rate 300mbit
    finish "backup by file" $f_pid
    bed_link 1 rate ${RATE}mbit
    BED_OPTIONS="--config $BED_TMP/exclude.conf"
    f_before=$(link_bytes 2)
    start_download bed_spawn $S1 small
    finish "excluded by file" $!
    ok "excluded by file: link 2 is not used" eval "! link_carried_since 2 $f_before $LITTLE"
    BED_OPTIONS=
}

# One that sends less than either link carries: only its wishes decide which one does.
paced() # s|c: host s sends 1 MB/s until its peer goes
{
    bed_spawn "$1" python3 -c '
import socket, sys, time
if sys.argv[1] == "s":
    connection = socket.create_server(("0.0.0.0", 7000)).accept()[0]
    try:
        while True:
            connection.sendall(bytes(20000))
            time.sleep(0.02)
    except OSError:
        sys.exit(0)
connection = socket.create_connection(("10.99.1.1", 7000))
while connection.recv(65536):
    pass' "$1"
}

outweighs() # LINK: it carries at least twice as much as the other one in 2 s
{
    w_this=$(bed_carried "$1" s2c) w_other=$(bed_carried $((3 - $1)) s2c)
    sleep 2
    w_this=$(($(bed_carried "$1" s2c) - w_this)) w_other=$(($(bed_carried $((3 - $1)) s2c) - w_other))
    echo "# link $1 carried $w_this bytes, the other one $w_other"
    [ $w_this -ge $((2 * w_other)) ] && [ $w_this -gt 200000 ]
}

weights()
{
    command -v python3 >/dev/null || { skip "weights" "python3 is not installed"; return; }
    BED_OPTIONS="--scheduler roundrobin"
    paced s
    w_server=$!
    bed_wait 20 bed_listening s 7000
    paced c
    w_client=$!
    carries "weights" 1
    carries "weights" 2
    path s set link1 weight=1
    path s set link2 weight=10
    ok "weights: link 2 carries most" outweighs 2
    path s set link1 weight=100
    ok "weights: link 1 carries most" outweighs 1
    kill $w_client
    wait $w_client
    finish "weights, the server" $w_server
    BED_OPTIONS=
}

# A box on link 1 rewrites MSS and window both ways, so that no mark gets through.
rewrite_marks()
{
    bed_in s nft -f - <<'NFT'
table inet clamp {
    chain in {
        type filter hook prerouting priority -300;
        iifname "link1" tcp flags & syn == syn tcp option maxseg size set 1200 tcp window set 64240
    }
    chain out {
        type filter hook output priority -300;
        oifname "link1" tcp flags & syn == syn tcp option maxseg size set 1200 tcp window set 64240
    }
}
NFT
}

known_peers()
{
    if ! rewrite_marks 2>"$BED_TMP/nft.log"; then
        sed 's/^/# /' "$BED_TMP/nft.log"
        skip "known peers" "nftables are not installed or cannot set a TCP option"
        return
    fi
    stop_nginx
    start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
    k_before=$(link_bytes 2)
    start_download bed_spawn $S1 small
    finish "marks rewritten" $!
    ok "marks rewritten: the bytes are right" same "$BED_TMP/www/small" "$BED_TMP/got"
    ok "marks rewritten: plain TCP" eval "! link_carried_since 2 $k_before $LITTLE"
    stop_nginx
    printf '[peers]\ncapable = 10.99.0.0/16\n' >"$BED_TMP/known.conf"
    BED_OPTIONS="--config $BED_TMP/known.conf"
    start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
    start_download bed_spawn $S1 data
    k_pid=$!
    carries "marks rewritten, known peer" 2
    carries "marks rewritten, known peer" 1
    bed_link 1 rate 300mbit
    bed_link 2 rate 300mbit
    finish "marks rewritten, known peer" $k_pid
    ok "marks rewritten, known peer: the bytes are right" same "$BED_TMP/www/data" "$BED_TMP/got"
    stop_nginx
    # The server has no shim after all: the opening message is its first request, and not taken.
    start_nginx bed_start || { tap_point 1 "nginx starts"; tap_end; }
    start_download bed_spawn $S1 small
    finish "a known peer that is none" $!
    ok "a known peer that is none: the bytes are right" same "$BED_TMP/www/small" "$BED_TMP/got"
    BED_OPTIONS=
}

bed_open 2 rate ${RATE}mbit delay 10ms queue 50ms
start_nginx bed_spawn || { tap_point 1 "nginx starts"; tap_end; }
make_file "$BED_TMP/www/data" $SIZE
make_file "$BED_TMP/www/small" 2
one_direction download c s
one_direction upload s c
from_file
weights
known_peers
tap_end
