#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: mptcpshim-metrics.sh [DIRECTORY]: the metrics of mptcpshim(1) for the textfile collector of
# node_exporter, which Debian lets read this directory. To be called each minute or so, by root for
# the connections of all users, in the network namespace that it is about. The collector never sees a
# file that is half written: it gets its name when it is complete.
directory=${1:-/var/lib/prometheus/node-exporter}
new=$(mktemp "$directory/.mptcpshim.XXXXXX") || exit 1
trap 'rm -f "$new"' EXIT
mptcpshim status --prometheus >"$new"
case $? in
    0 | 3) chmod 644 "$new" && mv "$new" "$directory/mptcpshim.prom" ;; # 3: some agent did not answer
    *) exit 1 ;;
esac
