#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: examples.sh SOURCE_ROOT BUILD_DIR CC: the examples are compiled as their comments say, against
# the library of the build, and carry a file there and back over a multipath connection.
set -u
here=$1/tests/api/examples build=$2 cc=$3
tmp=$(mktemp -d)
server=
finish()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT
export LD_LIBRARY_PATH="$build/lib/api" MPTCPSHIM_OPTIONS='local=127.0.0.1,127.0.0.2'
export MPTCPSHIM_LIBRARY="$build/lib/api/libmptcpshim.so.0"
flags="-Wall -Wextra -Werror -I$1/include -L$build/lib/api"
for name in server blocking epoll libev; do
    libs=-lmptcpshim
    [ $name != libev ] || libs="$libs -lev"
    # shellcheck disable=SC2086
    $cc -std=gnu17 $flags "$here/$name.c" -o "$tmp/$name" $libs || exit 1
done
# shellcheck disable=SC2086
c++ -std=c++11 $flags "$here/client.cc" -o "$tmp/cxx" -lmptcpshim -pthread || exit 1
cp "$here/client.py" "$tmp/python"
chmod +x "$tmp/python"

head -c 3000000 /dev/urandom > "$tmp/in"
port=
for try in 1 2 3 4 5; do
    port=$((20000 + ($$ * 7 + try * 131) % 10000))
    "$tmp/server" $port > "$tmp/ready" 2> "$tmp/err" &
    server=$!
    i=0
    until grep -q ready "$tmp/ready" || ! kill -0 $server 2>/dev/null || [ $i = 1000 ]; do
        i=$((i + 1))
        sleep 0.01
    done
    ! grep -q ready "$tmp/ready" || break
    server=
done
[ -n "$server" ] || { cat "$tmp/err"; exit 1; }
rc=0
for name in blocking epoll libev cxx python; do
    if timeout 30 "$tmp/$name" $port < "$tmp/in" > "$tmp/out" 2> "$tmp/err" &&
        cmp "$tmp/in" "$tmp/out" && grep -q '^multipath' "$tmp/err"; then
        echo "$name: right"
    else
        echo "$name: failed"
        cat "$tmp/err"
        rc=1
    fi
done
exit $rc
