# SPDX-License-Identifier: MIT
"""Hosts for tests: network namespaces of this test's own, joined by links. The caller is root in a
mount namespace of its own (tap.own_host), and one of the hosts is where it runs."""
import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BED_BUILD", os.path.join(HERE, "../../build"))
MPTCPSHIM = os.path.join(BUILD, "preload/mptcpshim")
AWAITED = os.path.join(BUILD, "tests/bed/awaited")


def sh(command, **more):
    return subprocess.run(["sh", "-ec", command], check=True, capture_output=True, text=True, **more)


class Space:
    """A namespace, held by a process that waits for its standard input to end. `name` None: the one
    of the caller."""

    def __init__(self, name=None):
        self.name, self.holder, self.pid = name, None, os.getpid()
        if name:
            self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; read _"],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.holder.stdout.readline()
            self.pid = self.holder.pid
        self.net = open("/proc/%d/ns/net" % self.pid)
        self.run("ip link set lo up; for f in all default; do "
                 "echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done; "
                 "echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save")

    def prefix(self):
        return ["nsenter", "--net=/proc/%d/ns/net" % self.pid]

    def run(self, command):
        return subprocess.run([*self.prefix(), "sh", "-ec", command], check=True,
                              capture_output=True, text=True).stdout

    def start(self, words, **more):
        return subprocess.Popen([*self.prefix(), *words], stdout=subprocess.PIPE, text=True, **more)

    def awaited(self, port):
        """Does a program wait for connections at that port?"""
        return subprocess.run([*self.prefix(), AWAITED, str(port)], check=False).returncode == 0

    @contextlib.contextmanager
    def here(self):
        """Sockets that are made inside are of this namespace."""
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            setns(self.net.fileno())
            yield
        finally:
            setns(own)
            os.close(own)

    def close(self):
        if self.holder:
            self.holder.stdin.close()
            self.holder.wait()


def setns(descriptor):
    """os.setns() is of Python 3.12."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def link(one, address_one, other, address_other, device):
    """A link; both ends have the same name."""
    sh("ip link add %s netns %d type veth peer name %s netns %d" % (
        device, one.pid, device, other.pid))
    for space, address in ((one, address_one), (other, address_other)):
        space.run("ip addr add %s dev %s; ip link set %s up" % (address, device, device))


def python(module, *words):
    """A command for Space.start()."""
    return [sys.executable, "-m", module, *map(str, words)]


def environment():
    return dict(os.environ, PYTHONPATH=os.path.dirname(HERE), PYTHONDONTWRITEBYTECODE="1")


async def until(condition, seconds=12):
    for _ in range(int(seconds * 100)):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


async def listening(space, process, *ports):
    """A server there has said that it listens, and waits for connections: before that those to a
    program under the shim are plain."""
    await asyncio.to_thread(process.stdout.readline)
    for port in ports:
        if not await until(lambda port=port: space.awaited(port)):
            raise OSError("nobody waits for connections at port %d" % port)


ANY = "0.0.0.0"  # an agent announces no other address than the one to which its program is bound


def client(path):
    return "10.98.%d.2" % path


def server(path):
    return "10.99.%d.1" % path


class Paths:
    """Two hosts with paths between them, each through the one box:

        client 10.98.1.2 -- c1 [box] s1 -- 10.99.1.1 server
               10.98.2.2 -- c2 [box] s2 -- 10.99.2.1         and so on

    The box has all of 203.0.113.0/24, for what others are said to be at.
    """

    def __init__(self, number):
        self.number = number
        self.server, self.box, self.client = Space("s"), Space("b"), Space("c")
        for i in range(1, number + 1):
            link(self.client, client(i) + "/24", self.box, "10.98.%d.254/24" % i, "c%d" % i)
            link(self.box, "10.99.%d.254/24" % i, self.server, server(i) + "/24", "s%d" % i)
            self.client.run("ip route add 10.99.%d.0/24 via 10.98.%d.254" % (i, i))
            self.server.run("ip route add 10.98.%d.0/24 via 10.99.%d.254" % (i, i))
        self.box.run("echo 1 >/proc/sys/net/ipv4/ip_forward; ip route add local 203.0.113.0/24 dev lo")
        self.client.run("ip route add 203.0.113.0/24 via 10.98.1.254")
        self.tmp = tempfile.mkdtemp(prefix="paths.")

    def carried(self, path):
        """Bytes that a path has carried in the direction that got less, as the box counts them."""
        with open("/proc/%d/net/dev" % self.box.pid) as devices:
            text = devices.read()
        return min(int(re.search(r"%s%d: *(\d+)" % (end, path), text).group(1)) for end in "cs")

    def cut(self, path):
        """From now on the box drops what comes on this path; no host is told."""
        for end in "cs":
            self.box.run("ip rule add iif %s%d blackhole" % (end, path))

    def mend(self):
        self.box.run("while ip rule del blackhole 2>/dev/null; do :; done")

    def close(self):
        for space in (self.server, self.box, self.client):
            space.close()
        subprocess.run(["rm", "-rf", self.tmp], check=False)
