#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: symbols-libc.sh LIBRARY: what the preload needs of libc is there in each glibc since 2.17
# (2012), whose versions are checked, and in musl, whose names are. A program with an older or another
# libc that is started in a shimmed tree would not start otherwise.
set -eu
rc=0
newest=$(readelf -W -V "$1" | grep -o 'Name: GLIBC_[0-9.]*' | sed 's/.*GLIBC_//' | sort -V | tail -1)
test -n "$newest"
test "$(printf '%s\n2.17\n' "$newest" | sort -V | tail -1)" = 2.17 ||
    { echo "needs GLIBC_$newest"; rc=1; }
musl=$(find /lib /usr/lib -name 'libc.so' -path '*musl*' 2>/dev/null | head -n 1)
test -n "$musl" || { echo "SKIP: no musl (apt-get install musl-tools)"; exit 77; }
strong=$(nm -D --undefined-only "$1" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }')
test -n "$strong"
for name in $strong; do
    nm -D --defined-only "$musl" | awk '{ print $3 }' | grep -qx "$name" ||
        { echo "musl has no $name"; rc=1; }
done
exit $rc
