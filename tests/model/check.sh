#!/bin/sh
# SPDX-License-Identifier: MIT
# Exhaustive check of a model: as it is it has no error, and without any one of its rules it has one.
# The rules are the lines " * -DNAME ..." at its head: compiled with -DNAME the model is without one.
# usage: check.sh MODEL      exit: 0 all as expected, 77 without spin
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

rules=$(sed -n '2,${
    /\*\//q
    s/^ \* -D\([A-Z_]*\) .*/\1/p
}' "$model")
[ -n "$rules" ] || { echo "no rule to take out"; exit 1; }
failed=0
found=$(errors)
echo "as it is: $found errors"
[ "$found" = 0 ] || failed=1
for rule in $rules; do
    found=$(errors "-D$rule")
    echo "with $rule: $found errors"
    [ "$found" = 1 ] || failed=1
done
exit $failed
