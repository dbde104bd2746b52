# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Test Anything Protocol for the scripts. A point that cannot be tried is skipped loudly, and in CI
# (CI=true) it is a failure: a skipped test must not look like a passed one there.

tap_count=0
tap_failed=0

tap_point() # STATUS NAME
{
    tap_count=$((tap_count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $tap_count - $2"
    else
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - $2"
        echo "not ok $tap_count - $2" >&2 # meson shows this stream of a failure
    fi
}

ok() # NAME COMMAND...
{
    tap_name=$1
    shift
    "$@"
    tap_point $? "$tap_name"
}

is() # NAME GOT WANTED
{
    if [ "$2" = "$3" ]; then
        tap_point 0 "$1"
    else
        echo "# got '$2', wanted '$3'" >&2
        tap_point 1 "$1"
    fi
}

at_least() # NAME GOT MINIMUM: integers
{
    echo "# $1: $2 (at least $3)"
    if [ "${2:-0}" -ge "$3" ] 2>/dev/null; then
        tap_point 0 "$1"
    else
        tap_point 1 "$1"
    fi
}

skip() # NAME REASON
{
    echo "# SKIPPED: $1: $2" >&2
    if [ "${CI:-}" = true ]; then
        tap_point 1 "$1 (cannot be tried: $2)"
    else
        tap_count=$((tap_count + 1))
        echo "ok $tap_count - $1 # SKIP $2"
    fi
}

tap_end() # last command of a script
{
    echo "1..$tap_count"
    [ $tap_failed = 0 ]
    exit $?
}
