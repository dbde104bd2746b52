#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: commands.py SOURCE_ROOT BUILD_ROOT: what README.md, CONTRIBUTING.md and the pages tell the
reader to type is typed here, on a host of its own, or stands in NOT_TYPED with the reason. Examples of configuration
are checked. A new example fails until it is in one of the lists. TAP."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import own_host, plan, point, wait  # noqa: E402

ROOT, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()

# nginx, with the configuration that it comes with, changes its user.
own_host("nmi", needs_root=True)

# ---- what stands there ----

def unroff(text):
    for roff, plain in ((r"\-", "-"), (r"\(aq", "'"), (r"\e", "\\"), (r"\&", ""), (r"\(ha", "^")):
        text = text.replace(roff, plain)
    return text


DOCUMENTS = ("README.md", "CONTRIBUTING.md", "PERFORMANCE.md", "SECURITY.md")


def blocks():
    for name in DOCUMENTS:
        for match in re.findall(r"^```\w*\n(.*?)^```", (ROOT / name).read_text(), re.M | re.S):
            yield name, match
    for page in sorted((ROOT / "man").glob("*.[1-9]")):
        if page.name != "mptcpshim-protocol.7":  # formats and bytes
            for match in re.findall(r"^\.EX\n(.*?)^\.EE", page.read_text(), re.M | re.S):
                yield page.name, unroff(match)


def commands(block):
    """Continued lines are one; comments behind them are none of the command."""
    for line in block.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+", " ", re.sub(r"\s\s+#.*", "", line)).strip()
        if line:
            yield line


def inline():
    text = "".join((ROOT / name).read_text() for name in DOCUMENTS)
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for match in re.findall(r"`([^`]+)`", text):
        if re.match(r"(sh|python3|meson|mptcpshim|build/\S+) ?", match) and \
                (" " in match or match.startswith("build/tests")):
            yield re.sub(r"\s+", " ", match)


# ---- how it is typed ----

SUITE = "a suite or benchmark of its own, which takes minutes"
UNITS = "changes the host, which needs systemd; the test `units` runs the command with units"
ACCOUNT = "needs an account at another host; tests/system/programs/ssh.case has one"
DOCKER = "changes the host, which needs docker"
NOT_TYPED = {
    "meson test -C build --list": r"lint / commands",
    "build/tests/sim/sim --scenario cut-first -v": None,
    "meson setup build && ninja -C build": "this test runs in what it makes",
    "sh tests/demo.sh": "about a minute, and needs two emulated links",
    "sh tests/demo-roaming.sh": "a test of the suite `system`, with a smaller database",
    "sh tests/check.sh": SUITE,
    "sh tests/check.sh --long": SUITE,
    "sh tests/system/programs/run.sh": SUITE,
    "meson test -C build --suite unit --suite lint": SUITE,
    "meson test -C build --suite lint": SUITE,
    "meson test -C build --suite sim": SUITE,
    "meson test -C build --suite engine": SUITE,
    "meson test -C build --suite preload": SUITE,
    "sudo meson test -C build --suite system": SUITE,
    "sudo meson test -C build --suite peer": SUITE,
    "sudo meson test -C build --suite attack": SUITE,
    "sh tests/system/failover.sh": "a test of the suite `system`",
    "sh tests/system/age.sh": "a test of the suite `system`",
    "sh tests/system/holders.sh 10000 64": "a test of the suite `system`, with more of everything",
    "build/tests/sim/sim --digest --all": "a minute; the test `scenarios` runs the same",
    "build/tests/sim/sim --digest --random 300": "a minute; the test `seeds` runs the like",
    "build/tests/sim/sim --digest --random 300 --scenario paths":
        "a minute; the test `histories` runs the like",
    "meson setup -Dablate=true --buildtype=release build-ablate && ninja -C build-ablate": SUITE,
    "python3 tests/bench/ablate.py build-ablate --parts NAME": SUITE,
    "python3 tests/lint/format.py . --write": "changes the tree; the test `format` runs it without",
    "python3 tests/suites/python.py build": SUITE,
    "meson test -C build --benchmark --verbose": SUITE,
    "sh tests/package/build.sh": SUITE,
    "tshark -r FILE -Y 'mptcpshim.connection == 0' -T fields -e frame.time_relative "
    "-e mptcpshim.subflow -e _ws.col.Info": "the test `dissector` reads captures of its own",
    "tshark -r FILE -o mptcpshim.export:/tmp -q": "the test `dissector` does it",
    "cat /tmp/connection-0-server": "what the line above it has written",
    "sh tests/bench/table.sh": SUITE,
    "sh tests/bench/failover.sh --rounds 3": SUITE,
    "sh tests/bench/fair.sh": SUITE,
    "sh tests/bench/many.sh --idle 10000 --settle 60": SUITE,
    "sh tests/bench/replay.sh FILE1 FILE2": SUITE,
    "sh tests/bench/cost.sh": SUITE,
    "sh tests/bench/newconn.sh": SUITE,
    "sh tests/bench/compare.sh --before BUILD": SUITE,
    "sh tests/bench/compare.sh": SUITE,
    "sh tests/soak/soak.sh --seconds 600": SUITE,
    "build/tests/bench/limit": SUITE,
    "build/tests/bench/limit-short": SUITE,
    "mptcpshim-metrics.sh /var/lib/prometheus/node-exporter":
        "another program's directory; the test `status` types it with one of its own",
    "build/preload/mptcpshim top": "needs a terminal; the test `top` has one",
    "build/preload/mptcpshim check server 80":
        "its exit code is not 0 on a host that is alone; the test `check` runs it",
    "sudo meson install -C build": "the test `install` does it, to another place",
    "sudo mptcpshim enable ssh": UNITS,
    "sudo mptcpshim enable nginx": UNITS,
    "mptcpshim disable nginx": UNITS,
    "sudo systemctl daemon-reload": UNITS,
    "sudo systemctl restart ssh": UNITS,
    "sudo systemctl restart nginx": UNITS,
    "mptcpshim run ssh server.example": ACCOUNT,
    "mptcpshim run rsync -a photos/ server.example:photos/": ACCOUNT,
    "mptcpshim run pg_basebackup -h primary.example -U replicator -R -D standby":
        "needs a server; the test `demo-roaming` runs it with one of its own",
    "docker network create wan1": DOCKER,
    "docker network create wan2": DOCKER,
    "docker create --name web --network wan1 --stop-timeout 75 "
    "IMAGE mptcpshim run nginx -g 'daemon off;'": DOCKER,
    "docker network connect wan2 web": DOCKER,
    "docker start web": DOCKER,
    "mptcpshim top": "needs a terminal; the test `top` has one",
    "mptcpshim run nginx -g 'daemon off;'": "typed as build/preload/mptcpshim, and has port 80",
    "mptcpshim status": "typed as build/preload/mptcpshim",
    "mptcpshim bugreport": "the test `bugreport` runs it",
    "mptcpshim check HOST PORT": "the test `check` runs it",
    "mptcpshim check-program FILE": "the test `check-program` runs it",
    "build/preload/mptcpshim run --scheduler redundant ssh host":
        "needs an account at another host; the option is typed with another program",
}
COMPILER = {"PKG_CONFIG_PATH": str(BUILD / "meson-uninstalled")}
# Typed on their own: what the shell has to say, or None. Programs that go on until they are told are
# in UNTIL_TOLD, and meanwhile the others are typed.
TYPED = {
    "meson test -C build --list": r"lint / commands",
    "build/tests/sim/sim --scenario cut-first -v": None,
    "build/preload/mptcpshim run curl -O http://server/file": None,
    "mptcpshim run curl -O http://server.example/file": None,
    "mptcpshim path set wwan0 backup=yes": None,
    "mptcpshim --version": r"^mptcpshim \d+\.\d+\.\d+",
    "build/preload/mptcpshim status": r"agent [0-9a-f]{16}: plain TCP|No connections",
    "build/preload/mptcpshim run --local 127.0.0.1,127.0.0.2 ./program": r"^it runs$",
    "build/preload/mptcpshim path set wwan0 backup=yes": None,
    "cc echo.c -o echo $(pkg-config --cflags --libs mptcpshim)": None,
    "./echo": r"8388608 bytes echoed",
    "tcpdump -nv 'tcp[tcpflags] & tcp-syn != 0'": None,
}
UNTIL_TOLD = {
    "build/preload/mptcpshim run nginx -g 'daemon off;'": signal.SIGTERM,
    "build/preload/mptcpshim monitor": signal.SIGINT,
    "mptcpshim monitor | grep subflow_": signal.SIGINT,
}
# A block that only makes sense as a whole, by its first command.
WHOLE = {
    "head -c 20000000 /dev/zero >/tmp/big":
        r"curl\[\d+\]  127\.0\.0\.1:\d+ -> 127\.0\.0\.1:8000  multipath .*\n"
        r"(?:  .*\n)*?"
        r"(?: +lo +active .*\n +127\.0\.0\.[12]:\d+ -> .*\n(?: +received.*\n)?){2}",
}


def shell(command, directory, **more):
    environment = {**os.environ, **COMPILER, "LD_LIBRARY_PATH": str(BUILD / "lib/api"),
                   "PATH": "%s:%s:/usr/sbin:/sbin" % (BUILD / "preload", os.environ["PATH"])}
    return subprocess.Popen(["sh", "-c", command], cwd=directory, env=environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True, **more)


def finish(process, seconds=60):
    try:
        return process.communicate(timeout=seconds)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], "hangs"


def type_one(command, directory):
    # Needs no packet: the filter is compiled.
    typed = command.replace("tcpdump -nv", "tcpdump -d -y EN10MB")
    output, code = finish(shell(typed, directory))
    wanted = TYPED[command]
    point(code == 0 and (wanted is None or re.search(wanted, output, re.M)), command, code, output)


def type_whole(block, directory):
    first = next(commands(block))
    output, code = finish(shell(block, directory))
    point(code == 0 and re.search(WHOLE[first], output) is not None, "block: " + first, code, output)


def listens(port):
    return any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A"
               for name in ("tcp", "tcp6") for line in open("/proc/net/" + name).readlines()[1:])


def monitors():
    return open("/proc/net/unix").read().count("@mptcpshim-monitor/")


def begin(directory):
    started = []
    for command, told_by in UNTIL_TOLD.items():
        before = monitors()
        process = shell("exec " + command if "|" not in command else command, directory)
        started.append((command, told_by, process))
        if "nginx" in command:
            point(wait(lambda: listens(80)), "it listens: " + command)
        else:
            point(wait(lambda: monitors() > before), "it watches: " + command)
    return started


def end(started):
    for command, told_by, process in reversed(started):
        os.killpg(process.pid, told_by)
        output, code = finish(process)
        # A shell whose pipeline is interrupted says so, and grep may have found nothing.
        point(code == 0 or "|" in command, "it ends: " + command, code, output)


# ---- the host ----

def mount(*words):
    subprocess.run(["mount", *words], check=True)


def make_host(directory):
    for words in ("link set lo up", "link add wwan0 type veth peer name far", "address add 192.0.2.7/24 dev wwan0",
                  "link set wwan0 up", "link set far up"):
        subprocess.run(["ip", *words.split()], check=True)
    hosts = directory / "hosts"
    hosts.write_text("127.0.0.1 localhost server server.example\n")
    mount("--bind", str(hosts), "/etc/hosts")
    for folder in ("/run", "/var/log/nginx"):
        if os.path.isdir(folder):
            mount("-t", "tmpfs", "tmpfs", folder)
    program = directory / "program"
    program.write_text("#!/bin/sh\necho it runs\n")
    program.chmod(0o755)
    (directory / "echo.c").write_text((ROOT / "tests/api/echo.c").read_text())
    (directory / "build").symlink_to(BUILD)


def check_unit(page, block):
    """A drop-in replaces the command: ExecStart= is there twice, the first time empty."""
    point(re.search(r"^ExecStart=(@BINDIR@|/usr/local/bin)/mptcpshim run /", block, re.M), page + ": a unit", block)


def check_config(page, block, directory):
    file = directory / "example.conf"
    file.write_text(block)
    output, code = finish(shell("mptcpshim check-config example.conf", directory))
    point(code == 0, "%s: an example of configuration" % page, output, block)


def main(directory):
    typed, known = [], set()
    make_host(directory)
    for page, block in blocks():
        first = next(commands(block), "")
        if first.startswith("[Service]"):
            check_unit(page, block)
        elif first.startswith("["):
            check_config(page, block, directory)
        elif first.startswith(("struct ", ".\\\" BEGIN")):
            pass  # code: other tests compile it
        elif first in WHOLE:
            known.add(first)
            type_whole(block, directory)
        else:
            typed += commands(block)
    typed += inline()
    for command in typed:
        known.add(command)
        if command not in TYPED and command not in UNTIL_TOLD and command not in NOT_TYPED:
            point(False, "in no list: " + command)
    for command in [*TYPED, *UNTIL_TOLD, *WHOLE, *NOT_TYPED]:
        if command not in known:
            point(False, "nobody is told to type: " + command)
    for command, reason in NOT_TYPED.items():
        for file in re.findall(r"(?:^| )((?:tests|build/tests)/\S+)", command):
            point((directory / file).exists() or (ROOT / file).exists(), "there is " + file)
    started = begin(directory)
    for command in TYPED:
        type_one(command, directory)
    end(started)


with tempfile.TemporaryDirectory() as scratch:
    main(pathlib.Path(scratch))
plan()
