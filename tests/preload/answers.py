#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: answers.py MPTCPSHIM: what the launcher says when agents, files or its own output are not as
they should be. In a network namespace of its own, so that no other agent is asked. TAP."""
import array
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import own_host, plan, point, wait  # noqa: E402

LAUNCHER = os.path.abspath(sys.argv[1])
MAGIC, VERSION = 0x4D505348, 1
DATA_MAX = 1024
NO_ANSWER, FAILURE = 3, 125

own_host("n")


def run(*words, **more):
    """Output is bytes, since what is printed may be none of UTF-8; hangs are failures."""
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    try:
        return subprocess.run([LAUNCHER, *words], timeout=20, stdin=subprocess.DEVNULL, **more)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, "hangs", b"", b"")


def check(name, result, code, out=None, err=None):
    ok = result.returncode == code
    ok = ok and (out is None or re.search(out, result.stdout, re.S) is not None)
    ok = ok and (err is None or re.search(err, result.stderr, re.S) is not None)
    point(ok, name, result.returncode, result.stdout, result.stderr)


# ---- agents that are none ----

def reply(data=b"", magic=MAGIC, version=VERSION, status=0, error=0, length=None):
    head = struct.pack("=IHHiIQ", magic, version, status, error,
                       len(data) if length is None else length, 0)
    return head + data.ljust(DATA_MAX, b"\0")


def memfd(content):
    fd = os.memfd_create("answer", os.MFD_CLOEXEC)
    os.write(fd, content)
    return fd


class Fake:
    """Listens under an agent's name; each request gets this answer: bytes, (bytes, descriptor), None:
    the connection is closed, "silence"."""

    def __init__(self, answer, identity=None):
        self.id = identity or os.urandom(8).hex()
        self.answer = answer
        self.kept = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind("\0mptcpshim/" + self.id)
        self.socket.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn = self.socket.accept()[0]
            except OSError:
                return
            try:
                if conn.recv(4096):
                    self.say(conn)
            except OSError:
                pass
            if self.answer == "silence":
                self.kept.append(conn)
            else:
                conn.close()

    def say(self, conn):
        if isinstance(self.answer, bytes):
            conn.send(self.answer)
        elif isinstance(self.answer, tuple):
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [self.answer[1]]))
            conn.sendmsg([self.answer[0]], [rights])

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


COMMANDS = [("status",), ("status", "--json"), ("path", "list"), ("path", "list", "--json"),
            ("path", "set", "127.0.0.1", "weight=2"), ("set", "12345678", "scheduler=ecf")]


def fakes():
    pipe = os.pipe()
    zero = os.open("/dev/zero", os.O_RDONLY)
    cases = [
        ("one that says nothing", "silence", rb"does not answer"),
        ("one that closes", None, rb"another version"),
        ("one of another version", reply(version=7), rb"it speaks 7, this program 1"),
        ("a wrong magic", reply(magic=1), rb"cannot be understood"),
        ("a short answer", reply()[:10], rb"cannot be understood"),
        ("more data than there is", reply(length=5000), rb"cannot be understood"),
    ]
    lists = [
        ("no descriptor", reply()),
        ("an endless device", (reply(), zero)),
        ("a pipe that nobody writes", (reply(), pipe[0])),
        ("what is no JSON", (reply(), memfd(b"[{"))),
        ("what is no array", (reply(), memfd(b'{"a": 1}'))),
        ("an array of something else", (reply(), memfd(b"[1, null]"))),
    ]
    for name, answer, err in cases:
        with Fake(answer) as fake:
            for words in COMMANDS:
                began = time.monotonic()
                result = run(*words)
                check("%s: %s" % (name, " ".join(words)), result, NO_ANSWER,
                      err=fake.id.encode() + rb".*process %d.*" % os.getpid() + err)
                point(time.monotonic() - began < 4, "in time")
    for name, answer in lists:
        with Fake(answer):
            for words in COMMANDS[:4]:
                check("%s: %s" % (name, " ".join(words)), run(*words), NO_ANSWER,
                      err=rb"cannot be understood")
    # Each of them is short enough; all of them are not.
    long = (reply(), memfd(b"[]" + b" " * (30 << 20)))
    with Fake(long), Fake(long), Fake(long):
        result = run("status", "--json")
        check("long answers", result, NO_ANSWER, err=rb"cannot be understood")
        point(result.stderr.count(b"cannot be understood") == 1, "one is too long", result.stderr)
    with Fake("silence"), Fake("silence"), Fake("silence"), \
            Fake((reply(), memfd(b'[{"local": "here"}]'))):
        began = time.monotonic()
        result = run("status", "--json")
        check("several are asked at once, and one answers", result, NO_ANSWER,
              out=rb'"local": ?"here"')
        point(result.stderr.count(b"does not answer") == 3 and time.monotonic() - began < 4,
              "each that does not is named")


def full_queue():
    """Nobody accepts, and the queue is full."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    name = "\0mptcpshim/" + "ab" * 8
    listener.bind(name)
    listener.listen(0)
    callers = []
    try:
        while True:
            caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            callers.append(caller)
            caller.setblocking(False)
            caller.connect(name)
    except BlockingIOError:
        pass
    check("a full queue", run("status"), NO_ANSWER, err=rb"ab" * 8 + rb" does not answer")
    for s in [*callers, listener]:
        s.close()


NASTY = b'[{"local": "a\\u001b[2Jb\\nc \xff \xc2\x9b \x7f", "remote": "\xe2\x80\xae", "mode": "\\u0007",' \
        b' "address": "\\u001b", "subflows": [{"state": "\\u001b]0;x\\u0007"}]}]'


def harmless(output):
    output.decode("utf-8")  # an error is a failure
    return not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae", output)


def control_bytes():
    with Fake((reply(), memfd(NASTY))):
        for words in COMMANDS[:4]:
            result = run(*words)
            point(result.returncode == 0 and harmless(result.stdout),
                  "control bytes of an agent: " + " ".join(words), result)
        point(len(json.loads(run("status", "--json").stdout)) == 1, "and the JSON is JSON")
    with Fake(reply(b"no \x1b[31m\n", status=2, error=22)):
        result = run("path", "set", "127.0.0.1", "weight=2")
        point(result.returncode == FAILURE and harmless(result.stderr) and b"no " in result.stderr,
              "control bytes in a refusal", result)
    result = run("\x1b[31m")
    point(result.returncode == FAILURE and harmless(result.stderr), "control bytes of a word", result)


# ---- an agent that is one ----

PAIR = """
import select, socket, sys
s = socket.create_server(("127.0.0.1", 0))
waiting = select.poll()  # the listener is marked by this
waiting.register(s, select.POLLIN)
waiting.poll(0)
c = socket.create_connection(s.getsockname())
a, _ = s.accept()
c.sendall(b"x")
a.recv(1)
print("ready", flush=True)
sys.stdin.read()
"""


def agent_of(identity):
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and open("/proc/%s/comm" % name).read() == "mptcpshim-agent\n" and \
                    identity in open("/proc/%s/environ" % name, "rb").read():
                return int(name)
        except OSError:
            pass
    return None


def stopped():
    program = subprocess.Popen([LAUNCHER, "run", "--local", "127.0.0.1", sys.executable, "-c", PAIR],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    program.stdout.readline()
    listed = json.loads(run("status", "--json").stdout)
    identity = json.loads(run("path", "list", "--json").stdout)[0]["agent"]
    agent = agent_of(identity.encode())
    point(len(listed) >= 2 and agent is not None, "the agent is there", listed)
    os.kill(agent, signal.SIGSTOP)
    monitor = subprocess.Popen([LAUNCHER, "monitor", "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    for words in COMMANDS:
        began = time.monotonic()
        check("stopped: " + " ".join(words), run(*words), NO_ANSWER,
              err=b"agent %s .process %d of user %d. does not answer" %
              (identity.encode(), agent, os.geteuid()))
        point(time.monotonic() - began < 4, "in time")
    point(run("status").stdout == b"", "nothing is claimed about connections")
    line = monitor.stderr.readline()
    point(b"does not answer" in line, "the monitor says so, too", line)
    os.kill(agent, signal.SIGCONT)
    check("it goes on", run("status"), 0, out=rb"multipath")
    check("a bad value is named", run("set", listed[0]["token"], "scheduler=fastest"), FAILURE,
          err=rb"scheduler=fastest")
    check("another", run("path", "set", "127.0.0.1", "weight=300"), FAILURE, err=rb"weight=300")
    program.communicate(b"")
    seen, _, _ = select.select([monitor.stdout], [], [], 20)
    event = json.loads(monitor.stdout.readline()) if seen else {}
    point(event.get("agent") == identity, "and the monitor has its events", event)
    monitor.send_signal(signal.SIGTERM)
    point(monitor.wait(10) == NO_ANSWER, "and its exit code tells", monitor.returncode)
    monitor.communicate()


# ---- words, files, output ----

def words():
    check("no id", run("path", "--agent", "xyz", "add", "lo"), FAILURE, err=rb"'xyz' is no agent's id")
    check("nobody's id", run("path", "--agent", "0" * 16, "add", "lo"), FAILURE,
          err=rb"no agent 0{16} runs")
    check("no token", run("set", "zzz", "scheduler=ecf"), FAILURE, err=rb"'zzz'")
    check("no agent", run("set", "12345678", "scheduler=ecf"), FAILURE, err=rb"no agent of yours")
    check("status of none", run("status"), 0, out=rb"nothing of yours runs")
    check("an address of others", run("run", "--local", "127.0.0.1,192.0.2.77", "true"), FAILURE,
          err=rb"no address 192\.0\.2\.77; it has .*127\.0\.0\.1")
    check("any of loopback", run("run", "--local", "127.0.0.1,127.9.9.9", "true"), 0, err=rb"^$")
    for command in ("run", "status", "monitor", "path", "set", "check-config"):
        result = run(command, "--help")
        check(command + " --help", result, 0, out=b"^Usage: mptcpshim " + command.encode())
        point(result.stdout.count(b"Exit status") == 1, "is about this command", result.stdout)
        point(run("help", command).stdout == result.stdout, "help " + command)
    check("help of nothing", run("help", "walk"), FAILURE, err=rb"'walk'")
    check("-V", run("-V"), 0, out=rb"^mptcpshim \d+\.\d+\.\d+( \(commit [0-9a-f]+\+?\))?\n$")


def files(scratch):
    fifo, loud = os.path.join(scratch, "fifo"), os.path.join(scratch, "loud")
    os.mkfifo(fifo)
    with open(loud, "wb") as f:
        f.write(b"[connections]\n\x1b[31mred = \x9b1\xff\n")
    for name in (fifo, scratch, "/dev/zero", "/dev/tty"):
        check("configuration is " + name.replace(scratch, "DIR"),
              run("check-config", name), 1, err=rb"not a regular file|directory|No such")
        check("run with it", run("run", "--config", name, "true"), FAILURE)
    for name in (fifo, "/dev/zero"):
        check("by the environment", run("run", "true", env={**os.environ, "MPTCPSHIM_CONFIG": name}),
              FAILURE, err=rb"not a regular file")
    check("/dev/null is an empty one", run("run", "--config", "/dev/null", "true"), 0, err=rb"^$")
    for command in (("check-config", loud), ("run", "--config", loud, "true")):
        result = run(*command)
        point(harmless(result.stderr) and b"\\x1b" in result.stderr,
              "control bytes of a file: " + command[0], result)
    result = run("check-config", "--json", loud)
    point(harmless(result.stdout) and len(json.loads(result.stdout)) == 1, "the same as JSON", result)
    for log in (os.path.join(scratch, "no", "log"), scratch, fifo, "/proc/nothing"):
        check("a log at " + log.replace(scratch, "DIR"), run("run", "--log", log, "true"), FAILURE,
              err=b"--log: " + re.escape(log.encode()))


def output():
    full = open("/dev/full", "wb")
    for command in (("--version",), ("help",), ("status",), ("status", "--json"), ("path", "list"),
                    ("run", "--help"), ("check-config", "/dev/null")):
        check("full: " + " ".join(command), run(*command, stdout=full), FAILURE,
              err=rb"standard output: No space left")
    result = subprocess.run(["sh", "-c", '"$1" --version >&-', "x", LAUNCHER], capture_output=True)
    check("closed", result, FAILURE, err=rb"standard output: Bad file descriptor")
    with Fake("silence"):
        result = subprocess.run(["sh", "-c", '"$1" status 2>&- >&- <&-', "x", LAUNCHER])
        point(result.returncode in (NO_ANSWER, FAILURE), "everything is closed", result)
    monitor = subprocess.Popen([LAUNCHER, "monitor"], stdout=full, stderr=subprocess.PIPE)
    run("run", "--local", "127.0.0.1", sys.executable, "-c", PAIR)
    point(monitor.wait(20) == FAILURE and b"No space left" in monitor.stderr.read(),
          "a monitor that cannot write ends")


subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with tempfile.TemporaryDirectory() as directory:
    words()
    files(directory)
    output()
    # Agents of the programs above end when nothing is left to do; those below are counted.
    wait(lambda: json.loads(run("path", "list", "--json").stdout) == [], 30)
    fakes()
    full_queue()
    control_bytes()
    stopped()
plan()
