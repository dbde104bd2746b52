/* SPDX-License-Identifier: MIT */
#include "handed.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/agent/clock.h"
#include "engine/agent/engine.h"
#include "engine/net/sock.h"
#include "mpconn.h"
#include "relay.h"
#include "session.h"
#include "sndbuf.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

#define HELLO_WAIT_SLACK (100 * MPS_MSEC)
#define HELLO_WAIT_MIN   (250 * MPS_MSEC)
#define HELLO_WAIT_MAX   (3 * MPS_SEC)

static void on_app_ready(struct mps_app *app)
{
    mps_session_wake(mps_container_of(app, struct mps_session, ac.app));
}

/* The parts both roles have; frees nothing of the caller's on failure. */
static int session_new(struct mps_engine *eng, const struct mps_handed *req, enum mps_role role,
                       struct mps_session **ret)
{
    struct sockaddr_storage local, peer;
    bool scarce;
    struct mps_session *s;
    int rc;

    if (!mps_sock_is_tcp(req->fd) || mps_sock_names(req->fd, &local, &peer) < 0)
        return MPS_ESYS;
    s = calloc(1, sizeof(*s));
    if (!s)
        return MPS_ENOMEM;
    mps_sock_to_addr(&peer, &s->ac.peer);
    rc = mps_account_open(&s->ac.account, &eng->memory, &s->ac.peer);
    if (rc < 0) {
        free(s);
        return rc;
    }
    mps_account_add(&s->ac.account, (int64_t)mps_memory_size(s));
    scarce = mps_mem_scarce(&s->ac.account.mem);
    s->ac.eng = eng;
    s->ac.id = eng->next_id;
    eng->next_id += eng->count;
    s->ac.since = mps_clock_with_sleep();
    s->ac.pid = req->pid;
    s->ac.role = role;
    s->ac.bound = req->bound;
    s->ac.ifindex = (uint32_t)mps_sock_get_int(req->fd, SOL_SOCKET, SO_BINDTOIFINDEX, 0);
    mps_sock_to_addr(&local, &s->ac.local);
    s->ac.options = &eng->options;
    rc = mps_appconn_take_words(&s->ac, req->options, req->options_len);
    if (rc < 0) {
        mps_account_close(&s->ac.account);
        free(s);
        return rc;
    }
    mps_sockopts_inherit(&s->ac.sockopts, req->fd);
    s->end_buffer = mps_sndbuf_of_app(&s->ac.sockopts, scarce);
    rc = mps_app_open(&s->ac.app, &eng->appwatch, on_app_ready, req->end, s->end_buffer,
                      mps_sndbuf_of_ours(scarce));
    if (rc < 0) {
        mps_sockopts_deinit(&s->ac.sockopts);
        mps_appconn_forget_options(&s->ac);
        mps_account_close(&s->ac.account);
        free(s);
        return rc;
    }
    mps_runnable_init(&s->runnable);
    mps_list_push_back(&eng->sessions, &s->link);
    eng->n_sessions++;
    *ret = s;
    return 0;
}

/* The descriptors are the caller's again. */
static void undo(struct mps_session *s)
{
    mps_app_release(&s->ac.app);
    mps_session_free(s);
}

/* Only its interface makes it an address, and a second connection could not name that. */
static bool is_link_local(const struct mps_addr *a)
{
    return a->family == MPS_AF_INET6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

int mps_handed_connected(struct mps_engine *eng, const struct mps_handed *req,
                         struct mps_session **ret)
{
    struct mps_session *s;
    enum mps_peer_kind kind;
    int rc = session_new(eng, req, MPS_ROLE_CLIENT, &s);

    if (rc < 0)
        return rc;
    mps_peers_refresh(eng->peers);
    kind = mps_peers_find(eng->peers, &s->ac.peer, mps_clock_now());
    if (is_link_local(&s->ac.peer) || kind == MPS_PEER_PLAIN ||
        !mps_sockopts_can_follow(&s->ac.sockopts)) {
        undo(s);
        return MPS_HANDED_PLAIN_PEER;
    }
    s->refused = kind == MPS_PEER_REFUSED;
    rc = mps_session_carry_multipath(s, req->fd, NULL);
    if (rc < 0) {
        undo(s);
        return rc;
    }
    mps_session_begin(s);
    *ret = s;
    return 0;
}

/*
 * How long a program that speaks first is kept waiting for HELLO: if it was lost, so was what
 * follows it, and TCP repeats it when its timer runs out. The client's timer is ours, about. It
 * doubles each time: while the connection waited for accept(), of a listener in doubt
 * (preload/interpose/marking.h), HELLO was dropped, and comes again after at most as long as that
 * lasted.
 */
static mps_time_t hello_hold(int fd)
{
    const struct mps_sock_times times = mps_sock_times(fd);
    mps_time_t hold = times.rto + times.rtt + HELLO_WAIT_SLACK + times.silence;

    if (hold < HELLO_WAIT_MIN)
        hold = HELLO_WAIT_MIN;
    return hold > HELLO_WAIT_MAX ? HELLO_WAIT_MAX : hold;
}

int mps_handed_accepted(struct mps_engine *eng, const struct mps_handed *req,
                        struct mps_session **ret)
{
    struct mps_session *s;
    mps_time_t hold = hello_hold(req->fd);
    int rc = session_new(eng, req, MPS_ROLE_SERVER, &s);

    if (rc < 0)
        return rc;
    s->ac.sockopts.plain = true;
    s->relay = mps_relay_new(eng, &s->ac.account, &s->ac.app, req->fd, false, true, hold,
                             mps_session_on_wake, s);
    if (!s->relay) {
        undo(s);
        return MPS_ENOMEM;
    }
    /* Before the reply: from that on the program trusts that this process does not end unseen. */
    mps_relay_own(s->relay);
    mps_session_begin(s);
    *ret = s;
    return 0;
}

void mps_handed_discard(struct mps_session *s)
{
    int fd = s->mp ? mps_mpconn_take_first(s->mp) : mps_relay_take_fd(s->relay);

    if (fd >= 0) {
        mps_sockopts_give_linger(&s->ac.sockopts, fd);
        close(fd);
    }
    mps_session_free(s);
}
