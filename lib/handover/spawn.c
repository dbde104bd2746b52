/* SPDX-License-Identifier: MIT */
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "sys.h"

#define READY_MS      2000
#define RETRY_SECONDS 5 /* after a failure: do not fork again for each connection */
#define READY_FD      3
#define SIGNALS       64

/* Monotonic second before which no new attempt is made; 0: none failed yet. */
static atomic_long retry_at;

static long now_seconds(void)
{
    struct timespec ts = {0};

    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
    return (long)ts.tv_sec;
}

/*
 * fork() by the system call: no atfork handlers, no stdio flush, and an exit signal of 0, so that
 * the child is none of the program's wait() nor SIGCHLD. The child may only make system calls.
 */
static long quiet_fork(void)
{
    /* Flags and stack, in either of the orders that architectures have, are 0. */
    return syscall(SYS_clone, 0UL, 0UL, NULL, NULL, 0UL);
}

static _Noreturn void quit(void)
{
    for (;;)
        (void)syscall(SYS_exit_group, 1);
}

/* Ignored signals stay ignored across execve; zeros are SIG_DFL in every layout the kernel has. */
static void signals_default(void)
{
    unsigned char action[64] = {0};

    for (int sig = 1; sig <= SIGNALS; sig++)
        (void)syscall(SYS_rt_sigaction, sig, action, NULL, sizeof(mps_sys_sigset_t));
    mps_sys_unblock(0);
}

static void close_from(unsigned first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0U) == 0)
        return;
#endif
    struct rlimit limit = {0};

    (void)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    for (unsigned fd = first; fd < limit.rlim_cur && fd < 1U << 20; fd++)
        mps_sys_close((int)fd);
}

/* Standard descriptors on /dev/null, the readiness pipe as READY_FD, nothing else. */
static bool arrange_descriptors(int ready)
{
    int pipe_end = mps_sys_fcntl(ready, F_DUPFD, READY_FD + 1);
    int null = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    int source = mps_sys_fcntl(null, F_DUPFD, READY_FD + 1);

    if (pipe_end < 0 || source < 0)
        return false;
    for (int fd = 0; fd <= 2; fd++)
        if (mps_sys_dup3(source, fd, 0) < 0)
            return false;
    if (mps_sys_dup3(pipe_end, READY_FD, 0) < 0)
        return false;
    close_from(READY_FD + 1);
    return true;
}

static _Noreturn void become_agent(const struct mps_ho_config *cfg, char *const *env, int ready,
                                   bool early)
{
    char *const argv[] = {(char *)MPS_HO_AGENT_COMM, (char *)"--ready-fd", (char *)"3",
                          early ? (char *)"--early" : NULL, NULL};

    (void)syscall(SYS_setsid);
    (void)syscall(SYS_prctl, PR_SET_NAME, MPS_HO_AGENT_COMM, 0, 0, 0);
    if (quiet_fork() != 0)
        quit();
    signals_default();
    (void)syscall(SYS_chdir, "/");
    if (arrange_descriptors(ready))
        (void)syscall(SYS_execve, cfg->program, argv, env);
    quit();
}

/* The byte that the agent writes when it listens; false on its end or after `ms`. */
static bool wait_ready(int fd, int ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    char byte;
    int rc;

    do {
        rc = mps_sys_poll(&pfd, 1, ms);
    } while (rc < 0 && errno == EINTR);
    return rc == 1 && syscall(SYS_read, fd, &byte, (size_t)1) == 1;
}

/* "NAME=VALUE" in out; false if it does not fit or there is no value. */
static bool put_env(char *out, size_t size, const char *name, const char *value)
{
    size_t name_len = strlen(name), len = strlen(value);

    if (len == 0 || name_len + len + 2 > size)
        return false;
    memcpy(out, name, name_len);
    out[name_len] = '=';
    memcpy(out + name_len + 1, value, len + 1);
    return true;
}

struct agent_env {
    char agent[MPS_HO_AGENT_ENV_MAX + 32];
    char options[MPS_HO_OPTIONS_MAX + 32];
    char home[512];
    char counts[MPS_HO_COUNTS_MAX + 32];
    char *list[6];
};

static void env_fill(struct agent_env *env, const struct mps_ho_config *cfg)
{
    int n = 0;

    if (put_env(env->agent, sizeof(env->agent), MPS_ENV_AGENT, cfg->agent_env))
        env->list[n++] = env->agent;
    if (put_env(env->options, sizeof(env->options), MPS_ENV_OPTIONS, cfg->options))
        env->list[n++] = env->options;
    if (put_env(env->home, sizeof(env->home), "HOME", cfg->home))
        env->list[n++] = env->home;
    if (put_env(env->counts, sizeof(env->counts), MPS_ENV_COUNTS, cfg->counts))
        env->list[n++] = env->counts;
    env->list[n++] = (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    env->list[n] = NULL;
}

/* The reading end of the agent's readiness pipe, or -1. */
static int start(const struct mps_ho_config *cfg, bool early)
{
    struct agent_env env;
    int pipe_ends[2];
    long child;

    env_fill(&env, cfg);
    if (syscall(SYS_pipe2, pipe_ends, O_CLOEXEC) != 0)
        return -1;
    child = quiet_fork();
    if (child == 0)
        become_agent(cfg, env.list, pipe_ends[1], early);
    mps_sys_close(pipe_ends[1]);
    /* The first child exits at once. ECHILD if somebody waited with __WALL: as well. */
    while (child > 0 && syscall(SYS_wait4, child, NULL, __WCLONE, NULL) < 0 && errno == EINTR)
        ;
    if (child > 0)
        return pipe_ends[0];
    mps_sys_close(pipe_ends[0]);
    return -1;
}

static bool spawn_and_wait(const struct mps_ho_config *cfg, int ms)
{
    int pipe_end = start(cfg, false);
    bool ready;

    if (pipe_end < 0)
        return false;
    ready = wait_ready(pipe_end, ms);
    mps_sys_close(pipe_end);
    return ready;
}

bool mps_ho_spawn(const struct mps_ho_config *cfg, int ms)
{
    long now = now_seconds();
    long not_before = atomic_load_explicit(&retry_at, memory_order_relaxed);

    if (cfg->program[0] != '/' || now < not_before || ms <= 0)
        return false;
    /*
     * Of two agents that are started at once, one exits without writing the byte: the caller looks
     * in any case.
     */
    if (!spawn_and_wait(cfg, ms < READY_MS ? ms : READY_MS))
        atomic_store_explicit(&retry_at, now + (ms < READY_MS ? 1 : RETRY_SECONDS),
                              memory_order_relaxed);
    return true;
}

void mps_ho_spawn_early(const struct mps_ho_config *cfg)
{
    mps_sys_sigset_t mask = mps_sys_block();
    int pipe_end = cfg->program[0] == '/' ? start(cfg, true) : -1;

    if (pipe_end >= 0)
        mps_sys_close(pipe_end);
    mps_sys_unblock(mask);
}
