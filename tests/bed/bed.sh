# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Two-host test bed, to be sourced: hosts `c` and `s` (network namespaces), joined by emulated links.
# Link i is 10.99.i.0/24 and fd99:i::/64; the client is .2, the server .1; devices are link1, link2...
#
#   BED_BUILD   build directory (default: build beside tests/)
#   BED_MODE    how bed_run starts programs: shim (default), plain, mptcp (kernel MPTCP)
#   BED_OPTIONS further options of `mptcpshim run`
#
# Needs root; without, the script is run again inside a user namespace of its own.

: "${BED_SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${BED_BUILD:=$BED_SOURCE/build}" "${BED_MODE:=shim}" "${BED_OPTIONS:=}"
PATH=$PATH:/usr/sbin:/sbin
LINKEMU=$BED_BUILD/tests/bed/linkemu
LINKCTL=$BED_BUILD/tests/bed/linkctl
PUMP=$BED_BUILD/tests/bed/pump
MPTCPSHIM=$BED_BUILD/preload/mptcpshim

bed_skip() # REASON: the whole script cannot run here
{
    echo "SKIPPED: $*" >&2
    [ "${CI:-}" != true ] || { echo "Bail out! cannot run here: $*"; exit 1; }
    echo "1..0 # SKIP $*"
    exit "${BED_SKIP_STATUS:-0}" # for TAP the line says it all
}

# Without root: a user namespace in which this script is root, with a /run of its own for ip netns.
if [ "$(id -u)" != 0 ]; then
    unshare -Urnm true 2>/dev/null || bed_skip "neither root nor user namespaces"
    exec unshare -Urnm sh -c 'mount -t tmpfs tmpfs /run && exec sh "$@"' sh "$0" "$@"
fi

for bed_tool in ip nsenter; do
    command -v $bed_tool >/dev/null || bed_skip "$bed_tool is not installed (apt-get install iproute2 util-linux)"
done
[ -x "$LINKEMU" ] || bed_skip "$LINKEMU is not built (ninja -C $BED_BUILD)"
if [ "$BED_MODE" = shim ] && [ ! -x "$MPTCPSHIM" ]; then
    bed_skip "$MPTCPSHIM is not built"
fi
if [ "$BED_MODE" = mptcp ] && ! command -v mptcpize >/dev/null; then
    bed_skip "mptcpize is not installed (apt-get install mptcpize)"
fi
(exec 3</dev/net/tun) 2>/dev/null || bed_skip "/dev/net/tun cannot be opened"

BED_TMP=$(mktemp -d "${TMPDIR:-/tmp}/bed.XXXXXX")
# No test knows the peers of another one; a directory here makes its own runs remember them.
export XDG_RUNTIME_DIR=/nonexistent
chmod 755 "$BED_TMP"
BED_ID=bed$$
bed_opened=0
bed_behind=''

bed_close() # kill everything on both hosts, remove them
{
    [ $bed_opened = 1 ] || return 0
    bed_opened=0
    for bed_h in c s $bed_behind; do
        bed_pids=$(ip netns pids "$BED_ID-$bed_h" 2>/dev/null)
        # shellcheck disable=SC2086
        [ -z "$bed_pids" ] || kill -9 $bed_pids 2>/dev/null
    done
    if [ -n "$bed_emu" ]; then
        "$LINKCTL" "$BED_TMP/ctl" quit 2>/dev/null
        wait "$bed_emu" 2>/dev/null
    fi
    for bed_h in c s $bed_behind; do ip netns del "$BED_ID-$bed_h"; done
    bed_behind=''
}

bed_exit()
{
    bed_status=$?
    trap - EXIT INT TERM HUP PIPE
    bed_close
    if [ $bed_status != 0 ] && [ -n "${BED_KEEP:-}" ]; then
        echo "# kept $BED_TMP" >&2
    else
        rm -rf "$BED_TMP"
    fi
    exit $bed_status
}
trap bed_exit EXIT
trap 'exit 130' INT TERM HUP PIPE

bed_wait() # SECONDS COMMAND...: until the command succeeds
{
    bed_left=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        bed_left=$((bed_left - 1))
        [ $bed_left -gt 0 ] || return 1
        sleep 0.05
    done
}

bed_in() # HOST COMMAND...: run natively
{
    bed_host=$1
    shift
    nsenter --net="/run/netns/$BED_ID-$bed_host" "$@"
}

bed_start() # HOST COMMAND...: natively, in the background; its pid in $!
{
    bed_host=$1
    shift
    nsenter --net="/run/netns/$BED_ID-$bed_host" "$@" &
}

bed_prefix() # the words that go before a program in this mode
{
    case $BED_MODE in
    shim) echo "$MPTCPSHIM run $BED_OPTIONS" ;;
    mptcp) echo "mptcpize run" ;;
    plain) ;;
    *) echo "bed: BED_MODE=$BED_MODE is not known" >&2; return 1 ;;
    esac
}

bed_run() # HOST COMMAND...: run in the way of BED_MODE
{
    bed_host=$1
    shift
    # shellcheck disable=SC2046
    bed_in "$bed_host" $(bed_prefix) "$@"
}

bed_spawn() # HOST COMMAND...: the same in the background; its pid in $!
{
    bed_host=$1
    shift
    # shellcheck disable=SC2046
    nsenter --net="/run/netns/$BED_ID-$bed_host" $(bed_prefix) "$@" &
}

bed_link() # NUMBER SETTING...: see bed/control.h
{
    bed_n=$1
    shift
    "$LINKCTL" "$BED_TMP/ctl" "link$bed_n" "$@"
}

bed_stats()
{
    "$LINKCTL" "$BED_TMP/ctl" stats
}

bed_carried() # NUMBER c2s|s2c: bytes that came out of a link
{
    bed_stats | jq ".[$1 - 1].$2.out_bytes"
}

bed_open_host() # HOST LAST-OCTET LINKS
{
    bed_ns=$BED_ID-$1
    bed_in "$1" sh -c '
        for f in all default; do echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter; done
        echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save
        echo 0 >/proc/sys/net/ipv4/ip_forward' 2>/dev/null
    ip -n "$bed_ns" link set lo up
    bed_i=1
    while [ $bed_i -le "$3" ]; do
        ip -n "$bed_ns" addr add "10.99.$bed_i.$2/24" dev "link$bed_i"
        ip -n "$bed_ns" addr add "fd99:$bed_i::$2/64" dev "link$bed_i" nodad 2>/dev/null
        ip -n "$bed_ns" link set "link$bed_i" mtu 1500 txqueuelen 2000 up
        bed_i=$((bed_i + 1))
    done
    [ "$BED_MODE" = mptcp ] || return 0
    # The client takes what the server announces: one subflow for each link.
    ip -n "$bed_ns" mptcp limits set subflow 8 add_addr_accepted 8
    bed_i=2
    while [ "$1" = s ] && [ $bed_i -le "$3" ]; do
        ip -n "$bed_ns" mptcp endpoint add "10.99.$bed_i.1" dev "link$bed_i" signal
        bed_i=$((bed_i + 1))
    done
}

bed_open() # LINKS [SETTING...]: both hosts and that many links, all with the settings
{
    bed_links=$1
    shift
    ip netns add "$BED_ID-c" || bed_skip "network namespaces cannot be made"
    ip netns add "$BED_ID-s"
    bed_opened=1
    "$LINKEMU" "$BED_TMP/ctl" "/run/netns/$BED_ID-c" "/run/netns/$BED_ID-s" "$bed_links" \
        "${BED_SEED:-1}" >"$BED_TMP/linkemu.log" 2>&1 &
    bed_emu=$!
    if ! bed_wait 5 grep -q ready "$BED_TMP/linkemu.log"; then
        cat "$BED_TMP/linkemu.log" >&2
        exit 1
    fi
    bed_open_host c 2 "$bed_links"
    bed_open_host s 1 "$bed_links"
    bed_j=1
    while [ $# -gt 0 ] && [ $bed_j -le "$bed_links" ]; do
        bed_link $bed_j "$@"
        bed_j=$((bed_j + 1))
    done
}

bed_open_wires() # COUNT: both hosts, joined by veth pairs that nothing shapes
{
    ip netns add "$BED_ID-c" || bed_skip "network namespaces cannot be made"
    ip netns add "$BED_ID-s"
    bed_opened=1 bed_emu=''
    bed_j=1
    while [ $bed_j -le "$1" ]; do
        ip -n "$BED_ID-c" link add "link$bed_j" type veth peer name "link$bed_j" netns "$BED_ID-s"
        bed_j=$((bed_j + 1))
    done
    bed_open_host c 2 "$1"
    bed_open_host s 1 "$1"
}

bed_open_behind() # a third host, `o`, 10.97.0.2, that only `s` reaches, from 10.97.0.1
{
    ip netns add "$BED_ID-o"
    bed_behind=o
    ip -n "$BED_ID-s" link add behind type veth peer name behind netns "$BED_ID-o"
    ip -n "$BED_ID-s" addr add 10.97.0.1/24 dev behind
    ip -n "$BED_ID-o" addr add 10.97.0.2/24 dev behind
    ip -n "$BED_ID-s" link set behind up
    ip -n "$BED_ID-o" link set behind up
    ip -n "$BED_ID-o" link set lo up
}

bed_heard() # HOST PORT
{
    bed_in "$1" ss -Htln "sport = :$2" | grep -q .
}

# HOST PORT: does a program wait for connections there? Before that, those to a program under the
# shim are plain, and the peers remember it.
bed_listening()
{
    bed_in "$1" "$BED_BUILD/tests/bed/awaited" "$2"
}

bed_quiet() # HOST PORT: nobody listens there
{
    ! bed_heard "$1" "$2"
}

# HOST FILE FILTER...: tcpdump on all devices until bed_capture_end. Each packet has a place for the
# longest one, 256 KiB, in the buffer: it is so large that 500 may wait.
bed_capture()
{
    bed_cap_file=$2
    bed_cap_host=$1
    shift 2
    rm -f "$bed_cap_file.log"
    nsenter --net="/run/netns/$BED_ID-$bed_cap_host" \
        tcpdump -Z root -i any -B 131072 --immediate-mode -U -s 0 -w "$bed_cap_file" "$@" 2>"$bed_cap_file.log" &
    bed_cap=$!
    bed_wait 20 grep -q listening "$bed_cap_file.log"
}

bed_capture_end() # when the file does not grow any more; fails if packets are missing
{
    bed_size=-1
    while [ $bed_size != "$(wc -c <"$bed_cap_file")" ]; do
        bed_size=$(wc -c <"$bed_cap_file")
        sleep 0.2
    done
    kill -TERM "$bed_cap" 2>/dev/null
    wait "$bed_cap" 2>/dev/null
    grep -q '^0 packets dropped by kernel' "$bed_cap_file.log" && return
    cat "$bed_cap_file.log" >&2
    return 1
}

bed_strip_mptcp() # an nftables rule on the server's side that removes MPTCP's TCP options
{
    bed_in s nft -f - <<'NFT'
table inet strip {
    chain in {
        type filter hook prerouting priority -300;
        tcp option mptcp exists reset tcp option mptcp
    }
    chain out {
        type filter hook output priority -300;
        tcp option mptcp exists reset tcp option mptcp
    }
}
NFT
}
