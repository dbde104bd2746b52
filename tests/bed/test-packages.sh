#!/bin/sh
# SPDX-License-Identifier: MIT
# What the scripts install, and that they start, stop and leave nothing: with programs in the place
# of apt-get and its kin. TAP.
cd "$(dirname "$0")" || exit 1
# shellcheck source=tap.sh
. ./tap.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export POLICY="$scratch/policy-rc.d" LOG="$scratch/log" STATE="$scratch/installed"
# shellcheck source=packages.sh
. ./packages.sh

program() # NAME < SCRIPT
{
    { echo '#!/bin/sh'; cat; } >"$scratch/bin/$1"
    chmod +x "$scratch/bin/$1"
}

mkdir "$scratch/bin"
echo 'echo 0' | program id
# -W -f FORMAT [PACKAGE], -L PACKAGE...
program dpkg-query <<'END'
case $1 in
    -L) printf '/usr/lib/systemd/system/nginx.service\n/etc/init.d/nginx\n/usr/sbin/nginx\n' ;;
    *) if [ -n "${4:-}" ]; then grep -qx "$4" "$STATE" && echo 'install ok installed'; else cat "$STATE"; fi ;;
esac
END
program systemctl <<'END'
echo "systemctl $*" >>"$LOG"
END
program update-rc.d <<'END'
echo "update-rc.d $*" >>"$LOG"
END
# What Debian's scripts would do on the way: ask whether something may start.
program apt-get <<'END'
[ "$1" = install ] || exit 0
"$POLICY" nginx start
echo "policy $?" >>"$LOG"
while [ "$1" != --no-install-recommends ]; do shift; done
shift
echo "installs $*" >>"$LOG"
printf '%s\n' "$@" >>"$STATE"
[ -z "${KILL:-}" ] || kill -"$KILL" "$PPID"
END
PATH=$scratch/bin:$PATH

try() # [NAME=VALUE...]: install nginx-light, everything else being there
{
    : >"$LOG"
    # shellcheck disable=SC2086
    printf '%s\n' $BUILD_PACKAGES curl >"$STATE"
    env "$@" sh -c '. ./packages.sh; need_packages curl nginx-light' >"$scratch/out" 2>&1
}

logged() { grep -qx -- "$1" "$LOG"; }

try A=
is "it succeeds" $? 0
ok "what is missing is installed, and no more" logged "installs nginx-light"
ok "nothing may start meanwhile" logged "policy 101"
ok "its services do not start with the machine" logged "systemctl --quiet disable nginx.service"
ok "nor by init" logged "update-rc.d nginx disable"
ok "no policy is left" [ ! -e "$POLICY" ]
try KILL=TERM
ok "nor after an interruption" [ ! -e "$POLICY" ]
try KILL=KILL
[ -x "$POLICY" ]
"$POLICY" nginx start 2>/dev/null
is "after a kill it says nothing" $? 0
try A=
ok "and the next run replaces it" logged "policy 101"
ok "and removes it" [ ! -e "$POLICY" ]
printf '#!/bin/sh\nexit 104\n' >"$POLICY"
chmod +x "$POLICY"
try A=
ok "the administrator's policy counts" logged "policy 104"
ok "and stays" grep -q 104 "$POLICY"
rm -f "$POLICY"
# shellcheck disable=SC2086
printf '%s\n' $BUILD_PACKAGES curl nginx-light >"$STATE"
: >"$LOG"
need_packages curl nginx-light
ok "nothing is done where nothing is missing" [ ! -s "$LOG" ]
heavy=''
for package in $DEMO_PACKAGES; do
    case $package in
        postgresql | redis* | haproxy | default-jdk* | memcached | openssh-server | nodejs) heavy=$package ;;
    esac
done
is "the demonstration asks for nothing heavy" "$heavy" ""
tap_end
