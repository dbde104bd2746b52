#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tells which tests of a finished run failed, and how: usage: failures.py TESTLOG.JSON...

TESTLOG.JSON is meson's record of a run. Each test that did not pass is named with its result and the end of what it printed.
Prints nothing, and exits with 0, when all passed."""

import json
import sys

LINES = 60  # of each test's output: enough for the checks around a failed one
PASSED = {"OK", "EXPECTEDFAIL", "SKIP", "IGNORED"}


def end(text):
    """The lines that say what failed, wherever they stand, and the last lines."""
    lines = (text or "").splitlines()
    early = [line for line in lines[:-LINES] if line.startswith(("not ok", "[  FAILED", "[  ERROR"))]
    return early[:LINES] + lines[-LINES:]


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="replace") as log:
            for record in map(json.loads, log):
                if record["result"] in PASSED:
                    continue
                print(f"failed: {record['name']}: {record['result']}, exit status {record['returncode']}, "
                      f"{record['duration']:.1f} s")
                for stream in ("stdout", "stderr"):
                    for line in end(record.get(stream)):
                        print(f"    {line}")


if __name__ == "__main__":
    main()
