#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: units.py MPTCPSHIM STATIC-PROGRAM: `enable` and `disable` below a root of their own: what is
written, what is told, and that systemd has nothing against it. TAP."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import plan, point  # noqa: E402

LAUNCHER, STATIC = (os.path.abspath(word) for word in sys.argv[1:3])
for variable in ("MPTCPSHIM_CONFIG", "MPTCPSHIM_OPTIONS", "XDG_CONFIG_HOME", "LD_PRELOAD"):
    os.environ.pop(variable, None)
MARK = "# Written by 'mptcpshim enable'"
WRAP = "ExecStart=" + LAUNCHER + " run -- "


class Root:
    def __init__(self, directory):
        self.path = directory
        os.makedirs(directory + "/bin", exist_ok=True)
        shutil.copy("/bin/sh", directory + "/bin/serve")
        shutil.copy(STATIC, directory + "/bin/static")

    def write(self, unit, text, place="/usr/lib/systemd/system"):
        file = self.path + place + "/" + unit
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)

    def drop_in(self, unit, place="system"):
        try:
            return open("%s/etc/systemd/%s/%s.d/50-mptcpshim.conf" % (self.path, place, unit),
                        encoding="utf-8").read()
        except FileNotFoundError:
            return None

    def call(self, *words):
        return subprocess.run([LAUNCHER, words[0], "--root", self.path, *words[1:]], capture_output=True,
                              text=True, timeout=20, stdin=subprocess.DEVNULL)


def judge(root, name, service, code, lines, told="", missing=()):
    """A unit of these lines: which lines of the drop-in there have to be, and what is told."""
    root.write("a.service", "[Unit]\nDescription=A\n[Service]\n" + service)
    result = root.call("enable", "a")
    text = root.drop_in("a.service") or ""
    ok = result.returncode == code and text.startswith(MARK) and re.search(told, result.stdout, re.S) and \
        all("\n" + line + "\n" in text for line in lines) and not any(line in text for line in missing)
    point(bool(ok), name, result.returncode, result.stdout, result.stderr, text)
    root.call("disable", "a")


def units(root):
    judge(root, "plain", "ExecStart=/bin/serve -x \"a b\" %i\n", 0, ["[Service]", "ExecStart=",
          WRAP + "/bin/serve -x \"a b\" %i"], missing=["KillMode", "Timeout", "Restrict"])
    judge(root, "KillMode=mixed and a short stop", "ExecStart=/bin/serve\nKillMode=mixed\nTimeoutStopSec=5\n",
          0, ["KillMode=control-group", "TimeoutStopSec=75"], "mixed.*TimeoutStopSec=5 s")
    judge(root, "times that are long enough", "ExecStart=/bin/serve\nTimeoutStopSec=2min\n", 0, [],
          missing=["Timeout"])
    judge(root, "for ever", "ExecStart=/bin/serve\nTimeoutStopSec=infinity\n", 0, [], missing=["Timeout"])
    judge(root, "families", "ExecStart=/bin/serve\nRestrictAddressFamilies=AF_INET AF_INET6\n", 0,
          ["RestrictAddressFamilies=AF_UNIX", "RestrictAddressFamilies=AF_NETLINK"], "lacks AF_UNIX",
          ["RestrictAddressFamilies=AF_INET"])
    judge(root, "forbidden families", "ExecStart=/bin/serve\nRestrictAddressFamilies=~AF_NETLINK AF_PACKET\n",
          1, [], "~AF_NETLINK", ["Restrict"])
    judge(root, "prefixes", "ExecStart=-+/bin/serve\n", 0, ["ExecStart=-+" + LAUNCHER + " run -- /bin/serve"])
    judge(root, "a name of its own", "ExecStart=@/bin/serve served -x\n", 0, [WRAP + "/bin/serve -x"],
          "its file as its name")
    judge(root, "a list that is begun anew", "ExecStart=/bin/one\nExecStart=\nExecStart=/bin/serve two\n", 0,
          [WRAP + "/bin/serve two"], missing=["/bin/one"])
    judge(root, "several, and lines that go on", "Type=oneshot\nExecStart=/bin/serve \\\n# between\n  one\n"
          "ExecStart=/bin/serve two\n", 0, [WRAP + "/bin/serve two"], missing=["between"])
    for line, told in (("PrivateNetwork=yes", "PrivateNetwork"), ("SocketBindDeny=any", "SocketBindAllow"),
                       ("SystemCallFilter=read write", "system-service"), ("RootDirectory=/srv", "installed there"),
                       ("SystemCallFilter=~@ipc", "@ipc"), ("RestrictAddressFamilies=none", "no network")):
        judge(root, line, "ExecStart=/bin/serve\n" + line + "\n", 1, [], told)
    for line, told in (("ProcSubset=pid", "ProcSubset"), ("IPAddressDeny=any", "IPAddressAllow"),
                       ("SystemCallFilter=@system-service", ""), ("DynamicUser=yes", "")):
        judge(root, line, "ExecStart=/bin/serve\n" + line + "\n", 0, [], told)
    judge(root, "a static program", "ExecStart=/bin/static\n", 1, [], "statically linked")


def files(root):
    root.write("web.service", "[Service]\nExecStart=/bin/serve\nKillMode=process\n")
    root.write("web.service.d/10-more.conf", "[Service]\nKillMode=mixed\n", "/etc/systemd/system")
    own = open(root.path + "/usr/lib/systemd/system/web.service", encoding="utf-8").read()
    dry = root.call("enable", "--dry-run", "web.service")
    point(dry.returncode == 0 and "  KillMode=control-group" in dry.stdout and root.drop_in("web.service") is None,
          "--dry-run prints, and writes nothing", dry)
    first = root.call("enable", "--scheduler", "redundant", "web.service")
    text = root.drop_in("web.service")
    point(first.returncode == 0 and "run --scheduler redundant -- /bin/serve" in text and "control-group" in text,
          "options of run, and another drop-in counts", first, text)
    again = root.call("enable", "--scheduler", "redundant", "web")
    point(again.returncode == 0 and "there already" in again.stdout and root.drop_in("web.service") == text,
          "a second time changes nothing", again)
    other = root.call("enable", "web")
    point(other.returncode == 0 and "redundant" not in root.drop_in("web.service"), "other options replace it",
          other)
    mode = os.stat(root.path + "/etc/systemd/system/web.service.d/50-mptcpshim.conf").st_mode & 0o777
    point(mode == 0o644, "all may read it", oct(mode))
    gone = root.call("disable", "web")
    point(gone.returncode == 0 and root.drop_in("web.service") is None and
          os.path.exists(root.path + "/etc/systemd/system/web.service.d/10-more.conf"), "disable removes its own",
          gone)
    point("nothing to do" in root.call("disable", "web").stdout, "disable a second time")
    root.write("web.service.d/50-mptcpshim.conf", "[Service]\nNice=5\n", "/etc/systemd/system")
    for command in ("enable", "disable"):
        result = root.call(command, "web")
        point(result.returncode == 125 and "not of mptcpshim" in result.stderr and
              root.drop_in("web.service") == "[Service]\nNice=5\n", command + ": a file of somebody else stays",
              result)
    point(open(root.path + "/usr/lib/systemd/system/web.service", encoding="utf-8").read() == own,
          "the unit itself is as it was")
    root.write("of@.service", "[Service]\nExecStart=/bin/serve %i\n")
    point(root.call("enable", "of@one").returncode == 0 and root.drop_in("of@one.service") is not None,
          "an instance")
    root.write("own.service", "[Service]\nExecStart=/usr/bin/mptcpshim run /bin/serve\n")
    result = root.call("enable", "own")
    point(result.returncode == 0 and "nothing to do" in result.stdout and root.drop_in("own.service") is None,
          "a unit that does so already", result)
    os.makedirs(root.path + "/etc/systemd/system", exist_ok=True)
    os.symlink("/dev/null", root.path + "/etc/systemd/system/masked.service")
    result = root.call("enable", "masked")
    point(result.returncode == 125 and "masked" in result.stderr, "a masked unit", result)
    root.write("mine.service", "[Service]\nExecStart=/bin/serve\n", "/usr/lib/systemd/user")
    point(root.call("enable", "--user", "mine").returncode == 0 and root.drop_in("mine.service", "user") is not None,
          "a user's unit")


def systemd(root):
    """Its own parser, on the unit with the drop-in."""
    if not shutil.which("systemd-analyze"):
        print("# systemd-analyze is not installed")
        return
    root.write("real.service", "[Service]\nExecStart=/bin/sh -c \"sleep 1\"\nKillMode=mixed\nTimeoutStopSec=5\n"
               "RestrictAddressFamilies=AF_INET\n")
    root.call("enable", "--max-subflows", "4", "real")
    folder = root.path + "/verify"
    os.makedirs(folder + "/real.service.d")
    shutil.copy(root.path + "/usr/lib/systemd/system/real.service", folder)
    shutil.copy(root.path + "/etc/systemd/system/real.service.d/50-mptcpshim.conf", folder + "/real.service.d")
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", folder + "/real.service"], text=True,
                            capture_output=True, timeout=60, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning",
                                                                  "SYSTEMD_UNIT_PATH": folder + ":"})
    said = [line for line in result.stderr.splitlines() if "real.service" in line or "50-mptcpshim" in line]
    point(not said, "systemd has nothing against it", said)


with tempfile.TemporaryDirectory() as scratch:
    world = Root(scratch)
    units(world)
    files(world)
    systemd(world)
plan()
