#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: launcher.sh MPTCPSHIM PAGE: the program's own help and its manual page name the same options
# and subcommands.
set -eu
options() {
    grep -oE '(^|[^[:alnum:]-])--[a-z][a-z-]*' | grep -oE -- '--.*' | sort -u
}
commands() {
    grep -oE 'mptcpshim (run|status|help|check-config|check-program|check|enable|disable|bugreport|completions|monitor|top|path|set)\b' | sort -u
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$1" help > "$tmp/help"
# Only the sections about the command line: the examples have options of other programs.
sed 's/\\-/-/g; s/\\f[BIRP]//g' "$2" | sed '/^\.SH JSON/,$d' |
    sed 's/^\.B[IR]* *//; s/^run$/mptcpshim run/; s/^status$/mptcpshim status/; s/^monitor$/mptcpshim monitor/; s/^path$/mptcpshim path/; s/^set$/mptcpshim set/; s/^check$/mptcpshim check/; s/^check-config$/mptcpshim check-config/; s/^check-program$/mptcpshim check-program/; s/^enable$/mptcpshim enable/; s/^disable$/mptcpshim disable/; s/^bugreport$/mptcpshim bugreport/; s/^help$/mptcpshim help/; s/^completions$/mptcpshim completions/' \
    > "$tmp/page"
for kind in options commands; do
    $kind < "$tmp/help" > "$tmp/help.$kind"
    $kind < "$tmp/page" > "$tmp/page.$kind"
    test -s "$tmp/help.$kind"
    diff -u "$tmp/help.$kind" "$tmp/page.$kind"
done
"$1" --version | grep -qE '^mptcpshim [0-9]+\.[0-9]+\.[0-9]+( \(commit [0-9a-f]{7,40}\+?\))?$'
