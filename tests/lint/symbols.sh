#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: symbols.sh NM LIBRARY MAP: the exported symbols are exactly those of the version script.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# Names between "global:" and "local:", comments and versions aside.
tr '\n' ' ' < "$3" | sed 's,/\*[^*]*\*/,,g' |
    awk '{ while (match($0, /global:[^:]*local:/)) {
               print substr($0, RSTART + 7, RLENGTH - 13); $0 = substr($0, RSTART + RLENGTH) } }' |
    tr ';' '\n' | tr -d ' \t' | grep . | sort > "$tmp/map"
# Sanitizer runtimes and the version node itself ("A") are not ours.
"$1" -D --defined-only "$2" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    grep -vE '^(__(asan|tsan|ubsan|sancov|start___sancov|stop___sancov|odr_asan)|\.)' |
    sort -u > "$tmp/lib"
test -s "$tmp/map"
diff -u "$tmp/map" "$tmp/lib"
