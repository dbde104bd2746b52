/* SPDX-License-Identifier: MIT */
#include "handover.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include "agent.h"
#include "handover/ask.h"
#include "handover/exchange.h"
#include "handover/marks.h"
#include "handover/share.h"
#include "handover/sys.h"
#include "options.h"

int api_return(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/* How the program had registered the descriptor: nobody saw it. */
static void take_registrations(void *user, int fd, struct mps_epolls *ret)
{
    const struct mps_epolls *found = user;

    for (int i = 0; i < found->n; i++)
        (void)mps_epolls_take(ret, found->epfd[i], fd, found->event[i]);
}

/*
 * 1: `fd` is the application's end now; 0: it is plain TCP as before; -EINVAL: as before, and the
 * options are too long; -EBADF: the number was closed meanwhile; -ECONNRESET: the agent may have
 * used the connection, which was reset.
 */
static int hand_over(int fd, enum mps_ho_op op, unsigned flags, bool fresh,
                     const struct mptcpshim_options *opts)
{
    static const struct mps_exchange_ops ops = {.registrations = take_registrations};
    char words[MPS_HO_DATA_MAX];
    struct mps_epolls found = {.n = 0};
    struct mps_exchange exchange = {
        .config = api_agent_config(),
        .ops = &ops,
        .user = &found,
        .op = op,
        .flags = flags,
        .cookie = mps_exchange_cookie(fd),
        .words = words,
    };
    int len = api_options_words(opts, words, sizeof(words));
    enum mps_exchange_result result;
    mps_sys_sigset_t mask;

    if (len < 0)
        return len;
    exchange.words_len = (size_t)len;
    /* What does not fit could not be taken back, and would report the connection for ever. */
    if (exchange.config == NULL || (!fresh && !mps_epolls_find(&found, fd)))
        return 0;
    mask = mps_sys_block();
    result = mps_exchange(&exchange, fd);
    mps_sys_unblock(mask);
    switch (result) {
    case MPS_EXCHANGE_DONE:
        return 1;
    case MPS_EXCHANGE_GONE:
        return -EBADF;
    case MPS_EXCHANGE_BROKEN:
        return -ECONNRESET;
    default:
        return 0;
    }
}

/* The state of a TCP socket as TCP_INFO gives it; -EPROTOTYPE for any other socket. */
static int tcp_state(int fd)
{
    struct tcp_info info;
    int protocol = 0;
    socklen_t len = sizeof(protocol);

    if (mps_sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0)
        return -errno;
    len = sizeof(info);
    if (protocol != IPPROTO_TCP || mps_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return -EPROTOTYPE;
    return info.tcpi_state;
}

int api_adopt_client(int fd, bool fresh, const struct mptcpshim_options *opts)
{
    struct mps_ho_conn_name name;
    int r = mps_ho_conn_of(fd, &name);
    int error = 0;
    socklen_t len = sizeof(error);

    if (r != 0)
        return r;
    r = tcp_state(fd);
    if (r < 0)
        return r;
    if (mps_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error != 0)
        return -error;
    if (r == TCP_SYN_SENT)
        return -EINPROGRESS;
    if (opts->flags & MPTCPSHIM_OFF || !mps_marks_synack_is(fd, MPS_MARK_LISTEN) ||
        !mps_marks_untouched(fd))
        return 0;
    return hand_over(fd, MPS_HO_CONNECTED, 0, fresh, opts);
}

int api_adopt_server(int fd, int listener, const struct mptcpshim_options *opts)
{
    struct mps_ho_conn_name name;
    int r = mps_ho_conn_of(fd, &name);

    if (r != 0)
        return r;
    r = tcp_state(fd);
    if (r < 0)
        return r;
    switch (mps_marks_accepted(fd)) {
    case MPS_MARK_JOIN: /* meant for the agent: its sender closes it, too, without sending */
        mps_exchange_reset(fd);
        return -ECONNABORTED;
    case MPS_MARK_CONNECT:
        break;
    default:
        return 0;
    }
    /* The peer has seen our mark and sends HELLO: plain TCP would show that to the program. */
    r = 0;
    if (!(opts->flags & MPTCPSHIM_OFF))
        r = hand_over(fd, MPS_HO_ACCEPTED, listener >= 0 ? mps_ho_no_wait(listener) : 0,
                      listener >= 0, opts);
    if (r == 1 || r == -EINVAL || r == -EBADF)
        return r;
    mps_exchange_reset(fd);
    return -ECONNRESET;
}

/*
 * Listeners whose port this library made shareable, by SO_COOKIE, which the kernel never uses
 * twice. One that has been forgotten takes joins at another port.
 */
static _Atomic uint64_t shared[64];
static atomic_uint shared_next;

static bool is_shared_by_us(int fd)
{
    uint64_t cookie = mps_exchange_cookie(fd);

    for (unsigned i = 0; cookie != 0 && i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (shared[i] == cookie)
            return true;
    }
    return false;
}

int api_prepare_listener(int fd)
{
    unsigned slot;

    if (!api_agent_available())
        return 0;
    if (mps_share_begin(fd) > 0) {
        slot = atomic_fetch_add(&shared_next, 1) % (sizeof(shared) / sizeof(shared[0]));
        shared[slot] = mps_exchange_cookie(fd);
    }
    return mps_marks_prepare_listen(fd);
}

/* 1 if the agent takes joins for it, else 0; -EINVAL: the options are too long. */
static int announce(int fd, const struct mptcpshim_options *opts)
{
    char words[MPS_HO_DATA_MAX];
    struct sockaddr_storage local;
    struct mps_ho_listener about = {
        .op = MPS_HO_LISTEN,
        .flags = mps_ho_no_wait(fd) | (is_shared_by_us(fd) ? MPS_HO_STEER : 0),
        .fd = fd,
        .local = (const struct sockaddr *)&local,
        .local_len = sizeof(local),
        .words = words,
    };
    int len = api_options_words(opts, words, sizeof(words));

    if (len < 0)
        return len;
    about.words_len = (size_t)len;
    return mps_sys_getsockname(fd, &local, &about.local_len) == 0 &&
           mps_marks_prepare_listen(fd) == 0 && mps_ho_ask_listener(api_agent_config(), &about);
}

int api_adopt_listener(int fd, const struct mptcpshim_options *opts)
{
    int r = tcp_state(fd), unset = 0;

    if (r < 0)
        return r;
    if (r != TCP_LISTEN)
        return -EINVAL;
    if (opts->flags & MPTCPSHIM_OFF || !api_agent_available())
        return 0;
    r = announce(fd, opts);
    /* Take the mark back. SYNs are still kept, for a peer that has seen it in the meantime. */
    if (r == 0)
        (void)mps_sys_setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &unset, sizeof(unset));
    return r;
}

bool api_port_was_left(const struct sockaddr *addr, socklen_t len)
{
    const struct mps_ho_listener about = {
        .op = MPS_HO_RECHECK, .fd = -1, .local = addr, .local_len = len};

    return api_agent_config() != NULL && mps_ho_ask_listener(api_agent_config(), &about);
}
