#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: headers.sh SOURCE_ROOT COMPILER...: the public header stands alone, from C90 to C17 and from C++98 to C++17.
set -eu
root=$1
shift
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat > "$tmp/use.c" <<'C'
#include <mptcpshim/mptcpshim.h>
#include <mptcpshim/mptcpshim.h>
int use(int fd);
int use(int fd)
{
    struct mptcpshim_options opts;
    struct mptcpshim_stats stats;
    struct mptcpshim_subflow list[4];

    mptcpshim_options_init(&opts, sizeof(opts));
    opts.flags = MPTCPSHIM_REQUIRED;
    return mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, &opts) + mptcpshim_get_stats(fd, &stats) +
           mptcpshim_subflows(fd, list, 4);
}
C
cp "$tmp/use.c" "$tmp/use.cc"
strict='-Wall -Wextra -Wpedantic -Werror -Wshadow -Wundef -Wconversion'
used=0
for cc in "$@"; do
    command -v "$cc" > /dev/null || continue
    used=$((used + 1))
    case $cc in
    *++*) files="$tmp/use.cc"; standards='c++98 c++11 c++17'; more= ;;
    *)    files="$tmp/use.c";  standards='c90 c99 c17';     more='-Wstrict-prototypes -Wmissing-prototypes' ;;
    esac
    for std in $standards; do
        echo "$cc -std=$std"
        "$cc" -std="$std" $strict $more -I"$root/include" -fsyntax-only $files
    done
done
test "$used" -gt 0
