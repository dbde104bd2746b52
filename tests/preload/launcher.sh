#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: launcher.sh MPTCPSHIM
# The launcher: exit codes, environment, warnings, status. One TAP line per check.
directory=$(cd "$(dirname "$1")" && pwd)
launcher=$directory/mptcpshim
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset LD_PRELOAD MPTCPSHIM_AGENT MPTCPSHIM_AGENT_PATH MPTCPSHIM_OPTIONS
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
matches "usage on stderr" err '^Usage: '
code "unknown subcommand" 125 "$launcher" walk
code "help" 0 "$launcher" help
matches "usage on stdout" out '^Usage: '
code "--help" 0 "$launcher" --help
code "--version" 0 "$launcher" --version
matches "the version" out '^mptcpshim [0-9]+\.[0-9]+\.[0-9]+$'

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
code "not a time" 125 "$launcher" run --no-subflow-timeout 86401 true
code "not a range of ports" 125 "$launcher" run --join-port 4000-3999 true
code "no end of the range" 125 "$launcher" run --join-port 4000- true
code "options of the program are its own" 3 "$launcher" run --join-port 4000 sh -c 'exit "$1"' x 3
code "-- ends the options" 0 "$launcher" run -- true

variable() # NAME [RUN-ARGUMENT...]: what the program sees
{
    variable_name=$1
    shift
    "$launcher" run "$@" printenv "$variable_name"
}

library=$directory/libmptcpshim_preload.so
is "LD_PRELOAD" "$(variable LD_PRELOAD)" "$library"
is "an existing LD_PRELOAD is kept" "$(LD_PRELOAD=libm.so.6 variable LD_PRELOAD)" "libm.so.6:$library"
is "the library is there once" "$(LD_PRELOAD=$library variable LD_PRELOAD)" "$library"
is "the agent" "$(variable MPTCPSHIM_AGENT_PATH)" "$directory/mptcpshim-agent"
variable MPTCPSHIM_AGENT >"$scratch/out"
matches "id, secret, uid" out "^[0-9a-f]{16}:[0-9a-f]{32}:$(id -u)\$"
is "options" "$(variable MPTCPSHIM_OPTIONS --local 127.0.0.1,::1 --scheduler minrtt --max-subflows 3 --join-port 7-9 --no-subflow-timeout 0 --log /x)" \
    "local=127.0.0.1,::1 scheduler=minrtt max-subflows=3 join-port=7-9 no-subflow-timeout=0 verbose=/x"
is "a relative log" "$(cd "$scratch" && variable MPTCPSHIM_OPTIONS --log l)" "verbose=$scratch/l"
is "no options" "$(variable MPTCPSHIM_OPTIONS)" ""
[ "$(variable MPTCPSHIM_AGENT)" != "$(variable MPTCPSHIM_AGENT)" ]
point $? "each run has an agent of its own"

nested() # [OPTION...]: do a run and one within it have the same agent?
{
    "$launcher" run sh -c 'echo "$MPTCPSHIM_AGENT"; "$@" printenv MPTCPSHIM_AGENT' x "$launcher" run "$@" |
        uniq | wc -l
}
is "a run within a run has the same agent" "$(nested)" 1
is "unless its options differ" "$(nested --max-subflows 2)" 2

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

# A connection between two shims, seen by status while it lives.
cat >"$scratch/pair.py" <<'END'
import json, socket, subprocess, sys
s = socket.create_server(("127.0.0.1", 0))
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
