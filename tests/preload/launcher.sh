#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: launcher.sh MPTCPSHIM [SANITIZED-PROGRAM [32-BIT-PROGRAM]]
# The launcher: exit codes, environment, warnings, status. One TAP line per check.
# In a network namespace of its own, where it can: agents of others may be stopped.
if [ -z "${IN_NAMESPACE:-}" ]; then
    export IN_NAMESPACE=1
    [ "$(id -u)" = 0 ] && flags=-n || flags=-Urn
    # shellcheck disable=SC2016
    ! unshare $flags true 2>/dev/null || exec unshare $flags sh -c 'ip link set lo up; exec sh "$@"' sh "$0" "$@"
fi
directory=$(cd "$(dirname "$1")" && pwd)
launcher=$directory/mptcpshim
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset LD_PRELOAD MPTCPSHIM_AGENT MPTCPSHIM_AGENT_PATH MPTCPSHIM_OPTIONS MPTCPSHIM_CONFIG
unset XDG_CONFIG_HOME
export XDG_RUNTIME_DIR=/nonexistent
n=0

point() # STATUS NAME
{
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

is() # NAME GOT WANTED
{
    [ "$2" = "$3" ]
    point $? "$1"
    [ "$2" = "$3" ] || printf '# got      %s\n# expected %s\n' "$2" "$3"
}

code() # NAME WANTED COMMAND...
{
    code_name=$1 code_wanted=$2
    shift 2
    "$@" >"$scratch/out" 2>"$scratch/err"
    is "$code_name" $? "$code_wanted"
}

matches() # NAME FILE PATTERN
{
    grep -Eq -- "$3" "$scratch/$2"
    point $? "$1"
}

code "no subcommand" 125 "$launcher"
matches "where help is" err "try 'mptcpshim help'"
code "unknown subcommand" 125 "$launcher" walk
code "help" 0 "$launcher" help
matches "usage on stdout" out '^Usage: '
code "--help" 0 "$launcher" --help
code "--version" 0 "$launcher" --version
matches "the version" out '^mptcpshim [0-9]+\.[0-9]+\.[0-9]+( \(commit [0-9a-f]{7,40}\+?\))?$'

code "the program's exit code" 7 "$launcher" run sh -c 'exit 7'
is "nothing is printed" "$(cat "$scratch/out" "$scratch/err")" ""
code "no program" 125 "$launcher" run
code "program not found" 127 "$launcher" run /nonexistent/program
: >"$scratch/data"
code "program not executable" 126 "$launcher" run "$scratch/data"
code "unknown option" 125 "$launcher" run --colour true
code "option without value" 125 "$launcher" run --local
code "not an address" 125 "$launcher" run --local 127.0.0.1,nonsense true
code "not a number" 125 "$launcher" run --max-subflows many true
code "not a port" 125 "$launcher" run --join-port 65536 true
code "no time for a keepalive" 125 "$launcher" run --keepalive never true
code "not a time" 125 "$launcher" run --no-subflow-timeout 86401 true
code "not a range of ports" 125 "$launcher" run --join-port 4000-3999 true
code "no end of the range" 125 "$launcher" run --join-port 4000- true
code "options of the program are its own" 3 "$launcher" run --join-port 4000 sh -c 'exit "$1"' x 3
code "-- ends the options" 0 "$launcher" run -- true

code "no such scheduler" 125 "$launcher" run --scheduler fastest true
matches "what is allowed instead" err 'fastest.*allowed: ecf, minrtt, .* or [a-z]+$'
code "too many subflows" 125 "$launcher" run --max-subflows 33 true
matches "how many are allowed" err '1 to 32'
code "no such configuration" 125 "$launcher" run --config "$scratch/none" true

variable() # NAME [RUN-ARGUMENT...]: what the program sees
{
    variable_name=$1
    shift
    "$launcher" run "$@" printenv "$variable_name"
}

library=$directory/libmptcpshim_preload.so
# Where there is one for 32-bit programs the loader chooses.
# shellcheck disable=SC2016
[ ! -e "$directory/lib32/libmptcpshim_preload.so" ] || library=$directory/'$LIB'/libmptcpshim_preload.so
is "LD_PRELOAD" "$(variable LD_PRELOAD)" "$library"
is "an existing LD_PRELOAD is kept" "$(LD_PRELOAD=libm.so.6 variable LD_PRELOAD)" "libm.so.6:$library"
is "before the library of mptcpize" "$(LD_PRELOAD=/x/libmptcpwrap.so.0 variable LD_PRELOAD 2>/dev/null)" \
    "$library:/x/libmptcpwrap.so.0"
is "a sanitizer may come second" "$(unset ASAN_OPTIONS; variable ASAN_OPTIONS)" verify_asan_link_order=0
is "its other options are kept" "$(ASAN_OPTIONS=detect_leaks=0 variable ASAN_OPTIONS)" \
    "detect_leaks=0:verify_asan_link_order=0"
is "its option is there once" "$(ASAN_OPTIONS=verify_asan_link_order=1 variable ASAN_OPTIONS)" \
    verify_asan_link_order=1
if [ -n "${2:-}" ]; then
    # Its search for leaks is not allowed everywhere.
    export ASAN_OPTIONS=detect_leaks=0:exitcode=7
    code "a sanitized program starts" 0 "$launcher" run "$2"
    code "a sanitized program of a shell" 0 "$launcher" run sh -c '"$0"; exit $?' "$2"
    code "it finds its errors" 7 "$launcher" run "$2" fault
    matches "and says which" err heap-buffer-overflow
    unset ASAN_OPTIONS
fi
if [ -n "${3:-}" ]; then
    code "a 32-bit program" 2 "$launcher" run "$3"
    is "nothing is said about it" "$(cat "$scratch/err")" ""
    code "a 32-bit program of a shell" 2 "$launcher" run sh -c '"$0"; exit $?' "$3"
    is "nothing is said about that" "$(cat "$scratch/err")" ""
    code "both have the library" 0 "$launcher" run sh -c \
        'grep -q libmptcpshim_preload /proc/self/maps && LD_TRACE_LOADED_OBJECTS=1 "$0" | grep -q lib32' "$3"
fi
is "the library is there once" "$(LD_PRELOAD=$library variable LD_PRELOAD)" "$library"
is "the agent" "$(variable MPTCPSHIM_AGENT_PATH)" "$directory/mptcpshim-agent"
variable MPTCPSHIM_AGENT >"$scratch/out"
matches "id, secret, uid" out "^[0-9a-f]{16}:[0-9a-f]{32}:$(id -u)\$"
is "options" "$(variable MPTCPSHIM_OPTIONS --local 127.0.0.1,::1 --scheduler minrtt --max-subflows 3 --memory 99 --threads 2 --join-port 7-9 --no-subflow-timeout 0 --keepalive 9 --log "$scratch/x")" \
    "local=127.0.0.1,::1 scheduler=minrtt max-subflows=3 memory=99 threads=2 join-port=7-9 no-subflow-timeout=0 keepalive=9 verbose=$scratch/x"
mkdir -m 700 "$scratch/runtime"
is "where known peers are kept" "$(XDG_RUNTIME_DIR=$scratch/runtime variable MPTCPSHIM_OPTIONS)" \
    "peers-dir=$scratch/runtime/mptcpshim"
is "not to be kept" \
    "$(XDG_RUNTIME_DIR=$scratch/runtime variable MPTCPSHIM_OPTIONS --remember-peers no)" \
    "remember-peers=no peers-dir=$scratch/runtime/mptcpshim"
code "neither yes nor no" 125 "$launcher" run --remember-peers maybe true
chmod 770 "$scratch/runtime"
is "not where others can write" \
    "$(XDG_RUNTIME_DIR=$scratch/runtime variable MPTCPSHIM_OPTIONS)" ""
is "a relative log" "$(cd "$scratch" && variable MPTCPSHIM_OPTIONS --log l)" "verbose=$scratch/l"
is "no options" "$(variable MPTCPSHIM_OPTIONS)" ""
[ "$(variable MPTCPSHIM_AGENT)" != "$(variable MPTCPSHIM_AGENT)" ]
point $? "each run has an agent of its own"

# shellcheck disable=SC2016
code "the agent starts with the program" 0 "$launcher" run sh -c '
    tries=0
    until grep -q "@mptcpshim/${MPTCPSHIM_AGENT%%:*}\$" /proc/net/unix; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || exit 1
        sleep 0.05
    done'

nested() # [OPTION...]: do a run and one within it have the same agent?
{
    "$launcher" run sh -c 'echo "$MPTCPSHIM_AGENT"; "$@" printenv MPTCPSHIM_AGENT' x "$launcher" run "$@" |
        uniq | wc -l
}
is "a run within a run has the same agent" "$(nested)" 1
is "unless its options differ" "$(nested --max-subflows 2)" 2

# Configuration: what is wrong is said, the rest is used, the program runs.
cat >"$scratch/wrong.conf" <<'END'
[connections]
scheduler = fastest
max-subflows = 3
[agent]
idel = 5
[paths]
local = 127.0.0.1, 127.0.0.x
[peers]
capable = 192.0.2.0/24
[programs]
leave-alone = collectd, printenv
leave-ports = none
END
cat >"$scratch/right.conf" <<'END'
[agent]
idle = 3
END
code "the program runs" 7 "$launcher" run --config "$scratch/wrong.conf" sh -c 'exit 7'
matches "a wrong value" err "^mptcpshim: $scratch/wrong.conf:2: scheduler = fastest: .*allowed: ecf"
matches "an unknown key" err "^mptcpshim: $scratch/wrong.conf:5: idel = 5: no such key"
matches "an element of a list" err "^mptcpshim: $scratch/wrong.conf:7: local = 127.0.0.x: "
matches "the rest is used" err "the rest of the configuration is used"
is "what the library needs of it" \
    "$(cd "$scratch" && variable MPTCPSHIM_OPTIONS --config wrong.conf 2>/dev/null)" \
    "config=$scratch/wrong.conf local=127.0.0.1 capable=192.0.2.0/24 leave-alone=collectd,printenv leave-ports=none"
is "options override it" "$(variable MPTCPSHIM_OPTIONS --local ::1 --config "$scratch/wrong.conf" 2>/dev/null)" \
    "local=::1 config=$scratch/wrong.conf capable=192.0.2.0/24 leave-alone=collectd,printenv leave-ports=none"
code "a program to be left alone" 0 "$launcher" run --config "$scratch/wrong.conf" printenv PATH
matches "is said" err 'printenv will use plain TCP: it is to be left alone'
code "by the environment" 0 env MPTCPSHIM_CONFIG="$scratch/right.conf" "$launcher" run printenv MPTCPSHIM_OPTIONS
is "the file is the agent's, too" "$(cat "$scratch/out" "$scratch/err")" "config=$scratch/right.conf"
mkdir "$scratch/xdg"
cp "$scratch/right.conf" "$scratch/xdg/mptcpshim.conf"
is "the user's file" "$(XDG_CONFIG_HOME=$scratch/xdg variable MPTCPSHIM_OPTIONS)" \
    "user-config=$scratch/xdg/mptcpshim.conf"
is "words of the environment" "$(MPTCPSHIM_OPTIONS='idle=2 pm=fullmesh' variable MPTCPSHIM_OPTIONS --scheduler ecf)" \
    "idle=2 pm=fullmesh scheduler=ecf"
code "wrong words" 0 env MPTCPSHIM_OPTIONS='idle=x' "$launcher" run true
matches "are said" err "'idle=x': not a number"
code "a name with blanks" 125 "$launcher" run --config "$scratch/a b" true

code "check-config" 0 "$launcher" check-config "$scratch/right.conf"
matches "nothing is wrong" out "right.conf: right"
code "check-config of a wrong file" 1 "$launcher" check-config "$scratch/wrong.conf"
is "each error in a line" "$(wc -l <"$scratch/err")" 3
code "check-config --json" 1 "$launcher" check-config --json "$scratch/wrong.conf"
matches "is JSON" out '"line": ?2,'
code "check-config without a file" 0 env XDG_CONFIG_HOME="$scratch/xdg" "$launcher" check-config
matches "looks at the user's" out 'xdg/mptcpshim.conf: right'
code "check-config of nothing" 1 "$launcher" check-config "$scratch/none"
code "check-config of two" 125 "$launcher" check-config a b

code "path without a command" 125 "$launcher" path
code "path list" 0 "$launcher" path list --json
matches "path list is JSON" out '^\['
code "path of a stranger" 125 "$launcher" path list --xml
code "set without a scheduler" 125 "$launcher" set 12345678

cat >"$scratch/static.c" <<'END'
int main(void) { return 0; }
END
if cc -static -o "$scratch/static" "$scratch/static.c" 2>"$scratch/err"; then
    code "a static program runs" 0 "$launcher" run "$scratch/static"
    matches "with a warning" err 'plain TCP: it is statically linked'
fi
code "status" 0 "$launcher" status --json
matches "status is JSON" out '^\[|^  \{'
code "status with an unknown option" 125 "$launcher" status --xml

# Changes of a running agent: paths of its connections, and their scheduler.
cat >"$scratch/change.py" <<'END'
import json, select, socket, subprocess, sys, time

def run(*words):
    return subprocess.run([sys.argv[1], *words], capture_output=True, text=True)

def both(*names):
    listed = json.loads(run("status", "--json").stdout)
    return [x for x in listed if any(n in (x["local"], x["remote"]) for n in names)]

def wait(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()

def flows(ip):
    return [f for x in both(name) for f in x["subflows"]
            if (f["local"] if x["role"] == "client" else f["remote"]).startswith(ip + ":")]

def path(ip):
    return [p for p in json.loads(run("path", "list", "--json").stdout)
            if p["address"] == ip and p["agent"] == agent][0]

import os
agent = os.environ["MPTCPSHIM_AGENT"][:16]
s = socket.create_server(("127.0.0.1", 0))
select.select([s], [], [], 0)  # the listener is marked by this
c = socket.create_connection(s.getsockname())
a, _ = s.accept()
name = "%s:%d" % c.getsockname()
c.sendall(b"x")
a.recv(1)
print(wait(lambda: len(flows("127.0.0.2")) == 2))
print(run("path", "--agent", agent, "set", "127.0.0.2", "backup=yes", "weight=3").returncode)
print(wait(lambda: all(f["backup"] for f in flows("127.0.0.2"))), path("127.0.0.2")["weight"])
print(run("path", "--agent", agent, "set", "127.0.0.2", "backup=no").returncode)
print(wait(lambda: not any(f["backup"] for f in flows("127.0.0.2"))))
print(run("path", "--agent", agent, "add", "127.0.0.3").returncode, wait(lambda: len(flows("127.0.0.3")) >= 2))
print(run("path", "--agent", agent, "del", "127.0.0.2").returncode, wait(lambda: not flows("127.0.0.2")))
print(path("127.0.0.3")["used"])
for wrong in ["set nothing backup=yes", "set 127.0.0.1", "set 127.0.0.1 weight=101", "walk x"]:
    print(run("path", "--agent", agent, *wrong.split()).returncode)
for x in both(name):
    print(run("set", x["token"], "scheduler=minrtt").returncode,
          run("set", x["id"], "scheduler=roundrobin").returncode)
print(sorted(x["scheduler"] for x in both(name)))
print(run("set", both(name)[0]["token"], "scheduler=x").stderr.count("roundrobin"))
print(run("set", "0" * 16, "scheduler=ecf").returncode)
c.sendall(b"y" * 1000)
print(len(a.recv(1000, socket.MSG_WAITALL)))
END
if command -v python3 >"$scratch/out"; then
    is "changes of a running agent" \
        "$("$launcher" run --local 127.0.0.1,127.0.0.2 python3 "$scratch/change.py" "$launcher" 2>&1 | tr '\n' ' ')" \
        "True 0 True 3 0 True 0 True 0 True True 125 125 125 125 0 0 0 0 ['roundrobin', 'roundrobin'] 1 125 1000 "
fi

# Exceptions: a program that is left alone, and a server whose mark does not show.
cat >"$scratch/exceptions.conf" <<'END'
[paths]
local = 127.0.0.1, 127.0.0.2
[programs]
leave-alone = something, loner.py
[peers]
capable = 127.0.0.0/8
END
cat >"$scratch/modes.py" <<END
#!$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)
import json, select, socket, subprocess, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
if sys.argv[2] == "unmarked":
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1200)
s.listen()
select.select([s], [], [], 0)  # the listener is marked by this
c = socket.create_connection(s.getsockname())
c.sendall(b"x" * 1000)
a, _ = s.accept()
print(len(a.recv(1000, socket.MSG_WAITALL)))
name = "%s:%d" % c.getsockname()
listed = json.loads(subprocess.check_output([sys.argv[1], "status", "--json"]))
print([x["mode"] for x in listed if name in (x["local"], x["remote"])])
END
chmod +x "$scratch/modes.py"
cp "$scratch/modes.py" "$scratch/loner.py"

modes() # PROGRAM marked|unmarked CONFIG
{
    "$launcher" run --config "$3" "$1" "$launcher" "$2" 2>"$scratch/err" | tr '\n' ' '
}
if command -v python3 >"$scratch/out"; then
    sed '/^leave/d; /^capable/d' "$scratch/exceptions.conf" >"$scratch/none.conf"
    is "marked: multipath" "$(modes "$scratch/modes.py" marked "$scratch/none.conf")" \
        "1000 ['multipath', 'multipath'] "
    is "left alone: plain" "$(modes "$scratch/loner.py" marked "$scratch/exceptions.conf")" "1000 [] "
    matches "with a warning" err 'loner.py will use plain TCP'
    is "another program is not" "$(modes "$scratch/modes.py" marked "$scratch/exceptions.conf")" \
        "1000 ['multipath', 'multipath'] "
    is "no mark: plain" "$(modes "$scratch/modes.py" unmarked "$scratch/none.conf")" "1000 [] "
    is "no mark, known: multipath" "$(modes "$scratch/modes.py" unmarked "$scratch/exceptions.conf")" \
        "1000 ['multipath', 'multipath'] "
fi

# A program that binds: keeps to its address, or not.
cat >"$scratch/bind.py" <<'END'
import json, select, socket, subprocess, sys, time
s = socket.create_server(("0.0.0.0", 0))
select.select([s], [], [], 0)  # the listener is marked by this
c = socket.socket()
if sys.argv[2] == "bound":
    c.bind(("127.0.0.1", 0))
c.connect(("127.0.0.1", s.getsockname()[1]))
c.sendall(b"x")
a, _ = s.accept()
a.recv(1)
name = "%s:%d" % c.getsockname()
def locals():
    listed = json.loads(subprocess.check_output([sys.argv[1], "status", "--json"]))
    return sorted({f["local"].split(":")[0] for x in listed for f in x["subflows"]
                   if name == x["local"] and f["state"] == "active"})
# Other addresses join at once; that none does has to be waited for.
end = time.monotonic() + (1 if sys.argv[3] == "keep" and sys.argv[2] == "bound" else 20)
while len(locals()) < 2 and time.monotonic() < end:
    time.sleep(0.05)
print(",".join(locals()))
END
if command -v python3 >"$scratch/out"; then
    for policy in any keep; do
        printf '[paths]\nlocal = 127.0.0.1 127.0.0.2\n[connections]\nbind = %s\n' $policy >"$scratch/bind.conf"
        for bound in bound free; do
            wanted=127.0.0.1,127.0.0.2
            [ $policy-$bound != keep-bound ] || wanted=127.0.0.1
            is "bind = $policy, the program is $bound" \
                "$("$launcher" run --config "$scratch/bind.conf" python3 "$scratch/bind.py" "$launcher" $bound $policy)" $wanted
        done
    done
fi

# A connection between two shims, seen by status while it lives.
cat >"$scratch/pair.py" <<'END'
import json, select, socket, subprocess, sys
s = socket.create_server(("127.0.0.1", 0))
select.select([s], [], [], 0)  # the listener is marked by this
c = socket.create_connection(s.getsockname())
a, _ = s.accept()
c.sendall(b"x" * 100000)
left = 100000
while left:
    left -= len(a.recv(left))
name = "%s:%d" % c.getsockname()
listed = json.loads(subprocess.check_output([sys.argv[1], "status", "--json"]))
mine = [x for x in listed if name in (x["local"], x["remote"])]
print(sorted(x["role"] for x in mine), min(len(x["subflows"]) for x in mine) >= 1)
print(subprocess.check_output([sys.argv[1], "status"], text=True).count(name + " -> ") >= 1)
END
if command -v python3 >"$scratch/out"; then
    is "status shows both ends" \
        "$("$launcher" run --local 127.0.0.1 python3 "$scratch/pair.py" "$launcher" 2>&1 | tr '\n' ' ')" \
        "['client', 'server'] True True "
fi

# Monitors: one that runs before any agent of the pair does, and as many as one likes.
listens() # PID: its name is in the table
{
    for _ in $(seq 100); do
        grep -q "@mptcpshim-monitor/$1\$" /proc/net/unix && return
        sleep 0.05
    done
    return 1
}

has_lines() # FILE PATTERN COUNT
{
    for _ in $(seq 100); do
        [ "$(grep -c "$2" "$1")" -ge "$3" ] && return
        sleep 0.05
    done
    return 1
}

code "monitor with an unknown option" 125 "$launcher" monitor --xml
if command -v python3 >"$scratch/out"; then
    "$launcher" monitor >"$scratch/text" &
    text=$!
    "$launcher" monitor --json >"$scratch/json" &
    json=$!
    listens $text && listens $json
    point $? "the monitors are ready"
    "$launcher" run --local 127.0.0.1 sh -c 'echo "${MPTCPSHIM_AGENT%%:*}" >"$3"; python3 "$1" "$2"' x \
        "$scratch/pair.py" "$launcher" "$scratch/agent" >"$scratch/out" 2>&1
    has_lines "$scratch/json" "\"closed\",\"agent\":\"$(cat "$scratch/agent")\"" 2 &&
        has_lines "$scratch/text" ' closed ' 2
    point $? "both ends of a connection were seen to the end"
    matches "the text" text '^[0-9:.]{15} established +[0-9a-f]{8} 127\.0\.0\.1:[0-9]+ -> 127\.0\.0\.1:[0-9]+ dev lo$'
    matches "the reason" text ' subflow_closed .* reason finished$'
    python3 - "$scratch/json" "$(cat "$scratch/agent")" >"$scratch/out" 2>&1 <<'END'
import json, sys, time
events = [json.loads(line) for line in open(sys.argv[1])]
events = [e for e in events if e["agent"] == sys.argv[2]]  # others may be at work here
names = [e["event"] for e in events]
for name in ("created", "established", "subflow_established", "subflow_closed", "closed"):
    assert names.count(name) == 2, (name, names)
for e in events:
    assert abs(e["time"] - time.time()) < 600 and len(e["id"]) == 16 and e["process"] > 0, e
assert {e["role"] for e in events} == {"client", "server"}
END
    is "the JSON" "$? $(cat "$scratch/out")" "0 "
    kill -TERM $text $json
    wait $text
    is "a monitor ends when told to" $? 0
    wait $json
    is "and so does the other" $? 0
fi
echo "1..$n"
