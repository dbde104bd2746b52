#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: shellcheck.sh SOURCE_ROOT: shellcheck finds nothing worse than matters of style in the shell
# scripts; .shellcheckrc says what is allowed. The cases of tests/system/programs have no first line
# that names a shell, since they are only sourced.
command -v shellcheck >/dev/null || { echo "SKIP: no shellcheck (apt-get install shellcheck)"; exit 77; }
cd "$1" || exit 1
{ find .ci -name run && find tests preload -name '*.sh' -o -name '*.case'; } |
    xargs -n 12 -P 2 shellcheck -s sh -S warning -f gcc
