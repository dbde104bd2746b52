# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the benchmarks on the test bed begin with. Sourced once the arguments are read, and `set` so
# that bed.sh can run the script again in a user namespace.
#   have_mptcp   yes or no: can programs be run with the kernel's MPTCP?

# shellcheck disable=SC2034 # bed.sh's
BED_SKIP_STATUS=77 BED_MODE=plain
BED_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../bed/bed.sh
. "$BED_SOURCE/tests/bed/bed.sh"
[ -x "$MPTCPSHIM" ] || bed_skip "$MPTCPSHIM is not built"
# shellcheck disable=SC2034
FLOW=$BED_BUILD/tests/bench/flow
have_mptcp=no
if command -v mptcpize >/dev/null && [ -e /proc/sys/net/mptcp/enabled ]; then
    have_mptcp=yes
fi

bench_awake() # virtual processors that sleep distort what is measured
{
    # shellcheck source=../bed/awake.sh
    . "$BED_SOURCE/tests/bed/awake.sh"
    bed_keep_awake
}

bench_needs() # PROGRAM...: named as its package is, or a file of the build
{
    for bench_n in "$@"; do
        case $bench_n in
        /*) [ -x "$bench_n" ] || bed_skip "$bench_n is not built" ;;
        *) command -v "$bench_n" >/dev/null ||
            bed_skip "$bench_n is not installed (apt-get install $bench_n)" ;;
        esac
    done
}

bench_wants_mptcp() # says so if it cannot be measured
{
    [ $have_mptcp = yes ] ||
        echo "kernel MPTCP is left out: apt-get install mptcpize, kernel with CONFIG_MPTCP" >&2
}

bench_out() # NAME: results go to $out, or to that file in the build; it is empty now
{
    : "${out:=$BED_BUILD/bench/$1}"
    mkdir -p "$(dirname "$out")" || exit 1
    : >"$out"
}
