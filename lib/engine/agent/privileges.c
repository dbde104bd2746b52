/* SPDX-License-Identifier: MIT */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/show/log.h"
#include "syscalls.h"

#define BIT(capability) (UINT64_C(1) << (capability))

#define WATCHED MPS_PRIVILEGES_WATCHED

/* To take another user, to open the files of the configuration, to look at the parent. */
static const uint64_t until_drop = BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_CHOWN) |
                                   BIT(CAP_DAC_OVERRIDE) | BIT(CAP_SYS_PTRACE);

static uint64_t kept = BIT(CAP_NET_BIND_SERVICE);

/* Those of `set` that this thread has; no others, and none is inherited by programs. */
static bool reduce(uint64_t set)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &head, data) < 0)
        return false;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= (uint32_t)(set >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, data) == 0;
}

bool mps_privileges_has(int capability)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    return syscall(SYS_capget, &head, data) == 0 &&
           data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

void mps_privileges_keep_only(int capability)
{
    kept = BIT(capability);
}

/* No program that this process would start could have them. */
static void close_bounds(void)
{
    if (!mps_privileges_has(CAP_SETPCAP))
        return;
    for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static void limit(int resource, const char *name, rlim_t most)
{
    const struct rlimit none = {.rlim_cur = most, .rlim_max = most};

    if (setrlimit(resource, &none) < 0)
        mps_log("privileges: %s: %s", name, strerror(errno));
}

void mps_privileges_begin(bool keep_marks)
{
    if (keep_marks)
        kept |= BIT(CAP_NET_RAW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        mps_log("privileges: no_new_privs: %s", strerror(errno));
    /* Keys and payloads are in the memory. */
    limit(RLIMIT_CORE, "RLIMIT_CORE", 0);
    if (!WATCHED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        mps_log("privileges: not dumpable: %s", strerror(errno));
    close_bounds();
    /* With setresuid() the thread would lose those that are to be kept. */
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        mps_log("privileges: keepcaps: %s", strerror(errno));
    if (!reduce(kept | until_drop))
        mps_log("privileges: capset: %s", strerror(errno));
}

bool mps_privileges_find(const char *user, uid_t *ret_uid, gid_t *ret_gid)
{
    char *end;
    unsigned long number = strtoul(user, &end, 10);
    bool is_number = end != user && *end == '\0' && number < UINT32_MAX;
    const struct passwd *pw = is_number ? getpwuid((uid_t)number) : getpwnam(user);

    if (!pw && !is_number)
        return false;
    *ret_uid = pw ? pw->pw_uid : (uid_t)number;
    *ret_gid = pw ? pw->pw_gid : (gid_t)number;
    return true;
}

bool mps_privileges_become(uid_t uid, gid_t gid)
{
    /* In a user namespace there may be nothing to drop. */
    if (setgroups(0, NULL) < 0)
        mps_log("privileges: setgroups: %s", strerror(errno));
    if (setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0) {
        /* A change of the user makes a process what the system's default for that is. */
        if (!WATCHED)
            (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        return true;
    }
    mps_log("privileges: user %u: %s", (unsigned)uid, strerror(errno));
    return false;
}

void mps_privileges_drop(bool none)
{
    if (!reduce(none ? 0 : kept))
        mps_log("privileges: capset: %s", strerror(errno));
    (void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

void mps_privileges_alone(void)
{
    if (!WATCHED)
        limit(RLIMIT_NPROC, "RLIMIT_NPROC", 0);
}

static bool is_filtered(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    int mode = 0;

    while (status && fgets(line, sizeof(line), status)) {
        if (sscanf(line, "Seccomp: %d", &mode) == 1)
            break;
    }
    if (status)
        fclose(status);
    return mode != 0;
}

static void try_all(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    mps_privileges_begin(false);
    (void)mps_privileges_become(uid, gid);
    mps_privileges_drop(true);
    (void)mps_syscalls_confine();
}

bool mps_privileges_kills(void (*calls)(void))
{
    int status;
    pid_t child;

    if (!is_filtered())
        return false;
    child = fork();
    if (child == 0) {
        calls();
        _exit(0);
    }
    if (child < 0)
        return true;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return !WIFEXITED(status);
}

bool mps_privileges_would_kill(void)
{
    return mps_privileges_kills(try_all);
}
