#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: preload.sh LIBRARY BYTES: what is loaded into every process needs libc only, and is small.
set -eu
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
if echo "$needed" | grep -qE '^lib(asan|tsan|ubsan)'; then
    echo "SKIP: a sanitizer build"
    exit 77
fi
test "$needed" = libc.so.6 || { echo "needs:" $needed; exit 1; }
readelf -d "$1" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' || { echo "not linked with -z now"; exit 1; }
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
strip -o "$tmp" "$1"
size=$(wc -c < "$tmp")
echo "$size bytes"
test "$size" -le "$2"
