#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: programs.py MPTCPSHIM STATIC-PROGRAM: what `check-program` says of programs of all kinds, of
which some are no more than the head of an ELF file, and of garbage. TAP."""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import plan, point  # noqa: E402

LAUNCHER, STATIC = (os.path.abspath(word) for word in sys.argv[1:3])
for variable in ("MPTCPSHIM_CONFIG", "MPTCPSHIM_OPTIONS", "XDG_CONFIG_HOME"):
    os.environ.pop(variable, None)
os.environ["HOME"] = "/nonexistent"


def ask(program, *words):
    return subprocess.run([LAUNCHER, "check-program", program, *words], capture_output=True, text=True,
                          timeout=20, stdin=subprocess.DEVNULL)


def says(name, program, code, **members):
    result = ask(program, "--json")
    said = json.loads(result.stdout) if result.stdout else {}
    ok = result.returncode == code and all(
        value in said[key] if isinstance(value, str) and value else said[key] == value
        for key, value in members.items())
    point(ok, name, result.returncode, said, result.stderr)
    words = ask(program)
    point(words.returncode == code and len((words.stderr or words.stdout).splitlines()) >= 1,
          name + ", in words", words.returncode, words.stdout, words.stderr)


def elf(interpreter=b"", note=b"", machine=None, needed=b""):
    """A file of 64 bits with no more than these."""
    own = struct.unpack_from("=H", open("/proc/self/exe", "rb").read(20), 18)[0]
    parts, at = [], 64 + 4 * 56
    strings = b"\0" + needed + b"\0"
    dynamic = struct.pack("=6Q", 1, 1, 5, 0x1000, 0, 0) if needed else b""
    for kind, body in ((3, interpreter), (4, note), (2, dynamic), (1, strings)):
        parts.append((kind, at, body))
        at += len(body)
    head = b"\x7fELF" + bytes([2, 1 if sys.byteorder == "little" else 2, 1]) + bytes(9)
    head += struct.pack("=HHIQQQIHHHHHH", 2, machine or own, 1, 0, 64, 0, 0, 64, 56, 4, 0, 0, 0)
    for kind, place, body in parts:
        head += struct.pack("=IIQQQQQQ", kind if body else 0, 4, place, 0x1000 if kind == 1 else 0, 0,
                            len(body), len(body), 1)
    return head + b"".join(body for _, _, body in parts)


def make(directory, name, content, mode=0o755):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
    return path


GO = struct.pack("=III", 4, 4, 4) + b"Go\0\0" + b"id.."


def main(directory):
    glibc, musl = b"/lib64/ld-linux-x86-64.so.2\0", b"/lib/ld-musl-x86_64.so.1\0"
    says("a program in PATH", "sh", 0, served=True, libc="glibc", reason="")
    says("a static one", STATIC, 1, served=False, libc="none", reason="statically linked")
    says("none", "/nonexistent/program", 127, served=False)
    says("a folder", directory, 126, served=False)
    says("not executable", make(directory, "text", b"text", 0o644), 126)
    says("neither ELF nor script", make(directory, "bare", b"echo\n"), 0, bits=0)
    for name, content, code, members in (
            ("musl", elf(musl), 0, {"libc": "musl", "bits": 64}),
            ("Go, static", elf(note=GO), 1, {"reason": "by Go"}),
            ("Go, dynamic", elf(glibc, GO), 1, {"reason": "made by Go", "libc": "glibc"}),
            ("another note before Go's", elf(glibc, struct.pack("=III", 4, 4, 1) + b"GNU\0" * 2 + GO), 1,
             {"reason": "made by Go"}),
            ("liburing", elf(glibc, needed=b"liburing.so.2"), 0, {"note": "io_uring"}),
            ("another processor", elf(glibc, machine=0xF3), 1, {"reason": "another processor"}),
            ("Android", elf(b"/system/bin/linker64\0"), 1, {"reason": "Android"})):
        says(name, make(directory, "program", content), code, **members)
    static = make(directory, "by-static", b"#!" + STATIC.encode() + b" -x\n")
    says("a script of a static program", static, 1, files=[static, STATIC], reason="static")
    says("a script of a script, by env", make(directory, "twice", b"#!/usr/bin/env -S A=b " +
                                              static.encode() + b"\n"), 1, reason="static")
    says("a script of nothing", make(directory, "lost", b"#!/nonexistent/sh\n"), 127)
    says("a script of itself", make(directory, "loop", b"#!" + directory.encode() + b"/loop\n"), 126)
    says("an empty first line", make(directory, "empty", b"#!\n"), 126)
    says("a container's", make(directory, "docker", b"#!/bin/sh\n"), 0)
    says("a container's, no script", shutil.copy("/bin/sh", os.path.join(directory, "podman")), 1,
         advice="in the container", libc="glibc")
    configuration = make(directory, "conf", b"[programs]\nleave-alone = loner\n", 0o600)
    os.environ["MPTCPSHIM_CONFIG"] = configuration
    says("left alone", shutil.copy("/bin/sh", os.path.join(directory, "loner")), 1, advice="leave-alone")
    del os.environ["MPTCPSHIM_CONFIG"]
    if os.geteuid() == 0 and int(open("/proc/self/uid_map").read().split()[2]) > 12345:
        other = shutil.copy("/bin/sh", os.path.join(directory, "gains"))
        os.chown(other, 12345, 0)
        os.chmod(other, 0o4755)
        says("set-user-ID", other, 1, reason="gains privileges", libc="glibc")
    # Whatever stands in the file: an answer, and no crash.
    source, whole = random.Random(1), elf(glibc, GO, needed=b"liburing.so.2")
    bad = []
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(source.randrange(1, 8)):
            content[source.randrange(4, len(content))] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
        content = bytes(content[:source.choice((len(content), source.randrange(4, len(content))))])
        result = ask(make(directory, "garbled", content), "--json")
        if result.returncode not in (0, 1):
            bad.append((result.returncode, content, result.stderr))
    point(not bad, "200 garbled files", bad[:1])


with tempfile.TemporaryDirectory() as scratch:
    main(scratch)
plan()
