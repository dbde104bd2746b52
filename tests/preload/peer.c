/* SPDX-License-Identifier: MIT */
#include "peer.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK 65536

const struct scenario *const scenario_lists[] = {
    scenarios_connect,      scenarios_forms,   scenarios_accept,    scenarios_process,
    scenarios_descriptor,   scenarios_fortify, scenarios_life,      scenarios_signal,
    scenarios_close,        scenarios_option,  scenarios_semantics, scenarios_ends,
    scenarios_more_options, scenarios_data,    scenarios_urgent,    scenarios_sweep,
    scenarios_binding,      scenarios_reuse,   scenarios_taken,     NULL};

const struct scenario *scenario_find(const char *name)
{
    for (int i = 0; scenario_lists[i]; i++)
        for (const struct scenario *s = scenario_lists[i]; s->name; s++)
            if (strcmp(s->name, name) == 0)
                return s;
    return NULL;
}

static void put_line(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);

        if (n <= 0)
            _exit(3);
        text += n;
        len -= (size_t)n;
    }
}

/* On stderr: scenarios use 0 and 1 for connections. */
void say(const char *format, ...)
{
    char line[512];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(line, sizeof(line) - 1, format, ap);
    va_end(ap);
    line[n++] = '\n';
    put_line(line, (size_t)n);
}

void need_or_quit(bool ok, const char *what, const char *file, int line)
{
    if (ok)
        return;
    say("failed: %s at %s:%d (%s)", what, file, line, strerror(errno));
    _exit(3);
}

void tell_swapped(int fd)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(ss);

    need(syscall(SYS_getsockname, fd, &ss, &len) == 0);
    say("#swapped %d", ss.ss_family == AF_UNIX);
}

int peer_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

    need(fd >= 0);
    return fd;
}

int peer_connect(const struct sockaddr_in *server)
{
    int fd = peer_socket(0);

    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    tell_swapped(fd);
    return fd;
}

int peer_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);

    need(fd >= 0);
    tell_swapped(fd);
    return fd;
}

void peer_wait(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};

    need(poll(&pfd, 1, 10000) == 1);
}

void peer_pass(int over, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec byte = {(void *)"d", 1};
    struct msghdr msg = {.msg_iov = &byte,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    need(sendmsg(over, &msg, 0) == 1);
}

int peer_take(int over)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char c;
    struct iovec byte = {&c, 1};
    struct msghdr msg = {.msg_iov = &byte,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    int fd;

    need(recvmsg(over, &msg, 0) == 1);
    need(CMSG_FIRSTHDR(&msg) && CMSG_FIRSTHDR(&msg)->cmsg_type == SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    return fd;
}

unsigned char pattern_byte(uint64_t seed, size_t offset)
{
    uint64_t x = (offset ^ seed << 32) * 0x9e3779b97f4a7c15u;

    return (unsigned char)(x >> 56);
}

void send_pattern(int fd, uint64_t seed, size_t len)
{
    unsigned char buf[CHUNK];

    for (size_t done = 0; done < len;) {
        size_t n = len - done < CHUNK ? len - done : CHUNK;

        for (size_t i = 0; i < n; i++)
            buf[i] = pattern_byte(seed, done + i);
        for (size_t at = 0; at < n;) {
            ssize_t sent = write(fd, buf + at, n - at);

            if (sent < 0 && errno == EAGAIN) {
                peer_wait(fd, POLLOUT);
                continue;
            }
            need(sent > 0);
            at += (size_t)sent;
        }
        done += n;
    }
}

/* Up to len bytes; the number that came before the end, or SIZE_MAX if one was wrong. */
static size_t receive(int fd, uint64_t seed, size_t len)
{
    unsigned char buf[CHUNK];
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(fd, buf, len - done < CHUNK ? len - done : CHUNK);

        if (n < 0 && errno == EAGAIN) {
            peer_wait(fd, POLLIN);
            continue;
        }
        need(n >= 0);
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != pattern_byte(seed, done + (size_t)i))
                return SIZE_MAX;
        done += (size_t)n;
    }
    return done;
}

bool receive_pattern(int fd, uint64_t seed, size_t len)
{
    return receive(fd, seed, len) == len;
}

bool receive_all(int fd, uint64_t seed, size_t len)
{
    return receive(fd, seed, len + 1) == len;
}

void echo(int fd)
{
    unsigned char buf[CHUNK];
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (ssize_t at = 0; at < n;) {
            ssize_t sent = write(fd, buf + at, (size_t)(n - at));

            need(sent > 0);
            at += sent;
        }
    need(n == 0);
    need(shutdown(fd, SHUT_WR) == 0);
}

const char *error_name(int error)
{
    return error == 0 ? "none" : strerrorname_np(error);
}
