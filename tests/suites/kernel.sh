#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernel's own MPTCP self-tests, both ends under the shim: mptcp_connect and mptcp_inq, over TCP
# sockets, and mptcp_sockopt, over sockets of IPPROTO_MPTCP, of Debian's package linux-source-6.1. Only
# their directory is unpacked, into the build directory, and compiled there.
#
#   kernel.sh BUILD_DIRECTORY [plain]     plain: the same points without the shim
#
# In a network namespace of its own: mptcp_connect -I waits until ss(8) shows no connection.
set -u
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mode=${2:-shim}
tarball=/usr/src/linux-source-6.1.tar.xz
work=$build/tests/suites/kernel
bin=$work/bin
LOCAL=127.0.0.1,127.0.0.2

# shellcheck source-path=SCRIPTDIR source=../bed/tap.sh
. "$here/../bed/tap.sh"

skip_all()
{
    echo "1..0 # SKIP $1"
    exit 0
}

if [ "${SUITES_INSIDE:-}" != yes ]; then
    [ -f "$tarball" ] || skip_all "linux-source-6.1 is not installed (apt-get install linux-source-6.1)"
    command -v ss >/dev/null || skip_all "ss is not installed (apt-get install iproute2)"
    user=
    [ "$(id -u)" = 0 ] || user=-r
    unshare -n $user true 2>/dev/null || skip_all "no network namespaces here"
    export SUITES_INSIDE=yes
    exec unshare -n $user sh "$0" "$@"
fi

unpack()
{
    [ -x "$bin/mptcp_connect" ] && [ -x "$bin/mptcp_inq" ] && [ -x "$bin/mptcp_sockopt" ] && return 0
    rm -rf "$work"
    mkdir -p "$bin" "$work/src"
    tar -xJf "$tarball" -C "$work/src" --strip-components=5 --wildcards \
        '*/tools/testing/selftests/net/mptcp/*.c' || return 1
    for u_name in mptcp_connect mptcp_inq mptcp_sockopt; do
        cc -O2 -w -o "$bin/$u_name" "$work"/src/*/"$u_name.c" 2>/dev/null ||
            cc -O2 -w -o "$bin/$u_name" "$work/src/$u_name.c" || return 1
    done
}

run() # COMMAND...
{
    if [ "$mode" = plain ]; then
        "$@"
    else
        "$build/preload/mptcpshim" run --local "$LOCAL" --log "$tmp/log" "$@"
    fi
}

port=15000
# mptcp_connect on both sides with the same options; $want_s and $want_c: what the server's and
# the client's output must be ("": it is not looked at).
transfer() # NAME OPTION...
{
    t_name=$1
    shift
    port=$((port + 1))
    case " $* " in *" -6 "*) t_host=::1 ;; *) t_host=127.0.0.1 ;; esac
    run timeout 50 "$bin/mptcp_connect" -t 20000 -l -p $port -s TCP "$@" $t_host \
        <"$in_s" >"$tmp/out.s" 2>"$tmp/err.s" &
    t_server=$! t_i=0
    until ss -Hlnt "sport = :$port" | grep -q . || [ $t_i = 500 ]; do
        t_i=$((t_i + 1))
        sleep 0.02
    done
    run timeout 50 "$bin/mptcp_connect" -t 20000 -p $port -s TCP "$@" $t_host \
        <"$in_c" >"$tmp/out.c" 2>"$tmp/err.c"
    t_status=$?
    wait $t_server || t_status=$?
    [ -z "$want_s" ] || cmp "$tmp/out.s" "$want_s" >&2 || t_status=1
    [ -z "$want_c" ] || cmp "$tmp/out.c" "$want_c" >&2 || t_status=1
    [ $t_status = 0 ] || sed 's/^/# /' "$tmp/err.s" "$tmp/err.c" >&2
    tap_point $t_status "mptcp_connect: $t_name"
}

every_mode() # NAME OPTION...
{
    e_name=$1
    shift
    for e_mode in poll mmap sendfile; do
        transfer "$e_name, $e_mode" -m $e_mode "$@"
        transfer "$e_name, $e_mode, IPv6" -m $e_mode -6 "$@"
    done
}

try_connect()
{
    in_s=$tmp/small in_c=$tmp/big want_c=$tmp/small want_s=$tmp/big
    every_mode "transfer"
    every_mode "small buffers" -R 8192 -S 8192
    for c_peek in saveWithPeek saveAfterPeek; do
        transfer "$c_peek" -P $c_peek
        transfer "$c_peek, IPv6" -P $c_peek -6
    done
    transfer "slow start and end (-j)" -j -w 1
    in_s=$tmp/tiny in_c=$tmp/tiny want_c=$tmp/tiny want_s=$tmp/tiny
    transfer "limited writes (-r)" -r 4000
    transfer "limited writes (-r), IPv6" -r 4000 -6
    in_s=$tmp/small in_c=$tmp/small
    head -c 200000 "$tmp/small" >"$tmp/cut"
    want_c=$tmp/cut want_s=$tmp/cut
    transfer "stop in the middle (-f)" -f 200000
    transfer "stop in the middle (-f), IPv6" -f 200000 -6
    want_c='' want_s=''
    transfer "the peer stops early (-f -1)" -f -1
    cat "$tmp/small" "$tmp/small" "$tmp/small" >"$tmp/thrice"
    want_c=$tmp/thrice want_s=$tmp/thrice
    transfer "disconnect and connect again (-I)" -I 3 -i "$tmp/small"
    transfer "disconnect and connect again (-I), IPv6" -I 3 -i "$tmp/small" -6
}

try_inq()
{
    for i_family in '' -6; do
        # shellcheck disable=SC2086 # empty or one option
        run timeout 40 "$bin/mptcp_inq" $i_family -t tcp -r tcp >"$tmp/inq" 2>&1
        i_status=$?
        [ $i_status = 0 ] || sed 's/^/# /' "$tmp/inq" >&2
        tap_point $i_status "mptcp_inq${i_family:+: IPv6}"
    done
}

# With one address, since it expects one subflow.
try_sockopt()
{
    for o_family in '' -6; do
        o_locals=$LOCAL LOCAL=127.0.0.1
        [ -z "$o_family" ] || LOCAL=::1
        # shellcheck disable=SC2086 # empty or one option
        run timeout 40 "$bin/mptcp_sockopt" $o_family >"$tmp/sockopt" 2>&1
        o_status=$? LOCAL=$o_locals
        [ $o_status = 0 ] || sed 's/^/# /' "$tmp/sockopt" >&2
        tap_point $o_status "mptcp_sockopt${o_family:+: IPv6}"
    done
}

# Both ends of each connection and each second path are in the log; nothing else is proof.
multipath()
{
    m_conns=$(grep -c ': established' "$tmp/log")
    m_joins=$(grep -c ': join 127.0.0.2' "$tmp/log")
    at_least "ends of connections that were multipath" "$m_conns" 44
    at_least "second paths over IPv4" "$m_joins" 10
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ip link set lo up
if ! unpack; then
    tap_point 1 "unpack and compile"
    tap_end
    exit
fi
head -c 1500000 /dev/urandom >"$tmp/small"
head -c 4000017 /dev/urandom >"$tmp/big"
head -c 10000 /dev/urandom >"$tmp/tiny"
try_connect
try_inq
try_sockopt
[ "$mode" = plain ] || multipath
tap_end
