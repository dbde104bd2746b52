# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the demonstrations have in common: what they need is there, built once. Sourced in the
# project's folder, after
# packages.sh.

say() { printf '\n%s%s%s\n' "${bold:-}" "$*" "${normal:-}"; }

demo_build() # PACKAGE...: once, before a user namespace pretends that this is root
{
    [ -z "${DEMO_BUILT:-}" ] || return 0
    need_packages "$@" || return 1
    say "Building"
    [ -e build/build.ninja ] || meson setup build >/dev/null || return 1
    ninja -C build >build/demo.log 2>&1 || { cat build/demo.log; return 1; }
    export DEMO_BUILT=1
}

demo_has_tunnels() # can links be emulated here?
{
    [ "$(id -u)" = 0 ] || unshare -Urnm sh -c '[ -r /dev/net/tun ] && (exec 3</dev/net/tun) &&
        ip link show lo >/dev/null' 2>/dev/null
}
