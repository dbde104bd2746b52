/* SPDX-License-Identifier: MIT */
#include "callsweep.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "callsweep_int.h"

#define KIND_ROW(name, ...) {#name, {__VA_ARGS__}},

static const struct {
    const char *name;
    int errors[KIND_ERRORS]; /* up to the first 0 */
} kinds[] = {KINDS(KIND_ROW)};

static bool counts, exhausted, lasting;
static unsigned long wanted, seen;
static unsigned nth_error;
static int failed_kind = -1, failed_error;
static void *failed_at;
static unsigned long long persist_ns;
static bool of_loop[CALLSWEEP_MAX];
static long long lack_end;

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_STREAM;
}

/* An AF_UNIX stream says so only where the reader has closed that direction. */
static bool is_truth(int fd, int error)
{
    int domain = 0;
    socklen_t len = sizeof(domain);

    return error == EPIPE &&
           syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           domain == AF_UNIX;
}

int callsweep_turn(enum kind kind, void *caller)
{
    if (!counts)
        return 0;
    seen++;
    if ((kind == K_epoll_ctl || kind == K_epoll_wait) && seen < CALLSWEEP_MAX)
        of_loop[seen] = true;
    if (wanted > 0 && seen == wanted) {
        for (unsigned i = 0; i <= nth_error; i++) {
            if (i == KIND_ERRORS || kinds[kind].errors[i] == 0) {
                exhausted = true;
                return 0;
            }
        }
        failed_kind = (int)kind;
        failed_error = kinds[kind].errors[nth_error];
        failed_at = caller;
        /* These come one by one. */
        lasting = persist_ns > 0 && !callsweep_is_short(failed_error) && failed_error != EINTR &&
                  failed_error != EAGAIN;
        lack_end = callsweep_now() + (long long)persist_ns;
    } else if (!lasting || (int)kind != failed_kind) {
        return 0;
    } else if (callsweep_now() > lack_end) {
        lasting = false;
        return 0;
    }
    if (!callsweep_is_short(failed_error))
        errno = failed_error;
    return failed_error;
}

int callsweep_turn_of(enum kind kind, int fd, void *caller)
{
    int error = callsweep_turn(kind, caller);

    if ((callsweep_is_short(error) && !is_stream(fd)) || is_truth(fd, error)) {
        exhausted = true;
        return 0;
    }
    return error;
}

void callsweep_arm(unsigned long n, unsigned k)
{
    counts = exhausted = lasting = false;
    memset(of_loop, 0, sizeof(of_loop));
    wanted = n;
    nth_error = k;
    seen = 0;
    failed_kind = -1;
    failed_error = 0;
    failed_at = NULL;
    persist_ns = 0;
}

bool callsweep_is_of_loop(unsigned long n)
{
    return n < CALLSWEEP_MAX && of_loop[n];
}

void callsweep_persist(unsigned long long ns)
{
    persist_ns = ns;
}

void callsweep_on(void)
{
    counts = true;
}

void callsweep_off(void)
{
    counts = false;
}

bool callsweep_over(void)
{
    return seen < wanted;
}

bool callsweep_exhausted(void)
{
    return exhausted;
}

const char *callsweep_what(void)
{
    static char text[64];

    if (failed_kind < 0)
        return "";
    snprintf(text, sizeof(text), "%s: %s", kinds[failed_kind].name,
             failed_error == ONE_BYTE     ? "one byte"
             : failed_error == HALF_OF_IT ? "half"
                                          : strerrorname_np(failed_error));
    return text;
}

static bool moves_bytes(int kind)
{
    return kind == K_splice || kind == K_recv || kind == K_recvmsg || kind == K_send ||
           kind == K_sendmsg || kind == K_ioctl || kind == K_poll || kind == K_epoll_ctl ||
           kind == K_epoll_wait;
}

bool callsweep_is_lack(void)
{
    return moves_bytes(failed_kind) &&
           (callsweep_is_short(failed_error) || failed_error == EAGAIN || failed_error == EINTR ||
            failed_error == ENOMEM || failed_error == ENOBUFS);
}

const char *callsweep_where(void)
{
    static char text[64];
    const char *file;
    Dl_info info;

    if (!failed_at || !dladdr(failed_at, &info))
        return "";
    file = strrchr(info.dli_fname, '/');
    snprintf(text, sizeof(text), "%.40s+%#lx", file ? file + 1 : info.dli_fname,
             (unsigned long)((char *)failed_at - (char *)info.dli_fbase));
    return text;
}
