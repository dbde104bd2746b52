/* SPDX-License-Identifier: MIT */
/*
 * exec() and posix_spawn(): a program that does not load the preload must not meet HELLO on a
 * listener that it inherits (marking.h). libc's functions do not call each other by name, so that
 * each has its wrapper. A child of vfork() may call them: nothing but the stack is written, and
 * hints, which are its parent's.
 */
#include "exec.h"
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "interpose/marking.h"
#include "interpose/preload.h"

/* Of execl() and its kin; C promises 127 of any call. Programs call them on small stacks, too. */
#define ARGUMENTS_MAX 256

extern char **environ;

typedef char *const *strings;

static int direct_execve(const char *path, strings argv, strings env)
{
    return (int)syscall(SYS_execve, path, argv, env);
}

static int direct_execveat(int dir, const char *path, strings argv, strings env, int flags)
{
    return (int)syscall(SYS_execveat, dir, path, argv, env, flags);
}

static int direct_fexecve(int fd, strings argv, strings env)
{
    return direct_execveat(fd, "", argv, env, AT_EMPTY_PATH);
}

typedef int spawn_function(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, strings argv, strings env);

static struct {
    int (*execve)(const char *path, strings argv, strings env);
    int (*execveat)(int dir, const char *path, strings argv, strings env, int flags);
    int (*fexecve)(int fd, strings argv, strings env);
    int (*execvpe)(const char *file, strings argv, strings env);
    spawn_function *posix_spawn, *posix_spawnp; /* through search() only, and execvpe */
} next = {.execve = direct_execve, .execveat = direct_execveat, .fexecve = direct_fexecve};

void mps_exec_bind(void)
{
    mps_next_bind_one(&next.execve, "execve");
    mps_next_bind_one(&next.execveat, "execveat");
    mps_next_bind_one(&next.fexecve, "fexecve");
    mps_next_bind_one(&next.execvpe, "execvpe");
    mps_next_bind_one(&next.posix_spawn, "posix_spawn");
    mps_next_bind_one(&next.posix_spawnp, "posix_spawnp");
}

/* Constructors of other libraries run before ours. No system call does the same. */
static void search(void)
{
    if (!next.execvpe || !next.posix_spawn || !next.posix_spawnp)
        mps_exec_bind();
}

MPS_EXPORT int execve(const char *path, strings argv, strings env)
{
    mps_marking_pass(env, false);
    return next.execve(path, argv, env);
}

MPS_EXPORT int execv(const char *path, strings argv)
{
    return execve(path, argv, environ);
}

MPS_EXPORT int execvpe(const char *file, strings argv, strings env)
{
    mps_marking_pass(env, false);
    search();
    if (!next.execvpe) {
        errno = ENOSYS;
        return -1;
    }
    return next.execvpe(file, argv, env);
}

MPS_EXPORT int execvp(const char *file, strings argv)
{
    return execvpe(file, argv, environ);
}

MPS_EXPORT int execveat(int dir, const char *path, strings argv, strings env, int flags)
{
    mps_marking_pass(env, false);
    return next.execveat(dir, path, argv, env, flags);
}

MPS_EXPORT int fexecve(int fd, strings argv, strings env)
{
    mps_marking_pass(env, false);
    return next.fexecve(fd, argv, env);
}

/* The list, NULL included, becomes argv; false if it is too long. */
static bool collect(char *argv[ARGUMENTS_MAX], const char *first, va_list *ap)
{
    argv[0] = (char *)first;
    for (size_t n = 1; n < ARGUMENTS_MAX; n++) {
        argv[n] = va_arg(*ap, char *);
        if (!argv[n])
            return true;
    }
    errno = E2BIG;
    return false;
}

/* The list goes on in ap. */
static int run_list(int (*run)(const char *what, strings argv), const char *what, const char *first,
                    va_list *ap)
{
    char *argv[ARGUMENTS_MAX];

    return collect(argv, first, ap) ? run(what, argv) : -1;
}

MPS_EXPORT int execl(const char *path, const char *first, ...)
{
    va_list ap;
    int rc;

    va_start(ap, first);
    rc = run_list(execv, path, first, &ap);
    va_end(ap);
    return rc;
}

MPS_EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list ap;
    int rc;

    va_start(ap, first);
    rc = run_list(execvp, file, first, &ap);
    va_end(ap);
    return rc;
}

MPS_EXPORT int execle(const char *path, const char *first, ...)
{
    char *argv[ARGUMENTS_MAX];
    strings env = NULL;
    bool whole;
    va_list ap;

    va_start(ap, first);
    whole = collect(argv, first, &ap);
    if (whole)
        env = va_arg(ap, strings);
    va_end(ap);
    return whole ? execve(path, argv, env) : -1;
}

/* What the actions do with descriptors is libc's secret. */
MPS_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, strings argv, strings env)
{
    mps_marking_pass(env, actions != NULL);
    search();
    return next.posix_spawn ? next.posix_spawn(pid, path, actions, attributes, argv, env) : ENOSYS;
}

MPS_EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                            const posix_spawnattr_t *attributes, strings argv, strings env)
{
    mps_marking_pass(env, actions != NULL);
    search();
    return next.posix_spawnp ? next.posix_spawnp(pid, file, actions, attributes, argv, env)
                             : ENOSYS;
}
