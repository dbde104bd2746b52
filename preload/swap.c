/* SPDX-License-Identifier: MIT */
#include "preload.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include "handover/client.h"
#include "handover/sys.h"
#include "inq.h"
#include "plain.h"
#include "registrations.h"

void mps_swap_reset(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    int saved = errno;

    (void)mps_sys_connect(fd, &none, sizeof(none));
    errno = saved;
}

/* Not one byte has left; on any doubt false. */
static bool nothing_sent(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    return mps_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           len > offsetof(struct tcp_info, tcpi_bytes_sent) && info.tcpi_bytes_sent == 0 &&
           info.tcpi_notsent_bytes == 0;
}

/* A fresh socket has zeros in each of these. */
static void copy_option(int from, int to, int name)
{
    static const unsigned char zeros[32];
    unsigned char value[sizeof(zeros)]; /* int, linger or timeval */
    socklen_t len = sizeof(value);

    if (mps_sys_getsockopt(from, SOL_SOCKET, name, value, &len) == 0 && len <= sizeof(value) &&
        memcmp(value, zeros, len) != 0)
        (void)mps_sys_setsockopt(to, SOL_SOCKET, name, value, len);
}

static void copy_lowat(int from, int to)
{
    int lowat = mps_preload_option(from, SOL_SOCKET, SO_RCVLOWAT, 1);

    if (lowat != 1)
        (void)mps_preload_set_option(to, SOL_SOCKET, SO_RCVLOWAT, lowat);
}

/* Who gets SIGIO and SIGURG, and the file status flags. */
static void copy_file_flags(int from, int to)
{
    int flags = mps_sys_fcntl(from, F_GETFL, 0);
    int signal_number = mps_sys_fcntl(from, F_GETSIG, 0);
    struct f_owner_ex owner = {.pid = 0};

    if (mps_sys_fcntl(from, F_GETOWN_EX, (unsigned long)(uintptr_t)&owner) == 0 && owner.pid != 0)
        (void)mps_sys_fcntl(to, F_SETOWN_EX, (unsigned long)(uintptr_t)&owner);
    if (signal_number > 0)
        (void)mps_sys_fcntl(to, F_SETSIG, (unsigned long)signal_number);
    if (flags >= 0)
        (void)mps_sys_fcntl(to, F_SETFL, (unsigned long)(flags & (O_NONBLOCK | O_ASYNC)));
}

/* What the program set on its socket and the kernel would do for it there. */
static void copy_settings(int from, int to)
{
    static const int names[] = {SO_RCVTIMEO,  SO_SNDTIMEO, SO_LINGER, SO_OOBINLINE,    SO_KEEPALIVE,
                                SO_REUSEADDR, SO_PRIORITY, SO_MARK,   SO_BINDTOIFINDEX};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        copy_option(from, to, names[i]);
    copy_lowat(from, to);
    if (mps_preload_option(from, IPPROTO_TCP, TCP_INQ, 0) == 1)
        (void)mps_inq_set(to, 1);
    copy_file_flags(from, to);
}

bool mps_swap_replace(int fd, int end, struct mps_hint *hint)
{
    struct mps_registrations registrations;
    int descriptor_flags = mps_sys_fcntl(fd, F_GETFD, 0);
    bool done;

    if (descriptor_flags < 0)
        return false;
    copy_settings(fd, end);
    if (hint)
        mps_registrations_take(fd, hint, &registrations);
    done = mps_sys_dup3(end, fd, descriptor_flags & FD_CLOEXEC ? O_CLOEXEC : 0) >= 0;
    if (hint)
        mps_registrations_put(fd, &registrations);
    return done;
}

/* By the agent's word the peer refuses marked connections. */
static void remember_plain(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (mps_sys_getpeername(fd, &peer, &len) == 0)
        mps_plain_remember((const struct sockaddr *)&peer);
}

static enum mps_ho_result hand_over(int fd, enum mps_ho_op op, bool bound,
                                    struct mps_ho_reply *reply, int *ret_end)
{
    struct mps_ho_request req;
    socklen_t local_len = sizeof(req.local), peer_len = sizeof(req.peer);

    memset(&req, 0, sizeof(req));
    req.op = (uint16_t)op;
    if (mps_sys_getsockname(fd, &req.local, &local_len) != 0 ||
        mps_sys_getpeername(fd, &req.peer, &peer_len) != 0)
        return MPS_HO_UNSENT;
    if (mps_sys_fcntl(fd, F_GETFL, 0) & O_NONBLOCK)
        req.flags |= MPS_HO_NONBLOCK;
    if (bound)
        req.flags |= MPS_HO_BOUND;
    return mps_ho_call(mps_preload_config(), NULL, &req, fd, true, reply, ret_end);
}

/* Once more if the agent went away with the descriptor before it sent anything: another one starts.
 */
static enum mps_ho_result hand_over_twice(int fd, enum mps_ho_op op, bool bound,
                                          struct mps_ho_reply *reply, int *ret_end)
{
    enum mps_ho_result result = hand_over(fd, op, bound, reply, ret_end);

    if (result == MPS_HO_LOST && nothing_sent(fd))
        result = hand_over(fd, op, bound, reply, ret_end);
    return result;
}

enum mps_swap mps_swap(int fd, enum mps_ho_op op, bool bound, struct mps_hint *hint)
{
    struct mps_ho_reply reply;
    enum mps_swap result = MPS_SWAP_PLAIN;
    int saved = errno, end = -1;

    switch (hand_over_twice(fd, op, bound, &reply, &end)) {
    case MPS_HO_REPLIED:
        if (reply.status == MPS_HO_OK_PLAIN)
            remember_plain(fd);
        if (mps_ho_taken(&reply))
            result = end >= 0 && mps_swap_replace(fd, end, hint) ? MPS_SWAP_DONE : MPS_SWAP_BROKEN;
        break;
    case MPS_HO_UNSENT:
        break;
    case MPS_HO_LOST:
        result = nothing_sent(fd) ? MPS_SWAP_PLAIN : MPS_SWAP_BROKEN;
        break;
    case MPS_HO_TIMEOUT:
        result = MPS_SWAP_BROKEN;
        break;
    }
    if (end >= 0)
        mps_sys_close(end);
    if (result == MPS_SWAP_DONE)
        mps_hints_ours_set(fd, true);
    if (result == MPS_SWAP_BROKEN)
        mps_swap_reset(fd);
    errno = saved;
    return result;
}
