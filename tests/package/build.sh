#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the Debian packages of the tree as it is, changes included, and ask lintian about them:
#   sh tests/package/build.sh [FOLDER]
# They come into FOLDER (build/packages). A minute on two processors; nothing of it needs a network.
# With rpmbuild also the RPM packages, into FOLDER/rpm.
set -eu
cd "$(dirname "$0")/../.."
. tests/bed/packages.sh
# shellcheck disable=SC2086
need_packages $PACKAGE_PACKAGES || exit 1
folder=${1:-build/packages}
rm -rf "$folder"
mkdir -p "$folder/source"
folder=$(cd "$folder" && pwd)
git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c \
    'for file; do [ ! -e "$file" ] || printf "%s\\n" "$file"; done' sh | tar -cf - -T - | tar -xf - -C "$folder/source"
(cd "$folder/source" && dpkg-buildpackage --no-sign) >"$folder/build.log" 2>&1 ||
    { tail -n 40 "$folder/build.log"; exit 1; }
echo "== lintian"
lintian -EvIL +pedantic --fail-on error,warning,info,pedantic "$folder"/*.changes
version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build)
if command -v rpmbuild >/dev/null; then
    tar -cJf "$folder/mptcpshim-$version.tar.xz" -C "$folder" --transform "s,^source,mptcpshim-$version," \
        --exclude source/obj-* --exclude source/debian source
    # The names of Fedora's packages, of which Debian has none, are no use here; nor are its macros.
    rpmbuild --nodeps -bb --define "_topdir $folder/rpm" --define "_sourcedir $folder" \
        --load tests/package/meson.macros mptcpshim.spec >"$folder/rpm.log" 2>&1 ||
        { tail -n 40 "$folder/rpm.log"; exit 1; }
fi
find "$folder" -name '*.deb' -o -name '*.rpm' | sort
