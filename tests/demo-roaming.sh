#!/bin/sh
# SPDX-License-Identifier: MIT
# Out of the house and back, in a minute and a half: pg_basebackup fetches a database and somebody
# types into an ssh session, over Wi-Fi and LTE; for eight seconds there is no Wi-Fi. First as plain
# TCP, which uses the Wi-Fi, then under the shim, beside what plain TCP had reached at that second.
#   sh tests/demo-roaming.sh
# As root it installs what it needs, and starts none of the services. Without root it uses a user
# namespace. The links are roam-wifi.txt and roam-lte.txt in tests/bench/replay: a rate a second.

cd "$(dirname "$0")/.." || exit 1
BED_SOURCE=$PWD
REPLAY=tests/bench/replay
: "${DEMO_SECONDS:=28}" # at least; plain TCP takes as long as its backup does
: "${DEMO_ROWS:=55000}" # of a kilobyte each, in the database

if [ -t 1 ]; then bold=$(printf '\033[1m') normal=$(printf '\033[0m'); else bold='' normal=''; fi

. tests/bed/packages.sh
. tests/bed/demo.sh
# shellcheck disable=SC2086
demo_build $ROAMING_PACKAGES || exit 1
: "${DEMO_USER:=$(id -un)}" "${DEMO_UID:=$(id -u)}" "${DEMO_GID:=$(id -g)}"
export DEMO_USER DEMO_UID DEMO_GID

if ! demo_has_tunnels; then
    echo "Links are emulated as root, or with user namespaces and /dev/net/tun for all; here is neither"
    exit 1
fi
. tests/bed/bed.sh
. tests/bed/http.sh # for MB
. tests/system/ssh.sh
S1=10.99.1.1
PG_PORT=5439
PG=$(for folder in /usr/lib/postgresql/*/bin; do echo "$folder"; done | tail -1)
for program in "$PG/postgres" sshd ssh jq python3; do
    command -v "$program" >/dev/null || { echo "There is no $program"; exit 1; }
done

# PostgreSQL does not run as root, nor does an sshd that cannot set groups let root in. Where root is
# but another name of this script's user, one more user namespace gives both the user's own name back.
# The memory that servers share is gone with their namespace, however they end.
if [ "$DEMO_UID" = 0 ]; then
    as_server='unshare --ipc setpriv --reuid postgres --regid postgres --clear-groups'
    as_login=''
else
    as_server="unshare --ipc --user --map-user=$DEMO_UID --map-group=$DEMO_GID"
    as_login=$as_server
    SSH_USER=$DEMO_USER
fi

spawn_login() # HOST COMMAND...
{
    login_host=$1
    shift
    # shellcheck disable=SC2086
    bed_spawn "$login_host" $as_login "$@"
}

make_database()
{
    DB=$BED_TMP/db
    mkdir "$DB" "$BED_TMP/socket"
    [ "$DEMO_UID" != 0 ] || chown postgres:postgres "$DB" "$BED_TMP/socket"
    # shellcheck disable=SC2086
    (cd / && $as_server "$PG/initdb" -D "$DB" -U postgres -A trust -N --wal-segsize=1 &&
        echo "create table t as select i, repeat(md5(i::text), 30)
              from generate_series(1, $DEMO_ROWS) i" | tr '\n' ' ' |
        $as_server "$PG/postgres" --single -D "$DB" postgres) >"$BED_TMP/initdb.log" 2>&1 ||
        { cat "$BED_TMP/initdb.log"; exit 1; }
    echo 'host replication all 0.0.0.0/0 trust' >>"$DB/pg_hba.conf"
    echo $(($(du -sb --exclude=pg_wal "$DB" | cut -f1) + MB)) >"$BED_TMP/whole" # and of the log
}

start_database()
{
    # shellcheck disable=SC2086
    bed_spawn s $as_server "$PG/postgres" -D "$DB" -p $PG_PORT -k "$BED_TMP/socket" -F \
        -c listen_addresses='*' -c dynamic_shared_memory_type=mmap -c autovacuum=off \
        >"$BED_TMP/postgres.log" 2>&1
    postgres=$!
    bed_wait 20 grep -q 'ready to accept' "$BED_TMP/postgres.log" &&
        bed_wait 10 bed_listening s $PG_PORT || { cat "$BED_TMP/postgres.log"; exit 1; }
    # Where the kernel lets the server's user attach no socket filter, the listener is marked once the
    # server has accepted a connection.
    bed_run c "$PG/pg_isready" -q -h $S1 -p $PG_PORT
}

start_typist()
{
    rm -f "$BED_TMP/typist"
    # shellcheck disable=SC2046,SC2086
    python3 tests/bed/typist.py "$BED_TMP/typist" nsenter --net="/run/netns/$BED_ID-c" $(bed_prefix) \
        ssh $SSH_OPTIONS -p $SSH_PORT "$SSH_USER@$S1" cat &
    typist=$!
    bed_wait 20 grep -qv '^[01] [01] ' "$BED_TMP/typist" || { cat "$BED_TMP/ssh/log"; exit 1; }
}

roam() # plain|shim
{
    BED_MODE=$1
    start_database
    start_sshd spawn_login || exit 1
    start_typist
    python3 $REPLAY/play.py "$BED_TMP/ctl" $REPLAY/roam-wifi.txt $REPLAY/roam-lte.txt >"$BED_TMP/played" &
    player=$!
    bed_wait 5 grep -q began "$BED_TMP/played" || exit 1
    bed_spawn c "$PG/pg_basebackup" -h $S1 -p $PG_PORT -U postgres -D "$BED_TMP/$1" -c fast \
        2>"$BED_TMP/$1.log"
    backup=$!
    python3 tests/bed/roaming.py watch "$BED_TMP" "$1" $backup "$DEMO_SECONDS" || exit 1
    wait $backup && "$PG/pg_verifybackup" -q "$BED_TMP/$1" 2>>"$BED_TMP/$1.log"
    echo $? >"$BED_TMP/$1.verified"
    kill $player
    wait $player 2>/dev/null
    bed_link 1 rate 30mbit # it may have ended while there was no Wi-Fi
    kill $typist
    kill -INT $postgres
    wait $typist $postgres 2>/dev/null
    stop_sshd
    bed_wait 10 bed_quiet s $PG_PORT
}

say "A server with a database of 85 MB; a laptop with Wi-Fi (30 Mbit/s) and LTE (20 Mbit/s)"
make_database
cp $REPLAY/roam-wifi.txt "$BED_TMP/wifi"
bed_open 2
say "Plain TCP: pg_basebackup, and an ssh session"
roam plain
say "The same under mptcpshim run"
roam shim
say "What came out"
python3 tests/bed/roaming.py table "$BED_TMP"
status=$?
[ $status = 0 ] || cat "$BED_TMP/plain.log" "$BED_TMP/shim.log"
exit $status
