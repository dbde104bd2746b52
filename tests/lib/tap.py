# SPDX-License-Identifier: MIT
"""What tests in Python share: TAP, patience, and a host of their own."""
import os
import subprocess
import sys
import time

points = 0


def point(ok, name, *details):
    """One line of TAP; details are told of a failure only."""
    global points
    points += 1
    print("%s %d - %s" % ("ok" if ok else "not ok", points, name))
    if not ok:
        for detail in details:
            text = detail if isinstance(detail, str) else repr(detail)
            print("# " + text.replace("\n", "\n# "))
    sys.stdout.flush()


def plan():
    """The last line."""
    print("1..%d" % points)


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def own_host(flags, needs_root=False, **more):
    """Start this script again in new namespaces, as unshare(1) names them, or skip it. There, nothing
    of a tree that the shim serves here is in the environment, and `more` is."""
    if "IN_NAMESPACE" in os.environ:
        return
    root = os.geteuid() == 0
    words = ["unshare", ("-" if root else "-Ur") + flags]
    if (needs_root and not root) or \
            subprocess.run([*words, "true"], capture_output=True).returncode != 0:
        print("1..0 # SKIP needs %snamespaces" % ("root and " if needs_root else ""))
        sys.exit(0)
    for name in list(os.environ):
        if name.startswith("MPTCPSHIM") or name in ("LD_PRELOAD", "XDG_CONFIG_HOME"):
            del os.environ[name]
    os.environ.update(IN_NAMESPACE="1", XDG_RUNTIME_DIR="/nonexistent", **more)
    os.execvp(words[0], [*words, sys.executable, os.path.abspath(sys.argv[0]),
                        *(os.path.abspath(word) if os.path.exists(word) else word
                          for word in sys.argv[1:])])
