#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: banned.sh SOURCE_ROOT: what is never right here: calls, conflict markers, a missing licence line.
cd "$1" || exit 1
rc=0
sources=$(find lib preload include -name '*.[ch]')
calls='\b(sprintf|vsprintf|strcpy|strcat|strncat|gets|atoi|atol|strtok|tmpnam|mktemp|alloca)[[:space:]]*\('
if grep -nE "$calls" $sources | grep -vE ':[[:space:]]*(/\*|\*|//)'; then
    echo "banned calls"
    rc=1
fi
if grep -nE '\b(TO[D]O|FIX[M]E|XX[X])\b' $sources; then
    echo "unfinished work"
    rc=1
fi
if find lib preload include tests -name '*.[ch]' -exec awk '
        FNR == 1 && $0 != "/* SPDX-License-Identifier: MIT */" { print FILENAME }' {} + | grep .; then
    echo "no licence line"
    rc=1
fi
if grep -rnE '^(<<<<<<<|>>>>>>>) ' lib preload include tests man README.md; then
    echo "conflict markers"
    rc=1
fi
exit $rc
