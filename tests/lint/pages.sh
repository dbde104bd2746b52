#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: pages.sh PAGE...: manual pages format without a warning.
command -v groff > /dev/null || { echo "SKIP: no groff"; exit 77; }
rc=0
for page in "$@"; do
    # A page that only refers to another one has one line; its target is found once installed.
    if so=$(sed -n 's,^\.so man[1-9]/,,p' "$page") && [ -n "$so" ]; then
        test -f "${page%/*}/$so" || { echo "$page: no page $so"; rc=1; }
        continue
    fi
    out=$(groff -t -mandoc -Tutf8 -ww -z "$page" 2>&1)
    test -z "$out" || { echo "$out"; rc=1; }
    for section in NAME DESCRIPTION; do
        grep -q "^\.SH $section\$" "$page" || { echo "$page: no section $section"; rc=1; }
    done
done
exit $rc
