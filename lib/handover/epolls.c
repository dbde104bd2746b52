/* SPDX-License-Identifier: MIT */
#include "epolls.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "digits.h"
#include "sys.h"

/* Bits that say how to report, not what; the only ones left when EPOLLONESHOT has reported. */
#define MODE_BITS ((uint32_t)(EPOLLONESHOT | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE))

#define LINE_MAX_LEN 128
#define PATH_ROOM    40

/* What fdinfo says of one registration. */
struct registration {
    int fd;
    struct epoll_event event;
};

/* "/proc/self/fdinfo/N" or "/proc/self/fd/N" */
static void proc_path(char path[PATH_ROOM], const char *folder, int fd)
{
    size_t len = strlen(folder);

    memcpy(path, folder, len);
    *mps_decimal_put(path + len, (unsigned)fd) = '\0';
}

/* A number after key and blanks in line; false if there is none. */
static bool field(const char *line, const char *key, unsigned base, uint64_t *ret)
{
    const char *p = strstr(line, key);
    uint64_t value = 0;
    bool any = false;

    if (!p)
        return false;
    for (p += strlen(key); *p == ' '; p++)
        ;
    for (int digit = mps_hex_value(*p); digit >= 0 && (unsigned)digit < base;
         digit = mps_hex_value(*++p), any = true)
        value = value * base + (unsigned)digit;
    *ret = value;
    return any;
}

/* A line "tfd: 5 events: 40000001 data: ffffffff00000005 ..."; false if it is another one. */
static bool parse_line(const char *line, struct registration *ret)
{
    uint64_t tfd, events, data;

    if (!field(line, "tfd:", 10, &tfd) || !field(line, "events:", 16, &events) ||
        !field(line, "data:", 16, &data))
        return false;
    ret->fd = (int)tfd;
    ret->event.events = (uint32_t)events;
    ret->event.data.u64 = data;
    return true;
}

/* Feed the bytes of the file line by line; true when one about fd was found. */
static bool scan(int info, int fd, struct registration *ret)
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
            if (parse_line(line, ret) && ret->fd == fd)
                return true;
        }
    }
    return false;
}

/* What the kernel knows of fd at epfd. */
static bool look(int epfd, int fd, struct registration *ret)
{
    char path[PATH_ROOM];
    bool found;
    int info;

    proc_path(path, "/proc/self/fdinfo/", epfd);
    info = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return false;
    found = scan(info, fd, ret);
    mps_sys_close(info);
    return found;
}

/*
 * Has the EPOLLONESHOT registration reported already? Then it is disarmed, and arming it again
 * would let two threads of the program work on one descriptor. Only the kernel knows.
 */
static bool is_disarmed(int epfd, int fd)
{
    struct registration r;

    return look(epfd, fd, &r) && (r.event.events & ~MODE_BITS) == 0;
}

bool mps_epolls_take(struct mps_epolls *self, int epfd, int fd, struct epoll_event event)
{
    int saved = errno;
    bool done;

    if (self->n == MPS_EPOLLS_MAX)
        return false;
    if (event.events & EPOLLONESHOT && is_disarmed(epfd, fd))
        event.events &= MODE_BITS;
    done = syscall(SYS_epoll_ctl, epfd, EPOLL_CTL_DEL, fd, NULL) == 0;
    if (done) {
        self->epfd[self->n] = epfd;
        self->event[self->n++] = event;
    }
    errno = saved;
    return done;
}

static bool is_epoll(int fd)
{
    static const char wanted[] = "anon_inode:[eventpoll]";
    char path[PATH_ROOM], target[sizeof(wanted)];
    long n;

    proc_path(path, "/proc/self/fd/", fd);
    n = syscall(SYS_readlinkat, AT_FDCWD, path, target, sizeof(target));
    return n == (long)sizeof(wanted) - 1 && memcmp(target, wanted, sizeof(wanted) - 1) == 0;
}

/* As the kernel lays it out; libc's readdir() allocates. */
struct entry {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

bool mps_epolls_find(struct mps_epolls *ret, int fd)
{
    _Alignas(struct entry) char buf[1024];
    int saved = errno;
    int dir =
        (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool room = true;
    long n = 0;

    ret->n = 0;
    while (dir >= 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *entry = (const struct entry *)(const void *)(buf + at);
            /* -1 for "." and ".." */
            int epfd = (int)mps_decimal_value(entry->name, INT32_MAX);
            struct registration r;

            at += entry->reclen;
            if (epfd < 0 || epfd == dir || !is_epoll(epfd) || !look(epfd, fd, &r))
                continue;
            if (ret->n < MPS_EPOLLS_MAX) {
                ret->epfd[ret->n] = epfd;
                ret->event[ret->n++] = r.event;
            } else {
                room = false;
            }
        }
    }
    if (dir >= 0)
        mps_sys_close(dir);
    errno = saved;
    return room;
}

void mps_epolls_put(const struct mps_epolls *self, int fd)
{
    int saved = errno;

    for (int i = 0; i < self->n; i++) {
        struct epoll_event event = self->event[i];

        (void)syscall(SYS_epoll_ctl, self->epfd[i], EPOLL_CTL_ADD, fd, &event);
    }
    errno = saved;
}
