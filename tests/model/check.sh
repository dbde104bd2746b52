#!/bin/sh
# SPDX-License-Identifier: MIT
# Exhaustive check of deadlock.pml: the design as built has no deadlock, the lazy reader has one.
# usage: check.sh MODEL      exit: 0 both as expected, 77 without spin
set -eu
model=$(realpath "$1")
command -v spin >/dev/null || { echo "SKIP: install the package 'spin'"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Prints the number of errors found by a complete search (or until the first one).
errors() {
    spin "$@" -a "$model" >/dev/null
    cc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c
    ./pan -m1000000 >out
    ! grep -q 'MEMLIM\|Search not completed: max' out || { cat out; return 1; }
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' out
}

as_built=$(errors)
lazy=$(errors -DLAZY_READER)
echo "always reading: $as_built errors; lazy reader: $lazy errors"
[ "$as_built" = 0 ] && [ "$lazy" = 1 ]
