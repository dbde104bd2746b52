/* SPDX-License-Identifier: MIT */
#include "scout.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/agent/privileges.h"
#include "engine/agent/syscalls.h"
#include "engine/show/log.h"
#include "handover/spawn.h"

#define NOBODY  65534
#define WAIT_MS 200 /* a look takes some 100 us; the engine of the connection waits */

struct question {
    uint32_t number; /* an answer that came too late is not taken for another one's */
    int32_t pid;
};

struct response {
    uint32_t number;
    struct mps_holds holds;
};

static int link_fd = -1;
static pid_t scout = -1;
static uint32_t last;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static _Noreturn void serve(int fd)
{
    struct response r;
    struct question q;

    while (recv(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
        memset(&r, 0, sizeof(r));
        r.number = q.number;
        mps_holds_find((pid_t)q.pid, &r.holds);
        if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r))
            break;
    }
    _exit(0);
}

static _Noreturn void be_scout(int fd)
{
    (void)prctl(PR_SET_NAME, MPS_HO_SCOUT_COMM, 0, 0, 0);
    /* The descriptors of the agent, one that somebody waits at among them. */
    if (dup2(fd, STDIN_FILENO) < 0)
        _exit(1);
    mps_log_close();
    (void)syscall(SYS_close_range, 1U, ~0U, 0U);
    mps_privileges_keep_only(CAP_SYS_PTRACE);
    mps_privileges_begin(false);
    (void)mps_privileges_become(NOBODY, NOBODY); /* not in a user namespace without that one */
    mps_privileges_drop(false);
    if (!MPS_PRIVILEGES_WATCHED)
        (void)mps_syscalls_confine();
    mps_privileges_alone();
    serve(STDIN_FILENO);
}

bool mps_scout_start(void)
{
    struct timeval limit = {.tv_usec = WAIT_MS * 1000L};
    int pair[2];

    if (!mps_privileges_has(CAP_SYS_PTRACE) || !mps_privileges_has(CAP_SETUID) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    scout = fork();
    if (scout == 0)
        be_scout(pair[1]);
    close(pair[1]);
    if (scout < 0) {
        mps_log("scout: %s", strerror(errno));
        close(pair[0]);
        return false;
    }
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    link_fd = pair[0];
    return true;
}

void mps_scout_stop(void)
{
    if (link_fd < 0)
        return;
    close(link_fd);
    link_fd = -1;
    /* It has nothing else to do than to notice that. */
    while (waitpid(scout, NULL, 0) < 0 && errno == EINTR)
        ;
}

static bool ask(pid_t pid, struct mps_holds *ret)
{
    struct question q = {.number = ++last, .pid = (int32_t)pid};
    struct response r;

    if (send(link_fd, &q, sizeof(q), MSG_NOSIGNAL) != (ssize_t)sizeof(q))
        return false;
    do {
        if (recv(link_fd, &r, sizeof(r), 0) != (ssize_t)sizeof(r))
            return false;
    } while (r.number != q.number);
    *ret = r.holds;
    return true;
}

void mps_scout_find(pid_t pid, struct mps_holds *ret)
{
    bool known;

    if (link_fd < 0) {
        mps_holds_find(pid, ret);
        return;
    }
    memset(ret, 0, sizeof(*ret));
    pthread_mutex_lock(&lock);
    known = ask(pid, ret);
    pthread_mutex_unlock(&lock);
    if (known)
        return;
    mps_log("scout: no answer: %s", strerror(errno));
    mps_holds_find(pid, ret);
}
