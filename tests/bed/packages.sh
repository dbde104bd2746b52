# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Debian packages by name: what the build needs, what the demonstration shows, what the tests run.
# Sourced.

BUILD_PACKAGES='build-essential meson ninja-build pkg-config libev-dev libssl-dev libmnl-dev
    libjson-c-dev libinih-dev libncurses-dev libseccomp-dev libcmocka-dev'
# shellcheck disable=SC2034 # for those who source this
DEMO_PACKAGES='curl iproute2 jq nginx-light procps util-linux'
# shellcheck disable=SC2034
ROAMING_PACKAGES='iproute2 jq openssh-client openssh-server postgresql procps python3 util-linux'
# shellcheck disable=SC2034
TEST_PACKAGES='apache2-utils bash clang-format-14 curl default-jdk-headless file fish gcc-multilib git gnuplot-nox groff haproxy iperf3 iproute2
    iputils-ping jq libpython3.11-testsuite linux-source-6.1 memcached mptcpize musl-tools
    netcat-openbsd nftables nginx-light nodejs openssh-client openssh-server openssl
    postgresql procps prometheus python3 python3-cryptography python3-prometheus-client python3-pyftpdlib python3.11 redis-server redis-tools
    rsync shellcheck socat spin systemd tcpdump tinyproxy tmux tshark universal-ctags util-linux wget wrk xz-utils zsh'
# What tests/package needs, which is not among the tests of every build.
# shellcheck disable=SC2034
PACKAGE_PACKAGES='debhelper debootstrap dpkg-dev fakeroot gcc-multilib git lintian rpm'

POLICY=${POLICY:-/usr/sbin/policy-rc.d}
POLICY_MARK='# of the tests of mptcpshim: void when that process is gone'

missing_packages() # PACKAGE...
{
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            printf '%s ' "$package"
    done
}

# While packages are installed nothing of them starts, nor is anything stopped or restarted that runs:
# Debian's scripts ask this file. One that is there already is the administrator's, and stays. Ours
# is void without this process, so that a kill leaves no trap behind.
forbid_services()
{
    if [ -e "$POLICY" ] && ! grep -q "$POLICY_MARK" "$POLICY"; then
        return 1
    fi
    printf '#!/bin/sh\n%s\n[ ! -d /proc/%s ] || exit 101\n' "$POLICY_MARK" $$ >"$POLICY" &&
        chmod 755 "$POLICY"
}

allow_services()
{
    ! grep -q "$POLICY_MARK" "$POLICY" 2>/dev/null || rm -f "$POLICY"
}

installed_packages()
{
    # shellcheck disable=SC2016 # dpkg-query's own
    dpkg-query -W -f '${binary:Package}\n' 2>/dev/null | sort
}

# Nor do they start with the machine.
disable_services() # PACKAGE...
{
    dpkg-query -L "$@" 2>/dev/null |
        sed -nE 's,^(/usr)?/lib/systemd/system/([^@/]+\.(service|socket|timer))$,systemd \2,p
            s,^/etc/init\.d/([^/]+)$,init \1,p' | while read -r kind name; do
        case $kind in
            systemd) ! command -v systemctl >/dev/null || systemctl --quiet disable "$name" ;;
            init) ! command -v update-rc.d >/dev/null || update-rc.d "$name" disable ;;
        esac </dev/null >/dev/null 2>&1
    done
}

install_packages() # PACKAGE...
{
    installed_packages >"$install_tmp/before"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null
    install_status=$?
    installed_packages | comm -13 "$install_tmp/before" - >"$install_tmp/new"
    # shellcheck disable=SC2046 # names have no blanks
    [ ! -s "$install_tmp/new" ] || disable_services $(cat "$install_tmp/new")
    return $install_status
}

# In a shell of its own, whose traps are not the caller's.
install_quietly() # PACKAGE...
(
    install_tmp=$(mktemp -d) || exit 1
    trap 'allow_services; rm -rf "$install_tmp"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    forbid_services || echo "$POLICY is there: it decides what starts" >&2
    install_packages "$@"
)

# Install what is missing if root. Without root say what to install; fails if nothing can be built.
need_packages() # PACKAGE...: beside those that the build needs
{
    command -v dpkg-query >/dev/null || return 0
    # shellcheck disable=SC2086
    missing=$(missing_packages $BUILD_PACKAGES "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        echo "installing: $missing"
        # shellcheck disable=SC2086
        install_quietly $missing
        return
    fi
    echo "Not installed (as root: apt-get install $missing)" >&2
    # shellcheck disable=SC2086
    [ -z "$(missing_packages $BUILD_PACKAGES)" ]
}
