/* SPDX-License-Identifier: MIT */
#include "wait.h"
#include "interpose/preload.h"
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "handover/spawn.h"
#include "handover/sys.h"

#define FIRST_PROCESS 1
#define PATH_LEN      64

/* An entry of a folder, as getdents64() gives it. */
struct entry {
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

/* Is this process one that orphans are given to? */
static bool adopts(void)
{
    int is = 0;

    if (!mps_preload_config())
        return false;
    return syscall(SYS_getpid) == FIRST_PROCESS ||
           (syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &is, 0, 0, 0) == 0 && is != 0);
}

static char *put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len + 1);
    return at + len;
}

static char *put_number(char *at, unsigned n)
{
    char digits[12];
    char *p = digits + sizeof(digits) - 1;

    *p = '\0';
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return put(at, p);
}

static int open_to_read(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

/*
 * By its name, which it has from its first moment on (handover/spawn.h) and also when it has ended.
 */
static bool is_agent(unsigned pid)
{
    static const char want[] = MPS_HO_AGENT_COMM "\n", helper[] = MPS_HO_SCOUT_COMM "\n";
    char path[PATH_LEN], name[sizeof(want)];
    int fd;
    long n;

    put(put_number(put(path, "/proc/"), pid), "/comm");
    fd = open_to_read(path);
    if (fd < 0)
        return false;
    n = syscall(SYS_read, fd, name, sizeof(name));
    mps_sys_close(fd);
    return n == (long)sizeof(want) - 1 && (memcmp(name, want, sizeof(want) - 1) == 0 ||
                                           memcmp(name, helper, sizeof(want) - 1) == 0);
}

/* ---- is anybody left to wait for? ---- */

struct census {
    unsigned agents;
    bool others; /* or it is not known */
};

/* Numbers, each with a blank behind it; those that the buffer cuts go on in the next piece. */
static void count_children(int fd, struct census *census)
{
    char buf[256];
    unsigned pid = 0;
    long n;

    while (!census->others && (n = syscall(SYS_read, fd, buf, sizeof(buf))) > 0) {
        for (long i = 0; i < n && !census->others; i++) {
            if (buf[i] >= '0' && buf[i] <= '9') {
                pid = pid * 10 + (unsigned)(buf[i] - '0');
                continue;
            }
            if (pid > 0 && is_agent(pid))
                census->agents++;
            else if (pid > 0)
                census->others = true;
            pid = 0;
        }
    }
}

static void count_of_thread(const char *tid, struct census *census)
{
    char path[PATH_LEN];
    int fd;

    if (tid[0] < '0' || tid[0] > '9' || strlen(tid) > 10)
        return;
    put(put(put(path, "/proc/self/task/"), tid), "/children");
    fd = open_to_read(path);
    if (fd < 0) {
        census->others = true;
        return;
    }
    count_children(fd, census);
    mps_sys_close(fd);
}

/* There are children, and all of them are agents. */
static bool only_agents(void)
{
    struct census census = {0, false};
    union {
        struct entry align;
        char bytes[1024];
    } buf;
    int fd = open_to_read("/proc/self/task");
    long n;

    if (fd < 0)
        return false;
    while (!census.others && (n = syscall(SYS_getdents64, fd, &buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n && !census.others;) {
            const struct entry *e = (const struct entry *)(const void *)(buf.bytes + at);

            count_of_thread(e->name, &census);
            at += e->len;
        }
    }
    mps_sys_close(fd);
    return census.agents > 0 && !census.others;
}

/* ---- waiting for any child ---- */

static void collect(unsigned pid)
{
    (void)syscall(SYS_waitid, P_PID, pid, NULL, WEXITED | WNOHANG, NULL);
}

/*
 * The next child that has something to tell and is no agent; it is left as it is. 0; -1 with errno.
 * ret->si_pid is 0 if there is none now (WNOHANG).
 */
static int find(siginfo_t *ret, int options)
{
    for (;;) {
        int rc;

        if (only_agents()) {
            errno = ECHILD;
            return -1;
        }
        ret->si_pid = 0;
        rc = mps_next.waitid(P_ALL, 0, ret, options | WNOWAIT);
        if (rc < 0 || ret->si_pid == 0 || !is_agent((unsigned)ret->si_pid))
            return rc;
        collect((unsigned)ret->si_pid);
    }
}

static pid_t wait_for_any(int *status, int options, struct rusage *usage)
{
    siginfo_t info;
    long rc;

    for (;;) {
        if (find(&info, options | WEXITED) < 0)
            return -1;
        if (info.si_pid == 0)
            return 0;
        rc = syscall(SYS_wait4, info.si_pid, status, options | WNOHANG, usage);
        /* Else another thread was faster. */
        if (rc == info.si_pid)
            return (pid_t)rc;
        if (rc < 0 && errno != ECHILD)
            return -1;
    }
}

void mps_wait_sweep(void)
{
    int saved = errno;
    siginfo_t info;

    while (adopts()) {
        info.si_pid = 0;
        if (syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT, NULL) != 0 ||
            info.si_pid == 0 || !is_agent((unsigned)info.si_pid))
            break;
        collect((unsigned)info.si_pid);
    }
    errno = saved;
}

/* Agents have a process group of their own: only these calls can meet them. */
static bool passes_over(pid_t pid, int options)
{
    int saved = errno;
    bool does = pid == -1 && !(options & (__WCLONE | __WALL)) && adopts();

    errno = saved;
    return does;
}

MPS_EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
    if (passes_over(pid, options))
        return wait_for_any(status, options, NULL);
    return mps_next.waitpid(pid, status, options);
}

MPS_EXPORT pid_t wait(int *status)
{
    if (passes_over(-1, 0))
        return wait_for_any(status, 0, NULL);
    return mps_next.wait(status);
}

MPS_EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    if (passes_over(pid, options))
        return wait_for_any(status, options, usage);
    return mps_next.wait4(pid, status, options, usage);
}

MPS_EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
    if (passes_over(-1, options))
        return wait_for_any(status, options, usage);
    return mps_next.wait3(status, options, usage);
}

MPS_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    siginfo_t found;
    int rc;

    if (type != P_ALL || !passes_over(-1, options))
        return mps_next.waitid(type, id, info, options);
    for (;;) {
        memset(&found, 0, sizeof(found));
        rc = find(&found, options);
        if (rc < 0)
            return -1;
        if (found.si_pid == 0 || options & WNOWAIT)
            break;
        rc = (int)syscall(SYS_waitid, P_PID, found.si_pid, &found, options | WNOHANG, NULL);
        if (rc == 0 && found.si_pid != 0)
            break;
        if (rc < 0 && errno != ECHILD)
            return -1;
    }
    if (info)
        *info = found;
    return 0;
}
