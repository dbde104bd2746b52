#!/bin/sh
# SPDX-License-Identifier: MIT
# The packages of tests/package/build.sh in a fresh Debian, as root:
#   sh tests/package/chroot.sh [FOLDER [SUITE [MIRROR]]]
# They are installed, carry connections (debian/tests), are upgraded to a higher version and removed; and
# nothing of them is left then. Needs a mirror, and some minutes.
set -eu
cd "$(dirname "$0")/../.."
. tests/bed/packages.sh
# shellcheck disable=SC2086
need_packages $PACKAGE_PACKAGES || exit 1
folder=$(cd "${1:-build/packages}" && pwd)
suite=${2:-bookworm} mirror=${3:-http://deb.debian.org/debian}
root=$(mktemp -d)
chmod 755 "$root"
trap 'umount "$root/proc" "$root/dev/pts" "$root/dev" "$root" 2>/dev/null || :
    rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM HUP

inside() # COMMAND...
{
    # Mounts and namespaces of the network that the tests make stay in one of their own.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        unshare -m chroot "$root" "$@"
}

state() # FILE: everything in the chroot but what apt and the logs write
{
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./packages \
        -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \
        -o -path ./run \) -prune -o -printf '%y %m %p %l\n' | sort) >"$1"
}

tests()
{
    for test in transfer compile; do
        echo "== debian/tests/$test"
        inside "/packages/$test"
    done
    inside tshark -G protocols 2>/dev/null | grep mptcpshim
}

# A mount of its own, since that is what ip(8) asks of the root of who makes namespaces.
mount --bind "$root" "$root"
echo "== debootstrap $suite"
debootstrap --variant=minbase --include=ca-certificates,iproute2,python3,gcc,libc6-dev,pkg-config \
    "$suite" "$root" "$mirror" >"$folder/debootstrap.log" 2>&1 || { tail "$folder/debootstrap.log"; exit 1; }
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t devpts devpts "$root/dev/pts"
mkdir "$root/packages" "$root/packages/higher"
cp debian/tests/transfer debian/tests/compile "$root/packages"
for package in "$folder"/*.deb; do
    case $package in *-dbgsym_*) continue ;; esac
    cp "$package" "$root/packages"
    rm -rf "$root/tmp/higher"
    dpkg-deb -R "$package" "$root/tmp/higher"
    sed -i -E 's/^(Version: .*)/\1+higher/; s/^(Depends: .*libmptcpshim0 \(= [^)]*)/\1+higher/' \
        "$root/tmp/higher/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$root/tmp/higher" "$root/packages/higher" >/dev/null
done
rm -rf "$root/tmp/higher"
echo "== what they depend on"
inside apt-get install -qq -y --no-install-recommends libev4 libinih1 libjson-c-dev libmnl0 libncursesw6 \
    libseccomp2 libssl3 tshark >/dev/null 2>&1
state "$folder/before"
echo "== install"
inside sh -c 'apt-get install -y --no-install-recommends /packages/*.deb'
inside mptcpshim --version
tests
echo "== upgrade"
inside sh -c 'apt-get install -y --no-install-recommends /packages/higher/*.deb'
inside dpkg-query -W 'mptcpshim*' 'libmptcpshim*'
tests
echo "== remove, purge"
# shellcheck disable=SC2046 # names have no blanks
set -- $(inside dpkg-query -W -f '${Package}\n' 'mptcpshim*' 'libmptcpshim*')
inside apt-get remove -y "$@"
state "$folder/removed"
inside dpkg --purge "$@"
state "$folder/purged"
for state in removed purged; do
    echo "== what differs from before, $state:"
    diff "$folder/before" "$folder/$state" | grep '^[<>]' && left=yes
done
[ -z "${left:-}" ] || { echo "files are left"; exit 1; }
echo "nothing is left"
