#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: purity.sh NM ARCHIVE: what the core may use from outside: functions on memory, and what the
# compiler itself adds. No descriptor, clock, random number, environment, allocator or stdio.
set -eu
allowed='mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr|nlen)|__assert_fail|__stack_chk_fail
_GLOBAL_OFFSET_TABLE_|__cpu_model|__cpu_features2|__cpu_indicator_init|__(mem|str)[a-z]*_chk|__(u?div|u?mod|popcount)[a-z0-9]*
__(asan|ubsan|tsan|sanitizer|gcov|llvm|lsan|msan)_[A-Za-z0-9_]*|__start___sancov[a-z_]*|__stop___sancov[a-z_]*'
pattern="^($(echo "$allowed" | tr '\n' '|'))\$"
defined=$("$1" --defined-only "$2" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
bad=$("$1" -u "$2" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u |
    grep -vxF "$defined" | grep -vE "$pattern" || true)
test -n "$defined" || { echo "no symbols in $2"; exit 1; }
if [ -n "$bad" ]; then
    echo "lib/core uses:" $bad
    exit 1
fi
