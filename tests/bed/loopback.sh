# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# In place of the test bed where nobody may make network namespaces: both hosts are this one, the
# paths are two loopback addresses. Sourced by demo.sh; the names are those of bed.sh.

BED_BUILD=$BED_SOURCE/build
MPTCPSHIM=$BED_BUILD/preload/mptcpshim
PATH=$PATH:/usr/sbin:/sbin
HTTP=$((20000 + $$ % 20000))
server=127.0.0.1
BED_TMP=$(mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX")
trap 'stop_nginx; rm -rf "$BED_TMP"' EXIT
trap 'exit 130' INT TERM HUP PIPE

bed_in()
{
    shift
    "$@"
}

bed_spawn()
{
    shift
    if [ "$BED_MODE" = shim ]; then
        "$MPTCPSHIM" run --local 127.0.0.1,127.0.0.2 "$@" &
    else
        "$@" &
    fi
}

bed_listening()
{
    "$BED_BUILD/tests/bed/awaited" "$2"
}

bed_quiet()
{
    ! ss -Htln "sport = :$2" | grep -q .
}

bed_wait() # SECONDS COMMAND...
{
    bed_left=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        bed_left=$((bed_left - 1))
        [ $bed_left -gt 0 ] || return 1
        sleep 0.05
    done
}
