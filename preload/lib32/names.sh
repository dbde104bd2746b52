#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: names.sh DIRECTORY, or DIRECTORY below the prefix of an installation.
# DIRECTORY has the preload for 64-bit programs, and in lib32 that for 32-bit ones. The loader of each
# kind puts what it calls its library directory for $LIB: Debian's two, its 32-bit libraries beside
# 64-bit ones, and everybody else's. musl's loader knows no $LIB and looks for that very name.
set -eu
case $1 in
/*) cd "$1" ;;
*) cd "$MESON_INSTALL_DESTDIR_PREFIX/$1" ;;
esac
library=libmptcpshim_preload.so
mkdir -p lib lib64
ln -sf "../$library" "lib64/$library"
ln -sf "../lib32/$library" "lib/$library"
ln -sfn ../lib64 lib/x86_64-linux-gnu
ln -sfn ../lib32 lib/i386-linux-gnu
# shellcheck disable=SC2016
ln -sfn lib64 '$LIB'
