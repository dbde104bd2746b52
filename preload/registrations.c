/* SPDX-License-Identifier: MIT */
#include "registrations.h"
#include <fcntl.h>
#include <string.h>
#include "handover/sys.h"

/* Bits that say how to report, not what; the only ones left when EPOLLONESHOT has reported. */
#define MODE_BITS (EPOLLONESHOT | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE)

#define LINE_MAX_LEN 128

/* "/proc/self/fdinfo/N" */
static void fdinfo_path(char path[40], int fd)
{
    static const char prefix[] = "/proc/self/fdinfo/";
    char digits[12];
    int n = 0;

    memcpy(path, prefix, sizeof(prefix) - 1);
    path += sizeof(prefix) - 1;
    do {
        digits[n++] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    while (n > 0)
        *path++ = digits[--n];
    *path = '\0';
}

/* A number after key and blanks in line; false if there is none. */
static bool field(const char *line, const char *key, unsigned base, unsigned long *ret)
{
    const char *p = strstr(line, key);
    unsigned long value = 0;
    bool any = false;

    if (!p)
        return false;
    for (p += strlen(key); *p == ' '; p++)
        ;
    for (;; p++, any = true) {
        unsigned digit = base;

        if (*p >= '0' && *p <= '9')
            digit = (unsigned)(*p - '0');
        else if (*p >= 'a' && *p <= 'f')
            digit = (unsigned)(*p - 'a') + 10;
        if (digit >= base)
            break;
        value = value * base + digit;
    }
    *ret = value;
    return any;
}

/* A line "tfd: 5 events: 40000001 data: ..." about fd; then *ret_events is set. */
static bool line_about(const char *line, int fd, unsigned long *ret_events)
{
    unsigned long tfd;

    return field(line, "tfd:", 10, &tfd) && tfd == (unsigned long)fd &&
           field(line, "events:", 16, ret_events);
}

/* Feed the bytes of the file line by line; true when the line was found. */
static bool scan(int info, int fd, unsigned long *ret_events)
{
    char buf[512], line[LINE_MAX_LEN];
    size_t used = 0;
    long n;

    while ((n = syscall(SYS_read, info, buf, sizeof(buf))) > 0) {
        for (long i = 0; i < n; i++) {
            if (buf[i] != '\n') {
                if (used < sizeof(line) - 1)
                    line[used++] = buf[i];
                continue;
            }
            line[used] = '\0';
            used = 0;
            if (line_about(line, fd, ret_events))
                return true;
        }
    }
    return false;
}

/*
 * Has the EPOLLONESHOT registration reported already? Then it is disarmed, and arming it again
 * would let two threads of the program work on one descriptor. Only the kernel knows.
 */
static bool is_disarmed(int epfd, int fd)
{
    unsigned long events = EPOLLIN;
    char path[40];
    int info;

    fdinfo_path(path, epfd);
    info = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return false;
    if (!scan(info, fd, &events))
        events = EPOLLIN;
    mps_sys_close(info);
    return (events & ~(unsigned long)MODE_BITS) == 0;
}

void mps_registrations_take(int fd, struct mps_hint *hint, struct mps_registrations *ret)
{
    for (int i = 0; i < MPS_HINT_EPOLLS; i++) {
        struct mps_hint_epoll *entry = &hint->epolls[i];
        int epfd = atomic_load_explicit(&entry->key, memory_order_acquire) - 1;
        struct epoll_event event = {
            .events = atomic_load_explicit(&entry->events, memory_order_relaxed),
            .data.u64 = atomic_load_explicit(&entry->data, memory_order_relaxed),
        };

        ret->epfd[i] = -1;
        if (epfd < 0)
            continue;
        if (event.events & EPOLLONESHOT && is_disarmed(epfd, fd))
            event.events &= MODE_BITS;
        if (syscall(SYS_epoll_ctl, epfd, EPOLL_CTL_DEL, fd, NULL) != 0) {
            atomic_store_explicit(&entry->key, 0, memory_order_release);
            continue;
        }
        ret->epfd[i] = epfd;
        ret->event[i] = event;
    }
}

void mps_registrations_put(int fd, struct mps_registrations *self)
{
    for (int i = 0; i < MPS_HINT_EPOLLS; i++)
        if (self->epfd[i] >= 0)
            (void)syscall(SYS_epoll_ctl, self->epfd[i], EPOLL_CTL_ADD, fd, &self->event[i]);
}
