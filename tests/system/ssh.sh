# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# An sshd with keys and settings of its own, on a high port of host `s`. Sourced after lib.sh.

SSH_PORT=2222
SSH_USER=root

ssh_reason() # why ssh cannot be tried here; empty if it can
{
    if ! command -v sshd >/dev/null || ! command -v ssh >/dev/null; then
        echo "openssh is not installed (apt-get install openssh-client openssh-server)"
    elif [ "$(cat /proc/self/setgroups 2>/dev/null)" = deny ]; then
        echo "sshd cannot change groups in this user namespace"
    fi
}

start_sshd() # bed_spawn|bed_start
{
    mkdir -p /run/sshd "$BED_TMP/ssh"
    chmod 700 "$BED_TMP/ssh"
    [ -e "$BED_TMP/ssh/host" ] || ssh-keygen -q -t ed25519 -N '' -f "$BED_TMP/ssh/host"
    [ -e "$BED_TMP/ssh/user" ] || ssh-keygen -q -t ed25519 -N '' -f "$BED_TMP/ssh/user"
    cat >"$BED_TMP/ssh/config" <<SSHD
Port $SSH_PORT
HostKey $BED_TMP/ssh/host
AuthorizedKeysFile $BED_TMP/ssh/user.pub
PidFile none
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM $(grep -qs '^root:!' /etc/shadow && echo yes || echo no)
Subsystem sftp internal-sftp
SSHD
    "$1" s "$(command -v sshd)" -D -f "$BED_TMP/ssh/config" -E "$BED_TMP/ssh/log"
    sshd_pid=$!
    bed_wait 10 bed_listening s $SSH_PORT || { cat "$BED_TMP/ssh/log" >&2; return 1; }
}

stop_sshd()
{
    kill "$sshd_pid" 2>/dev/null
    wait "$sshd_pid" 2>/dev/null
}

SSH_OPTIONS="-i $BED_TMP/ssh/user -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR
    -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o ConnectTimeout=20"

run_ssh() # bed_run|bed_in COMMAND: on host s, standard input and output passed through
{
    # shellcheck disable=SC2086
    "$1" c timeout 60 ssh $SSH_OPTIONS -p $SSH_PORT $SSH_USER@$S1 "$2"
}

run_scp() # bed_run|bed_in FROM TO, with "s:" before a path on the server
{
    # shellcheck disable=SC2086
    "$1" c timeout 60 scp -q $SSH_OPTIONS -P $SSH_PORT "$(ssh_path "$2")" "$(ssh_path "$3")"
}

ssh_path()
{
    case $1 in s:*) echo "$SSH_USER@$S1:${1#s:}" ;; *) echo "$1" ;; esac
}
