#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: install.sh BUILD_DIR PREFIX EXAMPLE.c CC...: what `meson install` puts down is enough to compile,
# link and run the library's example, statically, too, and to run a program under the launcher.
set -eu
for tool in meson pkg-config; do
    command -v $tool > /dev/null || { echo "SKIP: no $tool"; exit 77; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$tmp.log"' EXIT
meson install -C "$1" --no-rebuild --destdir "$tmp" > "$tmp.log" 2>&1 || { cat "$tmp.log"; exit 1; }
root=$tmp$2
find "$tmp" -type f -o -type l | sed "s,^$tmp,," | sort

pc=$(find "$root" -name mptcpshim.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$tmp"
example=$3 build=$1 prefix=$2
shift 3
# shellcheck disable=SC2046
"$@" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror "$example" -o "$tmp/echo" \
    $(pkg-config --cflags --libs mptcpshim)
agent=$(find "$root" -name mptcpshim-agent)
unset MPTCPSHIM_AGENT
LD_LIBRARY_PATH=$libdir MPTCPSHIM_AGENT_PATH=$agent "$tmp/echo"
# Without any shared library, unless a sanitizer needs its own.
if ! nm "$libdir/libmptcpshim.a" 2> /dev/null | grep -qE '__(asan|ubsan|tsan)_'; then
    # shellcheck disable=SC2046
    "$@" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -static "$example" -o "$tmp/echo-static" \
        $(pkg-config --static --cflags --libs mptcpshim)
    MPTCPSHIM_AGENT_PATH=$agent "$tmp/echo-static"
fi
for name in server.c blocking.c epoll.c libev.c client.cc client.py; do
    test -f "$root/share/doc/mptcpshim/examples/$name"
done

# The pages and the program speak of the same places.
test -f "$root/share/man/man1/mptcpshim.1"
config=$(env -u MPTCPSHIM_CONFIG HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent \
    "$root/bin/mptcpshim" check-config | sed -n '1s/: .*//p')
test "${config##*/}" = mptcpshim.conf
grep -q "^\.I $config\$" "$root/share/man/man5/mptcpshim.conf.5"
grep -q "^ExecStart=$prefix/bin/mptcpshim run " "$root/share/man/man1/mptcpshim.1"
! grep -rq '@[A-Z_]*@' "$root/share/man"
grep -q "^ExecStart=$prefix/bin/mptcpshim run " "$root/share/doc/mptcpshim/examples/mptcpshim-http.service"
grep -q "^; $config " "$root/share/doc/mptcpshim/examples/mptcpshim.conf"
"$root/bin/mptcpshim" --version
test -f "$libdir/mptcpshim/libmptcpshim_preload.so"
for name in bash-completion/completions/mptcpshim zsh/site-functions/_mptcpshim \
    fish/vendor_completions.d/mptcpshim.fish; do
    grep -q 'mptcpshim(1)' "$root/share/$name"
done
# By each name that a loader may use.
if [ -e "$libdir/mptcpshim/lib32" ]; then
    for name in lib lib32 lib/i386-linux-gnu; do
        cmp "$libdir/mptcpshim/$name/libmptcpshim_preload.so" "$build/preload/lib32/libmptcpshim_preload.so"
    done
    # shellcheck disable=SC2016
    for name in lib64 lib/x86_64-linux-gnu '$LIB'; do
        cmp "$libdir/mptcpshim/$name/libmptcpshim_preload.so" "$libdir/mptcpshim/libmptcpshim_preload.so"
    done
fi
