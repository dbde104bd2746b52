#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: commit.sh SOURCE_ROOT: the last commit, with a "+" behind it if something was changed since.
# Nothing where SOURCE_ROOT is no repository of its own, which what was released is not, and where
# the last commit is that of a release.
cd "$1" && [ -e .git ] || exit 0
! git describe --exact-match --match 'v[0-9]*' HEAD >/dev/null 2>&1 || exit 0
id=$(git rev-parse --short=10 HEAD 2>/dev/null) || exit 0
git diff-index --quiet HEAD -- 2>/dev/null || id=$id+
echo "$id"
