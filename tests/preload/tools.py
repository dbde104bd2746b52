#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: tools.py MPTCPSHIM: every command where something is wrong with its words, its files, the agents,
its descriptors or its rights: one line on standard error that says what, the exit code of the page, no
crash, and an end in time. In a network namespace of its own. TAP."""
import fcntl
import os
import pty
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import own_host, plan, point  # noqa: E402

LAUNCHER = os.path.abspath(sys.argv[1])
TRACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../preload/launcher/mptcpshim-trace")
PATIENCE = 15
NO_ANSWER, FAILURE, NOT_EXECUTABLE, NOT_FOUND = 3, 125, 126, 127
TOKEN, ADDRESS = "12345678", "127.0.0.1"

own_host("n", MPTCPSHIM_CONFIG="/dev/null", HOME="/nonexistent")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

# Right as they are; `status` stands for what asks agents and prints.
COMMANDS = {
    "run": ["run", "true"],
    "status": ["status"],
    "status --json": ["status", "--json"],
    "status --openmetrics": ["status", "--openmetrics"],
    "top --once": ["top", "--once"],
    "path list": ["path", "list"],
    "path set": ["path", "set", ADDRESS, "weight=2"],
    "set": ["set", TOKEN, "scheduler=ecf"],
    "check": ["check", ADDRESS, "9"],
    "check-config": ["check-config"],
    "check-program": ["check-program", "sh"],
    "enable": ["enable", "--root", "ROOT", "fine"],
    "enable --dry-run": ["enable", "--dry-run", "--root", "ROOT", "fine"],
    "disable": ["disable", "--root", "ROOT", "fine"],
    "bugreport": ["bugreport", "--force", "ROOT/report"],
    "completions": ["completions", "bash"],
    "help": ["help"],
}


def call(words, **more):
    """-1: it hangs; other negative codes are signals."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    try:
        result = subprocess.run(words, timeout=PATIENCE, **more)
        return result.returncode, result.stdout or b"", result.stderr or b""
    except subprocess.TimeoutExpired as late:
        return "hangs", late.stdout or b"", late.stderr or b""


def fault(name, words, code, what, **more):
    """One line, with `what` in it, and nothing beside it."""
    got, out, err = call([LAUNCHER, *words] if words[0] != TRACE else words, **more)
    lines = err.decode(errors="replace").splitlines()
    # check-config's lines are those of an editor: they begin with the file.
    begins = "/" if words[0] == "check-config" and code == 1 else "mptcpshim"
    point(got == code and len(lines) == 1 and lines[0].startswith(begins) and
          re.search(what, lines[0]) is not None, "%s: %s" % (name, " ".join(words)[:60]), got, out[:300], err)


def wrong_words(root):
    for name in COMMANDS:
        command = name.split()[0]
        if command not in ("help", "run", "path", "set", "completions"):
            fault("an unknown option", [command, "--nonsense"], FAILURE, "nonsense.*--help")
    for words, what in ((["run", "--nonsense", "true"], "nonsense.*--help"), (["run"], "which program"),
                        (["path"], "--help"), (["set"], "--help"), (["completions"], "bash"),
                        (["help", "nonsense"], "nonsense"), (["nonsense"], "nonsense"), ([], "mptcpshim help"),
                        (["check", "host"], "which port"), (["check", "host", "70000"], "no port"),
                        (["check", "host", "-1"], "-1"), (["check", "a", "1", "c"], "one host"),
                        (["check-program"], "which file"), (["enable"], "which unit"),
                        (["enable", "../etc"], "no name"), (["enable", "a", "b"], "one unit"),
                        (["enable", "--root", "relative", "fine"], "from the root"),
                        (["enable", "--root", root, "--scheduler", "none", "fine"], "allowed: ecf"),
                        (["enable", "--root", root, "none"], "no unit"),
                        (["bugreport", "a", "b"], "--help"), (["monitor", "--nonsense"], "nonsense.*--help"),
                        (["monitor", "more"], "--help"), (["top", "--interval", "0"], "interval"),
                        (["top", "--interval", "x"], "interval"), (["top", "more"], "--help")):
        fault("wrong words", words, FAILURE, what) if words else \
            fault("no words", [LAUNCHER][1:] + [""], FAILURE, what)


def wrong_files(root):
    fifo, garbage = os.path.join(root, "fifo"), os.path.join(root, "garbage")
    os.mkfifo(fifo)
    with open(garbage, "wb") as file:
        file.write(random.Random(1).randbytes(3000))
    os.chmod(garbage, 0o600)
    for name, file in (("missing", "/nonexistent/file"), ("a FIFO", fifo), ("a folder", root)):
        fault(name, ["run", "--config", file, "true"], FAILURE, re.escape(file))
        fault(name, ["run", "--psk", file, "true"], FAILURE, re.escape(file))
        fault(name, ["check-config", file], 1, re.escape(file))
        fault(name, ["check", "--config", file, ADDRESS, "9"], FAILURE, re.escape(file))
        fault(name, ["check-program", file], NOT_FOUND if name == "missing" else NOT_EXECUTABLE,
              re.escape(file))
    fault("missing", ["bugreport", "/nonexistent/file"], FAILURE, "/nonexistent/file")
    for file in (fifo, garbage, root):
        fault("there already", ["bugreport", file], FAILURE, "--force")
    fault("garbage", ["check-program", garbage], NOT_EXECUTABLE, "garbage")
    fault("garbage", ["run", "--psk", garbage, "true"], FAILURE, "garbage")
    for words in (["run", "--config", garbage, "true"], ["check-config", garbage],
                  ["bugreport", "--force", root + "/report"]):
        got, _, err = call([LAUNCHER, *words], env={**os.environ, "MPTCPSHIM_CONFIG": garbage})
        point(got in (0, 1, FAILURE) and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", err), "garbage: " + " ".join(words)[:60],
              got, err)
    for words, what in (([TRACE, "/nonexistent/file"], "No such file"), ([TRACE, garbage], "no record"),
                        ([TRACE, root], "directory")):
        fault("a trace", words, 1, what)
    # What is known of peers is read by agents, which take what they understand.
    os.makedirs(root + "/run/mptcpshim", 0o700, exist_ok=True)
    os.chmod(root + "/run", 0o700)
    shutil.copy(garbage, root + "/run/mptcpshim/peers")
    got, out, err = call([LAUNCHER, "run", "true"], env={**os.environ, "XDG_RUNTIME_DIR": root + "/run"})
    point((got, out, err) == (0, b"", b""), "garbage as known peers", got, out, err)


def silent_agent():
    """It listens, takes connections, and says nothing."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind("\0mptcpshim/00112233445566ff")
    listener.listen(64)
    return listener


def agents(root):
    fault("no agent", COMMANDS["path set"], FAILURE, "no agent")
    fault("no agent", COMMANDS["set"], FAILURE, "no agent")
    for name in ("status", "path list"):
        got, out, err = call([LAUNCHER, *COMMANDS[name]])
        point(got == 0 and not err and b"o" in out, "no agent: " + name, got, out, err)
    with silent_agent():
        for name in ("status", "status --json", "status --openmetrics", "top --once", "path list", "path set", "set"):
            fault("a silent agent", COMMANDS[name], NO_ANSWER, "does not answer")
        fault("a silent agent", ["bugreport", "--force", root + "/report"], NO_ANSWER, "does not answer")
        with open(root + "/report", encoding="utf-8") as file:
            point("00112233445566ff" in file.read(), "the report says so")
    # A live screen needs a terminal, events somebody who reads them.
    fault("no terminal", ["top"], FAILURE, "terminal.*--once")
    fault("nobody listens", COMMANDS["check"], 4, "port 9: Connection refused")


def place(words, root):
    return [LAUNCHER] + [word.replace("ROOT", root) for word in words]


def descriptors(root):
    for name, words in COMMANDS.items():
        if name in ("run", "set", "path set", "check"):
            continue  # they print nothing here
        with open("/dev/full", "w") as full:
            got, _, err = call(place(words, root), stdout=full)
        point(got == FAILURE and err.count(b"\n") == 1 and b"No space left" in err, "/dev/full: " + name, got, err)
    with open("/dev/full", "w") as full:
        trace = root + "/trace"
        with open(trace, "w", encoding="utf-8") as file:
            file.write('{"file_schema": "t"}\n')
        got, _, err = call([TRACE, "--json", trace], stdout=full)
        point(got == 1 and err == b"mptcpshim-trace: standard output: No space left on device\n",
              "/dev/full: mptcpshim-trace", got, err)
    for name, words in COMMANDS.items():
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            got, _, _ = call(["sh", "-c", '"$@" ' + closed, "sh", *place(words, root)])
            fine = (0, 4) if name == "check" else (0, FAILURE)
            point(got in fine, "closed (%s): %s" % (closed, name), got)


def narrow(root):
    """A terminal of 40 columns."""
    for name, words in COMMANDS.items():
        if name in ("run", "set", "path set"):
            continue
        control, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
        reader = subprocess.Popen(["cat"], stdin=control, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(control)
        got, _, err = call(place(words, root), stdout=terminal)
        os.close(terminal)
        reader.wait(timeout=PATIENCE)
        point(got == (4 if name == "check" else 0), "40 columns: " + name, got, err)


def other_user(root):
    # In a user namespace of one user there is no other one.
    if os.geteuid() != 0 or int(open("/proc/self/uid_map").read().split()[2]) <= 65534:
        return
    secret = root + "/secret"
    with open(secret, "w", encoding="utf-8") as file:
        file.write("[agent]\n")
    os.chmod(secret, 0o600)
    os.chmod(root, 0o755)
    private = root + "/private"
    os.mkdir(private, 0o700)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    fault("no permission", ["check-config", secret], 1, "Permission denied", **nobody)
    fault("no permission", ["run", "--config", secret, "true"], FAILURE, "Permission denied", **nobody)
    fault("no permission", ["run", "--log", private + "/log", "true"], FAILURE, "Permission denied", **nobody)
    fault("no permission", ["check-program", secret], NOT_EXECUTABLE, "Permission denied", **nobody)
    fault("no permission", ["bugreport", private + "/report"], FAILURE, "Permission denied", **nobody)
    fault("no permission", ["enable", "--root", root, "fine"], FAILURE, "Permission denied", **nobody)


def main(root):
    os.makedirs(root + "/etc/systemd/system")
    with open(root + "/etc/systemd/system/fine.service", "w", encoding="utf-8") as file:
        file.write("[Service]\nExecStart=/bin/sh\n")
    os.makedirs(root + "/bin")
    wrong_words(root)
    agents(root)  # while none runs
    wrong_files(root)
    other_user(root)
    descriptors(root)
    narrow(root)


with tempfile.TemporaryDirectory() as scratch:
    main(scratch)
plan()
