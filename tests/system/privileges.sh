#!/bin/sh
# SPDX-License-Identifier: MIT
# A server starts as root and its worker is nobody, as with nginx: what the worker can do by way of
# the agent is what it can do by itself. The agent has no privileges to speak of, marks need a key,
# and programs that gain privileges by their file are not touched.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need python3 python3
[ "$BED_MODE" = shim ] || bed_skip "about agents"
[ "$(id -u)" = 0 ] || bed_skip "about agents of root"

# A table of the firewall that lets nothing in but what it must, as iptables hands it to the kernel.
cat >"$BED_TMP/table.py" <<'PY'
import struct
def entry(target): return b'\0' * 84 + struct.pack('=IHHI', 0, 112, 112 + len(target), 0) + b'\0' * 16 + target
def std(verdict): return struct.pack('=H29sB', 40, b'', 0) + struct.pack('=i', verdict) + b'\0' * 4
def table():
    e = [entry(std(-1)), entry(std(-2)), entry(std(-2)),
         entry(struct.pack('=H29sB', 64, b'ERROR', 0) + b'ERROR'.ljust(30, b'\0') + b'\0\0')]
    n, blob = len(e[0]), b''.join(e)
    hooks = [0, 0, n, 2 * n, 0]
    return struct.pack('=32sIII5I5II', b'filter', 14, 4, len(blob), *hooks, *hooks, 4) + struct.pack('=Q', 0) + blob
PY
# Natively, by root, on a socket of its own.
cat >"$BED_TMP/control.py" <<'PY'
import socket, sys
sys.path.insert(0, sys.argv[1])
from table import table
s = socket.socket()
s.setsockopt(socket.IPPROTO_IP, 64, table())
PY
# The worker: by setsockopt(), and by speaking to the agent itself with the secret of its environment.
cat >"$BED_TMP/worker.py" <<'PY'
import ctypes, os, socket, struct, sys
sys.path.insert(0, sys.argv[1])
from table import table
libc = ctypes.CDLL('libc.so.6')
listener = socket.create_server(('0.0.0.0', 80))
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
agent, secret, _ = os.environ['MPTCPSHIM_AGENT'].split(':')
def connection_id(s):
    name, size = ctypes.create_string_buffer(128), ctypes.c_int(128)
    libc.getsockname(s.fileno(), name, ctypes.byref(size))  # as the kernel has it
    return int(name.raw[2:].split(b'/')[2], 16) if name.raw[:2] == b'\1\0' else None
def ask(op, connection, level, name, value, fd=None):
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.connect('\0mptcpshim/' + agent)
    request = struct.pack('=IHH16sQIiiI', 0x4d505348, 1, op, bytes.fromhex(secret), connection, 0, level, name, len(value))
    request = request.ljust(304, b'\0') + value.ljust(1024, b'\0')
    if fd is None: c.send(request)
    else: socket.send_fds(c, [request], [fd])
    status, error = struct.unpack_from('=Hi', c.recv(2000), 6)
    return ['ok', 'plain', 'error %d' % error, 'ok plain', 'elsewhere'][status]
def attempt(what, f):
    try: r = f()
    except OSError as e: r = 'error %d' % e.errno
    print(what, 'ok' if r is None else r, flush=True)
one = struct.pack('i', 1)
print('ready', flush=True)
s, _ = listener.accept()
assert s.recv(1) == b'x'
me = connection_id(s)
print('swapped', me is not None, flush=True)
plain = socket.socket()
attempt('call firewall', lambda: s.setsockopt(0, 64, table()))
attempt('call transparent', lambda: s.setsockopt(0, 19, 1))
attempt('call mark', lambda: s.setsockopt(1, 36, 7))
attempt('agent firewall', lambda: ask(6, me, 0, 64, table()))
attempt('agent firewall info', lambda: ask(7, me, 0, 64, bytes(84)))
attempt('agent transparent', lambda: ask(6, me, 0, 19, one))
attempt('agent mark', lambda: ask(6, me, 1, 36, one))
attempt('agent mark with a socket that has none', lambda: ask(6, me, 1, 36, one, plain.fileno()))
attempt('agent priority', lambda: ask(6, me, 1, 12, struct.pack('i', 7)))
attempt('agent sndbufforce', lambda: ask(6, me, 1, 32, struct.pack('i', 1 << 28)))
attempt('agent bindtodevice', lambda: ask(6, me, 1, 25, b'lo\0\0'))
attempt('agent status', lambda: ask(8, 0, 0, 0, b''))
attempt('agent path', lambda: ask(21, 0, 0, 0, b'del lo'))
attempt('agent keepidle', lambda: ask(6, me, 6, 4, struct.pack('i', 77)))
s.sendall(b'y')
while s.recv(1000): pass
PY
cat >"$BED_TMP/client.py" <<'PY'
import ctypes, os, socket, sys, time
s = socket.socket()
if len(sys.argv) > 3: s.setsockopt(socket.SOL_SOCKET, 36, int(sys.argv[3]))
s.settimeout(20)
s.connect((sys.argv[1], 80))
s.sendall(b'x')
assert s.recv(1) == b'y'
name, size = ctypes.create_string_buffer(128), ctypes.c_int(128)
ctypes.CDLL('libc.so.6').getsockname(s.fileno(), name, ctypes.byref(size))
print('done', 'swapped' if name.raw[0] == 1 else 'native', flush=True)
while not os.path.exists(sys.argv[2]): time.sleep(0.02)
PY

said() # WHAT: of the worker
{
    sed -nE "s/^$1 (ok|elsewhere|plain|error [0-9]+|True|False)\$/\1/p" "$BED_TMP/worker"
}

tables()
{
    bed_in s cat /proc/net/ip_tables_names 2>/dev/null | tr '\n' ' '
}

of_threads() # HOST FIELD: of every thread of the agents there, each value once
{
    for p in $(agent_pids "$1"); do
        sed -n "s/^$2:[[:space:]]*//p" "/proc/$p/task/"*/status
    done | sort -u | tr '\t\n' '  ' | sed 's/ *$//'
}

confined() # HOST NAME
{
    is "$2: capabilities" "$(of_threads "$1" CapPrm)" 0000000000000400
    is "$2: capabilities in use" "$(of_threads "$1" CapEff)" 0000000000000400
    is "$2: none for others" "$(of_threads "$1" CapBnd)" 0000000000000000
    is "$2: no new privileges" "$(of_threads "$1" NoNewPrivs)" 1
    is "$2: a filter of system calls" "$(of_threads "$1" Seccomp)" 2
    is "$2: no core dumps" "$(sed -n 's/^Max core file size *\([0-9]*\) .*/\1/p' "/proc/$(agent_pids "$1" | head -1)/limits")" 0
}

start_worker() # further options are in BED_OPTIONS
{
    bed_spawn s timeout 60 python3 "$BED_TMP/worker.py" "$BED_TMP" >"$BED_TMP/worker" 2>&1
    worker=$!
    bed_wait 10 grep -q ready "$BED_TMP/worker"
}

start_client() # [MARK]
{
    rm -f "$BED_TMP/go"
    bed_spawn c timeout 60 python3 "$BED_TMP/client.py" $S1 "$BED_TMP/go" "$@" >"$BED_TMP/client" 2>&1
    client=$!
    bed_wait 30 grep -q "^done" "$BED_TMP/client"
}

end_client()
{
    : >"$BED_TMP/go"
    finish "the client" $client
    finish "the worker" $worker
    bed_wait 15 no_agents
}

no_agents()
{
    # shellcheck disable=SC2317 # called by bed_wait
    [ -z "$(agent_pids s)$(agent_pids c)" ]
}

bed_open 2 rate 50mbit delay 2ms
printf '[agent]\nidle = 0\nthreads = 2\n' >"$BED_TMP/two.conf"
BED_OPTIONS="--config $BED_TMP/two.conf"
start_worker
start_client
is "the connection is one of ours" "$(said swapped)" True
is "the firewall, by a call" "$(said 'call firewall')" 'error 1'
is "other addresses, by a call" "$(said 'call transparent')" 'error 1'
is "a mark, by a call" "$(said 'call mark')" 'error 1'
is "the firewall, by the agent" "$(said 'agent firewall')" elsewhere
is "reading the firewall, by the agent" "$(said 'agent firewall info')" elsewhere
is "other addresses, by the agent" "$(said 'agent transparent')" elsewhere
is "a mark, by the agent" "$(said 'agent mark')" 'error 1'
is "a mark, by a socket that has none" "$(said 'agent mark with a socket that has none')" 'error 1'
is "a priority" "$(said 'agent priority')" 'error 1'
is "a send buffer beyond the limit" "$(said 'agent sndbufforce')" elsewhere
is "another interface" "$(said 'agent bindtodevice')" 'error 92'
is "what anybody may set" "$(said 'agent keepidle')" ok
is "no firewall was made" "$(tables)" ""
confined s "the server's agent"
confined c "the client's agent"
end_client

# The attack is one: who has the privilege can do it.
bed_in s python3 "$BED_TMP/control.py" "$BED_TMP"
is "control: root makes a firewall by a socket" "$?" 0
bed_in s python3 - <<'PY'
import socket, struct
s = socket.socket()
e = lambda t: b'\0' * 84 + struct.pack('=IHHI', 0, 112, 112 + len(t), 0) + b'\0' * 16 + t
std = struct.pack('=H29sB', 40, b'', 0) + struct.pack('=i', -2) + b'\0' * 4
err = struct.pack('=H29sB', 64, b'ERROR', 0) + b'ERROR'.ljust(30, b'\0') + b'\0\0'
b = e(std) * 3 + e(err); n = len(e(std)); h = [0, 0, n, 2 * n, 0]
s.setsockopt(0, 64, struct.pack('=32sIII5I5II', b'filter', 14, 4, len(b), *h, *h, 4) + struct.pack('=Q', 0) + b)
PY

# An agent of its own user.
printf '[agent]\nidle = 0\nuser = 65533\nthreads = 2\n' >"$BED_TMP/user.conf"
BED_OPTIONS="--config $BED_TMP/user.conf"
start_worker
start_client
confined s "an agent with a user"
is "an agent with a user: it is that one" "$(of_threads s Uid)" "65533 65533 65533 65533"
is "an agent with a user: the same group" "$(of_threads s Gid)" "65533 65533 65533 65533"
is "an agent with a user: the connection is one of ours" "$(said swapped)" True
end_client

# A mark leads packets: where the agent cannot set it, all of the connection stays where it is.
BED_OPTIONS=
start_worker
start_client 77
is "a marked connection stays native" "$(cat "$BED_TMP/client")" "done native"
is "a marked connection has its mark" \
    "$(bed_in c ss -Htnoe state established 'dport = :80' | grep -c fwmark:0x4d)" 1
end_client

# Set-user-ID programs: the loader ignores the environment.
for p in cat id; do
    cp "$(command -v $p)" "$BED_TMP/$p"
done
is "control: an ordinary program has the library" \
    "$(bed_run c "$BED_TMP/cat" /proc/self/maps | grep -c libmptcpshim_preload | sed 's/[1-9][0-9]*/yes/')" yes
chmod 755 "$BED_TMP"
chown 65534 "$BED_TMP/cat" "$BED_TMP/id"
chmod 4755 "$BED_TMP/cat" "$BED_TMP/id"
is "control: the file gives another user" "$(bed_in c "$BED_TMP/id" -u)" 65534
is "a set-user-ID program has no library" \
    "$(bed_run c "$BED_TMP/cat" /proc/self/maps 2>/dev/null | grep -c libmptcpshim_preload)" 0
bed_close
tap_end
