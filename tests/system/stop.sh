#!/bin/sh
# SPDX-License-Identifier: MIT
# A service manager stops a service, a container ends: what programs wrote arrives, ends are in order,
# ports are free at once. The signals are those of systemd for the unit that is installed as example.
#   STOP_RUNS   how often each order is tried (3)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq jq
need python3 python3

RUNS=${STOP_RUNS:-3}
BYTES=600000
PORT=7000
UNIT=$BED_BUILD/man/examples/mptcpshim-http.service

unit_says() # KEY
{
    sed -n "s/^$1=//p" "$UNIT"
}

group() # HOST: all processes of the service
{
    for g_p in $(ip netns pids "$BED_ID-$1"); do
        case $(cat "/proc/$g_p/comm" 2>/dev/null) in linkemu | "") ;; *) echo "$g_p" ;; esac
    done
}

stop_group() # HOST SIGNAL: as KillMode=control-group does
{
    # shellcheck disable=SC2046
    kill -"$2" $(group "$1") 2>/dev/null
}

gone() # HOST: nothing of the service is left
{
    [ -z "$(group "$1")" ]
}

right() # FILE: every byte and the end, as pump says
{
    grep -q '"ok":true' "$1"
}

take() # the client; its report is in $BED_TMP/got
{
    bed_spawn c "$PUMP" take $S1 $PORT $BYTES >"$BED_TMP/got" 2>"$BED_TMP/take.err"
    client=$!
}

# The program writes and exits, the rest of the service is stopped at once.
stopped_after_its_end()
{
    rm -f "$BED_TMP/got"
    bed_spawn s "$PUMP" give $S1 $PORT $BYTES
    server=$!
    bed_wait 10 bed_listening s $PORT || return 1
    take
    wait $server || return 1
    stop_group s TERM
    wait $client && right "$BED_TMP/got" && bed_wait 10 gone s
}

cat >"$BED_TMP/serve.py" <<'PY'
import signal, socket, sys, time
# serve.py PORT BYTES TERM|IGNORE: write to the first client; killed by SIGTERM, or only told by it
stop = []
if sys.argv[3] == 'IGNORE':
    signal.signal(signal.SIGTERM, lambda *a: stop.append(1))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen()
c, _ = s.accept()
c.recv(1)
c.sendall(b'x' * int(sys.argv[2]))
print('written', flush=True)
if sys.argv[3] == 'TERM':
    signal.pause()
while not stop:
    time.sleep(0.01)
c.sendall(b'y' * int(sys.argv[2]))
PY
cat >"$BED_TMP/read.py" <<'PY'
import socket, sys, time
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.sendall(b'?')
n = 0
try:
    while d := c.recv(65536):
        n += len(d)
    end = 'end'
except OSError as e:
    end = str(e)
print(n, end, flush=True)
PY

serve() # BYTES TERM|IGNORE
{
    : >"$BED_TMP/served"
    bed_spawn s python3 "$BED_TMP/serve.py" $PORT "$@" >"$BED_TMP/served" 2>&1
    server=$!
    bed_wait 10 bed_listening s $PORT
}

read_all()
{
    rm -f "$BED_TMP/read"
    bed_spawn c python3 "$BED_TMP/read.py" $S1 $PORT >"$BED_TMP/read"
    client=$!
    bed_wait 20 grep -q written "$BED_TMP/served"
}

# All of it at once, the program dies of it: what it had written arrives.
stopped_in_the_middle()
{
    serve $BYTES TERM
    read_all || return 1
    stop_group s TERM
    wait $client
    [ "$(cat "$BED_TMP/read")" = "$BYTES end" ] && bed_wait 10 gone s
}

# The program finishes its work first.
stopped_gracefully()
{
    serve $BYTES IGNORE
    read_all || return 1
    stop_group s TERM
    wait $client
    [ "$(cat "$BED_TMP/read")" = "$((2 * BYTES)) end" ] && bed_wait 10 gone s
}

tries() # NAME COMMAND
{
    t_run=0 t_bad=0
    while [ $t_run -lt "$RUNS" ]; do
        t_run=$((t_run + 1))
        "$2" || { t_bad=$((t_bad + 1)); echo "# $2, run $t_run: $(cat "$BED_TMP/read" "$BED_TMP/got" 2>/dev/null)"; }
    done
    is "$1 ($RUNS times)" $t_bad 0
}

if command -v systemd-analyze >/dev/null; then
    # It is to be looked at with programs that are there.
    sed "s,^ExecStart=[^ ]*,ExecStart=$MPTCPSHIM," "$UNIT" >"$BED_TMP/mptcpshim-http.service"
    is "systemd has nothing against the example" \
        "$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$BED_TMP/mptcpshim-http.service" 2>&1 |
            grep mptcpshim-http)" ""
else
    skip "systemd has nothing against the example" "systemd is not installed"
fi
is "it stops the whole group" "$(unit_says KillMode)" control-group

bed_open 2 rate 8mbit delay 10ms queue 60ms
tries "stopped after the program's end: every byte arrives" stopped_after_its_end
tries "stopped with the program: what it wrote arrives" stopped_in_the_middle
tries "stopped while the program finishes: all of it arrives" stopped_gracefully

# An idle connection, and the next server at the same port while the last one's bytes still go out.
serve 0 TERM
read_all
start=$(now_ms)
stop_group s TERM
wait $client
is "an idle connection ends in order" "$(cat "$BED_TMP/read")" "0 end"
ok "at once" [ $(($(now_ms) - start)) -lt 3000 ]
bed_wait 10 gone s
serve $((4 * BYTES)) IGNORE
read_all
last=$client
kill -KILL $server
stop_group s TERM
ok "the next server has the port at once" serve 1 TERM
mv "$BED_TMP/read" "$BED_TMP/read.last"
read_all
wait $last
is "and the last one's client gets all" "$(cat "$BED_TMP/read.last")" "$((4 * BYTES)) end"
stop_group s HUP
stop_group s TERM
wait $client
bed_wait 10 gone s
is "and so does the new one's" "$(cat "$BED_TMP/read")" "1 end"

# A reload: SIGHUP is for the program, connections go on.
serve $BYTES IGNORE
read_all
for p in $(agent_pids s) $(agent_pids c); do kill -HUP "$p"; done
kill -TERM $server
wait $client
is "a reload ends nothing" "$(cat "$BED_TMP/read")" "$((2 * BYTES)) end"
bed_wait 10 gone s

# A container: all of its processes are killed with the first one.
if unshare -pf --kill-child true 2>/dev/null; then
    bed_spawn s "$PUMP" recv 0.0.0.0 $PORT $BYTES >"$BED_TMP/got"
    client=$!
    bed_wait 10 bed_listening s $PORT
    # shellcheck disable=SC2046
    bed_in c unshare -pf --mount-proc --kill-child $(bed_prefix) "$PUMP" send $S1 $PORT $BYTES
    is "the only program of a container ends well" $? 0
    wait $client
    ok "what it wrote arrives" right "$BED_TMP/got"
else
    skip "the only program of a container" "no PID namespaces"
fi
tap_end
