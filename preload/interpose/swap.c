/* SPDX-License-Identifier: MIT */
/* The hand-over as the preload makes it: what it adds to handover/exchange.h. */
#include "preload.h"
#include <netinet/in.h>
#include <string.h>
#include "exceptions.h"
#include "handover/exchange.h"
#include "handover/sys.h"
#include "inq.h"
#include "lent.h"
#include "recent.h"
#include "tally.h"
#include "interpose/calls/wait.h"

static void give_settings(void *user, int from, int to)
{
    (void)user;
    if (mps_preload_option(from, IPPROTO_TCP, TCP_INQ, 0) == 1)
        (void)mps_inq_set(to, 1);
}

static bool commit(void *user)
{
    const struct mps_claim *claim = user;

    return mps_claim_commit(claim);
}

/* Those that the hint knows and the kernel confirms. */
static void take_registrations(void *user, int fd, struct mps_epolls *ret)
{
    struct mps_hint *hint = ((const struct mps_claim *)user)->hint;

    for (int i = 0; hint && i < MPS_HINT_EPOLLS; i++) {
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

static struct mps_exchange exchange_of(const struct mps_claim *claim)
{
    static const struct mps_exchange_ops ops = {
        .settings = give_settings,
        .commit = commit,
        .registrations = take_registrations,
    };

    return (struct mps_exchange){
        .config = mps_preload_config(),
        .ops = &ops,
        .user = (void *)(uintptr_t)claim,
        .cookie = claim->cookie,
        .words = mps_exceptions_purpose(),
        .words_len = strlen(mps_exceptions_purpose()),
    };
}

enum mps_exchange_result mps_swap_put(int fd, int end, const struct mps_carry *carry,
                                      const struct mps_claim *claim)
{
    const struct mps_exchange exchange = exchange_of(claim);

    return mps_exchange_put(&exchange, fd, end, carry);
}

/* By the agent's word the peer refuses marked connections. */
static void remember_plain(int fd)
{
    struct mps_ho_conn_name name;

    if (mps_preload_is_ours(fd, &name))
        mps_recent_remember((const struct sockaddr *)&name.peer);
}

/* The program keeps its TCP socket. */
static void tally(int fd, enum mps_ho_op op, enum mps_plain_reason reason)
{
    if (op == MPS_HO_CONNECTED)
        mps_tally_connect(fd, reason);
    else
        mps_tally(MPS_COUNTS_SERVER, reason);
}

enum mps_exchange_result mps_swap(int fd, enum mps_ho_op op, unsigned flags,
                                  const struct mps_claim *claim)
{
    struct mps_exchange exchange = exchange_of(claim);
    enum mps_exchange_result result;

    exchange.op = op;
    exchange.flags = flags;
    result = mps_exchange(&exchange, fd);
    if (exchange.lent)
        mps_lent_set(claim->hint);
    if (result == MPS_EXCHANGE_DONE)
        mps_hints_ours_set(fd, true);
    if (result == MPS_EXCHANGE_DONE && exchange.peer_refuses)
        remember_plain(fd);
    if (result == MPS_EXCHANGE_PLAIN)
        tally(fd, op, exchange.why);
    mps_wait_sweep();
    return result;
}
