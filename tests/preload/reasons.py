#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: reasons.py MPTCPSHIM: connections that stay plain TCP are counted or listed with the reason,
at both ends, in text, JSON and events. In a network namespace of its own. TAP."""
import ctypes
import json
import os
import platform
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile

HERE = os.path.abspath(__file__)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import own_host, plan, point, wait  # noqa: E402

LAUNCHER = os.path.abspath(sys.argv[1])
ADDRESS = "192.0.2.1"  # of this host, and not of its loopback network

def forbid_unix():
    """socket(AF_UNIX) fails from here on, as by RestrictAddressFamilies=."""
    number = {"x86_64": 41, "aarch64": 198}[platform.machine()]
    code = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, socket.AF_UNIX),
            (0x06, 0, 0, 0x00050000 | 97), (0x06, 0, 0, 0x7fff0000)]
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(program)
    fprog = struct.pack("HL", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, fprog, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if sys.argv[2:3] == ["child"]:
    # The program under the shim: each line of its input is an action, each answer one of its output.
    kept = []
    for line in sys.stdin:
        words = line.split()
        if words[0] == "listen":
            s = socket.socket()
            if "option" in words:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1200)
            s.bind((words[1], int(words[2]) if words[2:3] and words[2].isdigit() else 0))
            s.listen(16)
            if "early" not in words:
                waiting = select.poll()  # the listener is marked by this
                waiting.register(s, select.POLLIN)
                waiting.poll(0)
            print(s.getsockname()[1], flush=True)
        elif words[0] == "connect":
            s = socket.socket()
            if "option" in words:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1200)
            if "shared" in words:
                kept.append(s.dup())
            s.connect((words[1], int(words[2])))
            print("connected", flush=True)
        elif words[0] == "others":
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            u.connect(("127.0.0.1", 9))
            a = socket.socket(socket.AF_UNIX)
            a.bind("\0reasons-%d" % os.getpid())
            a.listen()
            b = socket.socket(socket.AF_UNIX)
            b.connect(a.getsockname())
            kept.extend([u, a, b, a.accept()[0]])
            print("done", flush=True)
        elif words[0] == "accept":
            s = kept[int(words[1])].accept()[0]
            print("accepted", flush=True)
        elif words[0] == "elsewhere":
            # The program waits, and a system call of its own accepts.
            number = {"x86_64": 288, "aarch64": 242}[platform.machine()]
            waiting = select.poll()
            waiting.register(kept[int(words[1])], select.POLLIN)
            waiting.poll(20000)
            fd = ctypes.CDLL(None).syscall(number, kept[int(words[1])].fileno(), None, None, 0)
            s = socket.socket(fileno=fd)
            waiting.poll(0)
            print("accepted", flush=True)
        elif words[0] == "forbid":
            forbid_unix()
            print("forbidden", flush=True)
            continue
        elif words[0] == "send":
            kept[-1].sendall(b"GET\n")
            print("sent", flush=True)
            continue
        kept.append(s)
    sys.exit(0)

own_host("ni", MPTCPSHIM_OPTIONS="idle=1")


def mark(name):
    header = os.path.join(os.path.dirname(HERE), "..", "..", "lib", "handover", "marks.h")
    return int(re.search(r"#define %s +(\d+)" % name, open(header).read()).group(1))


def status(*options):
    return subprocess.run([LAUNCHER, "status", *options], capture_output=True, text=True).stdout


def counts():
    return {(x["role"], x["reason"]): x["count"] for x in json.loads(status("--json"))
            if x["state"] == "counted"}


class Tree:
    """A program under the shim that does what it is told, and an agent of its own."""

    def __init__(self, *options, **more):
        self.process = subprocess.Popen(
            [LAUNCHER, "run", *options, sys.executable, HERE, LAUNCHER, "child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.communicate("")
        # The agents of one case are not those of the next.
        wait(lambda: status("--json").strip() in ("[]", "[\n]"))


def expect(name, wanted):
    wait(lambda: counts() == wanted, 5)
    got = counts()
    point(got == wanted, name, got, wanted)


def native():
    with socket.create_server((ADDRESS, 0)) as outside, Tree() as t:
        port = t.do("listen", "127.0.0.1")
        t.do("connect", "127.0.0.1", port)
        t.do("accept", 0)
        expect("loopback", {("client", "loopback"): 1, ("server", "loopback"): 1})
        t.do("others")
        expect("nothing but TCP is counted", {("client", "loopback"): 1, ("server", "loopback"): 1})
        text = status()
        point(re.search(r"plain TCP as client: 1  loopback 1\n", text) is not None and
              "no peer" not in text, "the text says so, too", text)
        plain_port = outside.getsockname()[1]
        t.do("connect", ADDRESS, plain_port)
        t.do("connect", ADDRESS, plain_port)
        got = {("client", "loopback"): 1, ("server", "loopback"): 1, ("client", "peer-unmarked"): 1,
               ("client", "recently-plain"): 1}
        expect("a plain server, and again at once", got)
    with Tree() as t:
        port = int(t.do("listen", ADDRESS))
        client = socket.create_connection((ADDRESS, port))
        t.do("accept", 0)
        expect("a plain client", {("server", "peer-unmarked"): 1})
        client.close()
        port = int(t.do("listen", ADDRESS, "early"))
        client = socket.create_connection((ADDRESS, port))
        t.do("accept", 2)
        expect("a client that comes before the listener is marked",
               {("server", "peer-unmarked"): 1, ("server", "listener-unmarked"): 1})
        client.close()
    with Tree() as t:
        port = int(t.do("listen", ADDRESS))
        client = socket.create_connection((ADDRESS, port))
        t.do("elsewhere", 0)
        expect("a listener that is accepted from by other means",
               {("server", "accepted-elsewhere"): 1})
        t.do("connect", ADDRESS, port)
        expect("and that is plain from then on",
               {("server", "accepted-elsewhere"): 1, ("client", "peer-unmarked"): 1})
        client.close()
    with socket.create_server((ADDRESS, 0)) as outside, Tree() as t:
        port = outside.getsockname()[1]
        t.do("connect", ADDRESS, port, "option")
        t.do("connect", ADDRESS, port, "shared")
        port = int(t.do("listen", ADDRESS, "option"))
        client = socket.create_connection((ADDRESS, port))
        t.do("accept", 2 + 1)
        client.close()
        expect("options of the program, and a copy of the descriptor",
               {("client", "program-option"): 1, ("client", "shared"): 1,
                ("server", "program-option"): 1})


def left_alone(scratch):
    config = os.path.join(scratch, "conf")
    with open(config, "w") as f:
        f.write("[programs]\nleave-alone = %s\n" % os.path.basename(sys.executable))
    with socket.create_server((ADDRESS, 0)) as outside, \
            Tree("--config", config, stderr=subprocess.DEVNULL) as t:
        t.do("connect", ADDRESS, outside.getsockname()[1])
        expect("a program that is left alone", {("client", "leave-alone"): 1})


def left_ports(scratch):
    """Gateways read what goes to some ports."""
    with Tree() as t:
        t.do("listen", ADDRESS, 21)
        t.do("connect", ADDRESS, 21)
        t.do("accept", 0)
        expect("the port of FTP, at both ends",
               {("client", "leave-alone"): 1, ("server", "leave-alone"): 1})
    config = os.path.join(scratch, "conf")
    for value, port, left in (("none", 21, False), ("7021, 7022", 21, False),
                              ("7021, 7022", 7022, True)):
        with open(config, "w") as f:
            f.write("[programs]\nleave-ports = %s\n" % value)
        with Tree("--config", config) as t:
            t.do("listen", ADDRESS, port)
            t.do("connect", ADDRESS, port)
            t.do("accept", 0)
            name = "leave-ports = %s: port %d" % (value, port)
            if left:
                expect(name, {("client", "leave-alone"): 1, ("server", "leave-alone"): 1})
            else:
                point(wait(lambda: [x["mode"] for x in json.loads(status("--json"))
                                    if x["mode"] != "none"] == ["multipath"] * 2),
                      name, status("--json"))


def confined():
    """The counts tell although nothing can be said to an agent. Another tree shows that they do."""
    with socket.create_server((ADDRESS, 0)) as outside, Tree() as t:
        t.do("forbid")
        outside.settimeout(20)
        port = t.do("listen", ADDRESS)
        client = socket.create_connection((ADDRESS, int(port)))
        t.do("accept", 0)
        expect("AF_UNIX is forbidden", {("server", "no-agent"): 1})
        client.close()


def relayed():
    """The marks are right, and the peer is none."""
    monitor = subprocess.Popen([LAUNCHER, "monitor", "--json"], stdout=subprocess.PIPE, text=True)
    server = socket.socket()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mark("MPS_MARK_LISTEN"))
    server.bind((ADDRESS, 0))
    server.listen()
    wait(lambda: "@mptcpshim-monitor/%d\n" % monitor.pid in open("/proc/net/unix").read())
    with Tree() as t:
        t.do("connect", ADDRESS, server.getsockname()[1])
        first = server.accept()[0]
        t.do("send")
        server.settimeout(20)
        second = server.accept()[0]  # HELLO was not answered
        point(second.recv(4) == b"GET\n", "it came back plain")
        plain = [x for x in json.loads(status("--json")) if x["mode"] == "plain"]
        point([x["reason"] for x in plain] == ["no-answer"], "no answer, in JSON", plain)
        point("plain (no-answer)" in status(), "and in the text", status())
        first.close()
        second.close()
    with Tree() as t:
        port = int(t.do("listen", ADDRESS))
        client = socket.socket()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mark("MPS_MARK_CONNECT"))
        client.connect((ADDRESS, port))
        client.sendall(b"GET / HTTP/1.1\r\n")
        t.do("accept", 0)
        wait(lambda: "no-hello" in status())
        point("plain (no-hello)" in status(), "a marked client that sends something else", status())
        client.close()
    with Tree() as t:
        port = t.do("listen", "127.0.0.1")
        t.do("connect", "127.0.0.1", port)
        seen = []
        while not seen or seen[-1].get("reason") != "loopback":
            line = json.loads(monitor.stdout.readline())
            if line["event"] == "plain":
                seen.append(line)
    reasons = [(x["role"], x["reason"], x.get("count")) for x in seen]
    point(reasons == [("client", "no-answer", None), ("server", "no-hello", None),
                      ("client", "loopback", 1)], "the events", reasons)
    monitor.send_signal(signal.SIGTERM)
    monitor.communicate()


def gone():
    """Nothing is left behind."""
    point(wait(lambda: len(open("/proc/sysvipc/shm").readlines()) == 1), "no segment is left",
          open("/proc/sysvipc/shm").read())
    program = subprocess.run([LAUNCHER, "run", "/nonexistent"], capture_output=True)
    point(program.returncode == 127 and
          wait(lambda: len(open("/proc/sysvipc/shm").readlines()) == 1), "nor by a run that failed")


subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", ADDRESS + "/32", "dev", "lo"], check=True)
with tempfile.TemporaryDirectory() as directory:
    native()
    left_alone(directory)
    left_ports(directory)
    if platform.machine() in ("x86_64", "aarch64"):
        confined()
    relayed()
    gone()
plan()
