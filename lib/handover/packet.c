/* SPDX-License-Identifier: MIT */
#include "packet.h"
#include <errno.h>
#include <string.h>
#include "sys.h"

#define SURPLUS 4 /* descriptors that one message can bring in our room for them */

ssize_t mps_ho_packet_send(int sock, const void *data, size_t len, int flags, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control.space);
    }
    do {
        n = mps_sys_sendmsg(sock, &msg, MSG_NOSIGNAL | flags);
    } while (n < 0 && errno == EINTR);
    return n;
}

static void take_descriptors(struct cmsghdr *c, int *ret_fd)
{
    int fds[SURPLUS];
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || count > SURPLUS)
        return;
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        if (*ret_fd < 0)
            *ret_fd = fds[i];
        else
            mps_sys_close(fds[i]);
    }
}

ssize_t mps_ho_packet_receive(int sock, void *data, size_t size, int flags, int *ret_fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * SURPLUS)];
    } control;
    struct iovec iov = {.iov_base = data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    *ret_fd = -1;
    do {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control.space);
        n = mps_sys_recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
        take_descriptors(c, ret_fd);
    return n;
}

enum mps_ho_reply_is mps_ho_reply_check(const struct mps_ho_reply *reply, ssize_t n)
{
    const size_t head = offsetof(struct mps_ho_reply, data);

    if (n < (ssize_t)offsetof(struct mps_ho_reply, status) || reply->magic != MPS_HO_MAGIC)
        return MPS_HO_REPLY_GARBAGE;
    if (reply->version != MPS_HO_VERSION)
        return MPS_HO_REPLY_OTHER_VERSION;
    if ((size_t)n < head || reply->len > MPS_HO_DATA_MAX || (size_t)n < head + reply->len)
        return MPS_HO_REPLY_GARBAGE;
    return MPS_HO_REPLY_SOUND;
}
