#!/bin/sh
# SPDX-License-Identifier: MIT
# A server in a control group of little memory, and many clients that read slowly: nobody is killed,
# nothing is lost, and it goes on when the clients read faster.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need python3 python3
MIB=1048576
LIMIT=64
CLIENTS=60
SIZE=3000000

# Prints the folder of a new control group with that limit; nothing where none can be made.
make_group()
{
    g_name=mptcpshim-test-$$
    for g_top in /sys/fs/cgroup/memory /sys/fs/cgroup /sys/fs/cgroup/unified; do
        [ -e "$g_top/cgroup.procs" ] || continue
        mkdir "$g_top/$g_name" 2>/dev/null || continue
        for g_file in memory.limit_in_bytes memory.max; do
            [ -e "$g_top/$g_name/$g_file" ] || continue
            if echo $((LIMIT * MIB)) 2>/dev/null >"$g_top/$g_name/$g_file"; then
                echo "$g_top/$g_name"
                return
            fi
        done
        rmdir "$g_top/$g_name"
    done
}

cat >"$BED_TMP/server.py" <<'PY'
import socket, sys, threading
threading.stack_size(65536)
listener = socket.create_server(('0.0.0.0', 7100), backlog=200)
def serve(conn):
    for i in range(int(sys.argv[1]) // 100000):
        conn.sendall(bytes([i % 251]) * 100000)
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)
    conn.close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
cat >"$BED_TMP/client.py" <<'PY'
import select, socket, sys, time
host, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
conns = {socket.create_connection((host, 7100)): 0 for _ in range(count)}
slow = time.time() + 8
bad = []
while conns:
    step = 4000 if time.time() < slow else 100000
    if step == 4000:
        time.sleep(0.05)
    for conn in select.select(list(conns), [], [], 30)[0]:
        try:
            data = conn.recv(step)
        except OSError as error:
            bad.append(str(error))
            del conns[conn]
            continue
        for at in (0, len(data) - 1) if data else ():
            if data[at] != (conns[conn] + at) // 100000 % 251:
                bad.append('wrong bytes')
        conns[conn] += len(data)
        if not data:
            if conns[conn] != size:
                bad.append('%d of %d bytes' % (conns[conn], size))
            del conns[conn]
print('#', len(bad), 'bad', bad[:3])
sys.exit(bool(bad))
PY

bed_open 2 rate 100mbit delay 10ms queue 50ms
GROUP=$(make_group)
if [ -n "$GROUP" ]; then
    ip netns exec "$BED_ID-s" true
    # shellcheck disable=SC2046
    sh -c "echo \$\$ >$GROUP/cgroup.procs && exec nsenter --net=/run/netns/$BED_ID-s \"\$@\"" sh \
        $(bed_prefix) python3 "$BED_TMP/server.py" $SIZE &
    server=$!
    bed_wait 10 bed_listening s 7100
    ok "$CLIENTS clients get everything" bed_run c timeout 90 python3 "$BED_TMP/client.py" $S1 $CLIENTS $SIZE
    for file in memory.max_usage_in_bytes memory.peak memory.oom_control memory.events; do
        [ ! -e "$GROUP/$file" ] || sed "s/^/# $file: /" "$GROUP/$file"
    done
    kill $server
    wait $server 2>/dev/null
    agents=$(agent_pids s)
    # shellcheck disable=SC2086
    [ -z "$agents" ] || kill $agents
    bed_wait 10 rmdir "$GROUP" 2>/dev/null
else
    # The arithmetic is tested in any case: tests/engine/test_parts.c.
    ok "no control group can be made here" [ -n "$(cat /proc/self/cgroup)" ]
fi
tap_end
