/* SPDX-License-Identifier: MIT */
#include "preload.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "handover/carry.h"
#include "handover/client.h"
#include "handover/epolls.h"
#include "handover/sys.h"
#include "inq.h"
#include "lent.h"
#include "plain.h"
#include "tally.h"
#include "interpose/calls/wait.h"

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

/* Delete the registrations that the hint knows and the kernel confirms; *ret is what was there. */
static void take_registrations(int fd, struct mps_hint *hint, struct mps_epolls *ret)
{
    for (int i = 0; i < MPS_HINT_EPOLLS; i++) {
        struct mps_hint_epoll *entry = &hint->epolls[i];
        int epfd = atomic_load_explicit(&entry->key, memory_order_acquire) - 1;
        struct epoll_event event = {
            .events = atomic_load_explicit(&entry->events, memory_order_relaxed),
            .data.u64 = atomic_load_explicit(&entry->data, memory_order_relaxed),
        };

        if (epfd >= 0 && !mps_epolls_take(ret, epfd, fd, event))
            atomic_store_explicit(&entry->key, 0, memory_order_release);
    }
}

/* What the program set on its socket and the kernel would do for it there. */
static void give_settings(const struct mps_carry *carry, int from, int to)
{
    mps_carry_give(carry, to);
    if (mps_preload_option(from, IPPROTO_TCP, TCP_INQ, 0) == 1)
        (void)mps_inq_set(to, 1);
}

enum mps_swap mps_swap_replace(int fd, int end, const struct mps_carry *carry,
                               const struct mps_claim *claim)
{
    struct mps_epolls registrations = {.n = 0};
    int descriptor_flags = mps_sys_fcntl(fd, F_GETFD, 0);
    bool done;

    give_settings(carry, fd, end);
    if (!mps_claim_commit(claim))
        return MPS_SWAP_GONE;
    if (claim->hint)
        take_registrations(fd, claim->hint, &registrations);
    if (!mps_claim_is_same(claim, fd))
        return MPS_SWAP_GONE;
    done = mps_sys_dup3(end, fd, descriptor_flags & FD_CLOEXEC ? O_CLOEXEC : 0) >= 0;
    mps_epolls_put(&registrations, fd);
    return done ? MPS_SWAP_DONE : MPS_SWAP_BROKEN;
}

/* By the agent's word the peer refuses marked connections. */
static void remember_plain(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (mps_sys_getpeername(fd, &peer, &len) == 0)
        mps_plain_remember((const struct sockaddr *)&peer);
}

/* The cookie tells the agent which socket is meant, if the number has become another one's. */
static enum mps_ho_result hand_over(int fd, enum mps_ho_op op, unsigned flags, uint64_t cookie,
                                    struct mps_ho_reply *reply, int *ret_end)
{
    struct mps_ho_request req;
    socklen_t local_len = sizeof(req.local), peer_len = sizeof(req.peer);

    memset(&req, 0, sizeof(req));
    req.op = (uint16_t)op;
    req.flags = flags | mps_preload_no_wait(fd);
    req.conn_id = cookie;
    if (mps_sys_getsockname(fd, &req.local, &local_len) != 0 ||
        mps_sys_getpeername(fd, &req.peer, &peer_len) != 0)
        return MPS_HO_UNSENT;
    return mps_ho_call(mps_preload_config(), NULL, &req, fd, true, reply, ret_end);
}

/* Once more if the agent went away with the descriptor before it sent anything: another one starts.
 */
static enum mps_ho_result hand_over_twice(int fd, enum mps_ho_op op, unsigned flags,
                                          uint64_t cookie, struct mps_ho_reply *reply, int *ret_end)
{
    enum mps_ho_result result = hand_over(fd, op, flags, cookie, reply, ret_end);

    if (result == MPS_HO_LOST && nothing_sent(fd))
        result = hand_over(fd, op, flags, cookie, reply, ret_end);
    return result;
}

/* The program keeps its TCP socket. */
static void tally(int fd, enum mps_ho_op op, enum mps_plain_reason reason)
{
    if (op == MPS_HO_CONNECTED)
        mps_tally_connect(fd, reason);
    else
        mps_tally(MPS_COUNTS_SERVER, reason);
}

/* A connection that cannot go on: reset, if fd is still it. */
static enum mps_swap break_off(int fd, const struct mps_claim *claim)
{
    if (!mps_claim_commit(claim) || !mps_claim_is_same(claim, fd))
        return MPS_SWAP_GONE;
    mps_swap_reset(fd);
    return MPS_SWAP_BROKEN;
}

/* The agent has taken the connection. */
static enum mps_swap exchange(int fd, int end, const struct mps_carry *carry,
                              const struct mps_claim *claim)
{
    enum mps_swap result =
        end >= 0 ? mps_swap_replace(fd, end, carry, claim) : break_off(fd, claim);

    if (result == MPS_SWAP_DONE)
        mps_hints_ours_set(fd, true);
    else if (result == MPS_SWAP_BROKEN)
        mps_swap_reset(fd);
    return result;
}

enum mps_swap mps_swap(int fd, enum mps_ho_op op, unsigned flags, const struct mps_claim *claim)
{
    struct mps_ho_reply reply;
    struct mps_carry carry;
    enum mps_swap result = MPS_SWAP_PLAIN;
    enum mps_plain_reason why = MPS_PLAIN_NO_AGENT;
    int saved = errno, end = -1;

    mps_carry_take(&carry, fd);
    switch (hand_over_twice(fd, op, flags, claim->cookie, &reply, &end)) {
    case MPS_HO_REPLIED:
        if (reply.status == MPS_HO_OK_PLAIN)
            remember_plain(fd);
        if (mps_ho_taken(&reply))
            result = exchange(fd, end, &carry, claim);
        else
            why = reply.status == MPS_HO_AGAIN_PLAIN ? MPS_PLAIN_KNOWN : MPS_PLAIN_AGENT_REFUSED;
        break;
    case MPS_HO_WITHDRAWN:
        mps_lent_set(claim->hint);
        break;
    case MPS_HO_UNSENT:
        break;
    case MPS_HO_LOST:
        if (!nothing_sent(fd))
            result = break_off(fd, claim);
        break;
    case MPS_HO_GARBLED:
        result = break_off(fd, claim);
        break;
    }
    if (end >= 0)
        mps_sys_close(end);
    if (result == MPS_SWAP_PLAIN)
        tally(fd, op, why);
    mps_wait_sweep();
    errno = saved;
    return result;
}
