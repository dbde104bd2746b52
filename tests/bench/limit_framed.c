/* SPDX-License-Identifier: MIT */
#include "limit_framed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "limit_common.h"

#define HEAD      56         /* bytes, of a DSS frame: MPS_DSS_HEAD_LEN */
#define PAYLOAD   61440      /* bytes at most: MPS_DSS_MAX_PAYLOAD */
#define FRAMES    6          /* at a time */
#define HOLD      (2u << 20) /* bytes sent and kept, as if they waited for a DATA_ACK */
#define PIPE_SIZE (1 << 20)  /* what a user without privileges may have */

struct head {
    uint32_t payload;
    char rest[HEAD - sizeof(uint32_t)];
};

static char buffer[FRAMES * PAYLOAD];

static void open_pipe(int ret[2])
{
    limit_check(pipe(ret), "pipe");
    limit_check(fcntl(ret[1], F_SETPIPE_SZ, PIPE_SIZE), "F_SETPIPE_SZ");
}

static void send_all(int fd, const void *data, size_t n, int flags)
{
    const char *p = data;

    while (n > 0) {
        ssize_t k = limit_check((int)send(fd, p, n, MSG_NOSIGNAL | flags), "send");

        p += k;
        n -= (size_t)k;
    }
}

/* All n bytes, or the end of the process where the other end has ended. */
static void receive_all(int fd, void *to, size_t n)
{
    ssize_t k = limit_check((int)recv(fd, to, n, MSG_WAITALL), "recv");

    if ((size_t)k != n)
        _exit(0);
}

static void splice_all(int from, int to, size_t n, unsigned flags)
{
    while (n > 0) {
        ssize_t k =
            limit_check((int)splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | flags), "splice");

        if (k == 0)
            _exit(0);
        n -= (size_t)k;
    }
}

/* Waits for bytes and tells how many there are; none at the end. */
static size_t wait_for_bytes(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = 0;

    limit_check(poll(&p, 1, -1), "poll");
    limit_check(ioctl(fd, FIONREAD, &n), "FIONREAD");
    return (size_t)n;
}

static void send_frames(int tcp, const char *data, size_t n)
{
    struct head heads[FRAMES] = {0};
    struct iovec iov[2 * FRAMES];
    struct msghdr m = {.msg_iov = iov};
    size_t left = 0;

    for (unsigned k = 0; n > 0; k++) {
        size_t piece = n < PAYLOAD ? n : PAYLOAD;

        heads[k].payload = (uint32_t)piece;
        iov[m.msg_iovlen++] = (struct iovec){.iov_base = &heads[k], .iov_len = HEAD};
        iov[m.msg_iovlen++] = (struct iovec){.iov_base = (void *)data, .iov_len = piece};
        data += piece;
        n -= piece;
        left += HEAD + piece;
    }
    while (left > 0) {
        size_t k = (size_t)limit_check((int)sendmsg(tcp, &m, MSG_NOSIGNAL), "sendmsg");

        for (left -= k; m.msg_iovlen > 0 && k >= m.msg_iov->iov_len; m.msg_iov++, m.msg_iovlen--)
            k -= m.msg_iov->iov_len;
        if (m.msg_iovlen > 0) {
            m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + k;
            m.msg_iov->iov_len -= k;
        }
    }
}

/* What is sent is kept: so each read goes to the next place of a ring. */
static void send_by_copy(int program, int tcp)
{
    char *ring = malloc(HOLD);
    size_t at = 0;

    limit_check(ring ? 0 : -1, "malloc");
    for (;;) {
        size_t most = HOLD - at < sizeof(buffer) ? HOLD - at : sizeof(buffer);
        ssize_t n = limit_check((int)recv(program, ring + at, most, 0), "recv");

        if (n == 0)
            _exit(0);
        send_frames(tcp, ring + at, (size_t)n);
        at = (at + (size_t)n) % HOLD;
    }
}

static void send_by_splice(int program, int tcp)
{
    int pass[2], hold[2], out[2], nowhere = limit_check(open("/dev/null", O_WRONLY), "/dev/null");
    size_t held = 0, there;

    open_pipe(pass);
    open_pipe(hold);
    open_pipe(out);
    while ((there = wait_for_bytes(program)) > 0) {
        size_t total = 0;

        for (unsigned k = 0; k < FRAMES && there > 0; k++) {
            struct head head = {.payload = (uint32_t)(there < PAYLOAD ? there : PAYLOAD)};
            size_t n = head.payload;

            splice_all(program, pass[1], n, 0);
            if (held + n > HOLD) {
                splice_all(hold[0], nowhere, n, 0);
                held -= n;
            }
            held += (size_t)limit_check((int)tee(pass[0], hold[1], n, SPLICE_F_NONBLOCK), "tee");
            there -= n;
            limit_check((int)write(out[1], &head, HEAD), "write");
            splice_all(pass[0], out[1], n, 0);
            total += HEAD + n;
        }
        splice_all(out[0], tcp, total, 0);
    }
    _exit(0);
}

_Noreturn void limit_send_framed(int program, int tcp, enum limit_sending how)
{
    if (how == LIMIT_SEND_SPLICE)
        send_by_splice(program, tcp);
    send_by_copy(program, tcp);
    _exit(0);
}

static size_t receive_head(int tcp)
{
    struct head head;

    receive_all(tcp, &head, HEAD);
    limit_check(head.payload <= PAYLOAD ? 0 : (errno = EPROTO, -1), "head");
    return head.payload;
}

static void receive_by_copy(int tcp, int program)
{
    for (;;) {
        size_t n = 0;
        int there = 0;

        do {
            size_t piece = receive_head(tcp);

            receive_all(tcp, buffer + n, piece);
            n += piece;
            limit_check(ioctl(tcp, FIONREAD, &there), "FIONREAD");
        } while (there >= HEAD && n + PAYLOAD <= sizeof(buffer));
        send_all(program, buffer, n, 0);
    }
}

static void receive_by_splice(int tcp, int program)
{
    int pass[2];

    open_pipe(pass);
    for (;;) {
        size_t left = receive_head(tcp);

        while (left > 0) {
            ssize_t n =
                limit_check((int)splice(tcp, NULL, pass[1], NULL, left, SPLICE_F_MOVE), "splice");

            if (n == 0)
                _exit(0);
            splice_all(pass[0], program, (size_t)n, 0);
            left -= (size_t)n;
        }
    }
}

_Noreturn void limit_receive_framed(int tcp, int program, enum limit_receiving how)
{
    if (how == LIMIT_RECEIVE_SPLICE)
        receive_by_splice(tcp, program);
    receive_by_copy(tcp, program);
    _exit(0);
}
