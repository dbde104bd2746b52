# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Debian packages by name: what the build needs and what the tests run. Sourced.

BUILD_PACKAGES='build-essential meson ninja-build pkg-config libev-dev libssl-dev libmnl-dev
    libjson-c-dev libinih-dev libcmocka-dev'
TEST_PACKAGES='apache2-utils bash curl default-jdk-headless file git gnuplot-nox groff haproxy iperf3 iproute2
    iputils-ping jq libpython3.11-testsuite linux-source-6.1 memcached mptcpize
    netcat-openbsd nftables nginx-light nodejs openssh-client openssh-server openssl
    postgresql procps python3 python3-pyftpdlib python3.11 redis-server redis-tools
    rsync socat spin systemd tcpdump tinyproxy universal-ctags util-linux wget wrk xz-utils'

missing_packages() # PACKAGE...
{
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            printf '%s ' "$package"
    done
}

# Install what is missing if root. Without root say what to install; fails if nothing can be built.
need_packages()
{
    command -v dpkg-query >/dev/null || return 0
    # shellcheck disable=SC2086
    missing=$(missing_packages $BUILD_PACKAGES $TEST_PACKAGES)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        echo "installing: $missing"
        # shellcheck disable=SC2086
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends $missing >/dev/null
        return
    fi
    echo "Not installed (as root: apt-get install $missing)" >&2
    # shellcheck disable=SC2086
    [ -z "$(missing_packages $BUILD_PACKAGES)" ]
}
