#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: report.py MPTCPSHIM: what is in the file of `bugreport`, and what is not: keys, secrets, tokens,
and, if it is asked for, addresses. In a network namespace of its own, with a connection. TAP."""
import json
import os
import re

import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import own_host, plan, point, wait  # noqa: E402

LAUNCHER = os.path.abspath(sys.argv[1])
SECRET = "correct-horse-battery-staple-0123456789abcdef"
own_host("n", HOME="/nonexistent")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", "192.0.2.77/32", "dev", "lo"], check=True)
subprocess.run(["ip", "address", "add", "2001:db8::77/128", "dev", "lo"], check=True)


def call(*words, **more):
    return subprocess.run([LAUNCHER, *words], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, **more)


def read(file):
    with open(file, encoding="utf-8") as report:
        return report.read()


ECHO = """
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 7000))
listener.setblocking(False)
try: listener.accept()  # it is marked when the program first accepts
except BlockingIOError: listener.setblocking(True)
client = socket.create_connection(('127.0.0.1', 7000))
server = listener.accept()[0]
client.sendall(b'the bytes of a program')
server.recv(100)
print(os.environ['MPTCPSHIM_AGENT'], flush=True)
sys.stdin.read()
"""


def main(directory):
    psk, configuration = directory + "/psk", directory + "/conf"
    with open(psk, "w", encoding="utf-8") as file:
        file.write("any " + SECRET.encode().hex() + "\n")
    os.chmod(psk, 0o600)
    with open(configuration, "w", encoding="utf-8") as file:
        file.write("# a comment\n[connections]\nscheduler = ecf\n[nonsense]\npassword = %s\n[peers]\npsk = %s\n"
                   "psk-key = %s\n%s\n" % (SECRET, psk, SECRET, SECRET))
    os.environ["MPTCPSHIM_CONFIG"] = configuration
    program = subprocess.Popen([LAUNCHER, "run", "--local", "127.0.0.1,127.0.0.2", "python3", "-c", ECHO],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    agent, secret, _ = program.stdout.readline().strip().split(":")
    point(wait(lambda: '"multipath"' in call("status", "--json").stdout), "there is a connection")
    tokens = re.findall(r'"(?:peer_)?token":"([0-9a-f]{8})"', call("status", "--json").stdout.replace(" ", ""))
    tokens = [token for token in tokens if token != "00000000"]
    report = directory + "/report"
    result = call("bugreport", report, env={**os.environ, "MPTCPSHIM_OPTIONS": "scheduler=ecf password=" + SECRET})
    text = read(report)
    point(result.returncode == 0 and report in result.stdout and "IP addresses" in result.stdout, "it is written",
          result)
    point(stat.S_IMODE(os.stat(report).st_mode) == 0o600, "nobody else may read it")
    for what, pattern in (("the version", r"mptcpshim \d+\.\d+"), ("the kernel", "Linux "),
                          ("addresses", r"192\.0\.2\.77"), ("routes", "route show"), ("settings", "tcp_timestamps = "),
                          ("limits", "Max open files"), ("the configuration", "scheduler = ecf"),
                          ("the name of a file of keys", "psk = " + re.escape(psk)), ("the agent", agent),
                          ("connections", '"scheduler"'), ("words", "scheduler=ecf"), ("events", "==== Events")):
        point(re.search(pattern, text) is not None, "it has " + what)
    point(len(tokens) >= 2, "there are tokens to be found", tokens)
    for what, word in (("no key", SECRET.encode().hex()), ("no word of unknown keys", SECRET),
                       ("no secret of the agent", secret), ("no data", "bytes of a program"),
                       *(("no token", token) for token in tokens)):
        point(word not in text, "it has " + what)
    again = call("bugreport", report)
    point(again.returncode == 125 and "--force" in again.stderr and read(report) == text, "nothing is overwritten",
          again)
    forced = call("bugreport", "--force", "--hide-addresses", report)
    hidden = read(report)
    point(forced.returncode == 0 and stat.S_IMODE(os.stat(report).st_mode) == 0o600, "unless --force says so", forced)
    point("192.0.2.77" not in hidden and "2001:db8::77" not in hidden and "address-1" in hidden and
          "127.0.0.1" in hidden, "addresses are hidden, loopback ones are not")
    point(json.loads("[%s]" % ",".join(set(re.findall(r'"remote":("[^"]*")', hidden.replace(" ", ""))))) != [],
          "connections are still there")
    here = call("bugreport", cwd=directory)
    point(here.returncode == 0 and any(name.startswith("mptcpshim-report-") for name in os.listdir(directory)),
          "without a name it has the time in it", here)
    program.stdin.close()
    program.wait(timeout=20)


with tempfile.TemporaryDirectory() as scratch:
    main(scratch)
plan()
