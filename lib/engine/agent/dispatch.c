/* SPDX-License-Identifier: MIT */
#include "dispatch.h"

#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "core/base/err.h"
#include "hub.h"
#include "engine/show/json.h"
#include "engine/show/linuxinfo.h"
#include "engine/show/log.h"
#include "manage.h"
#include "memfd.h"
#include "engine/net/netns.h"
#include "engine/net/outq.h"
#include "engine/net/peek.h"
#include "spare.h"
#include "engine/connection/permitted.h"
#include "handover/kernelinfo.h"
#include "engine/connection/handed.h"
#include "engine/connection/session.h"
#include "engine/connection/sockopts.h"
#include "engine/show/status.h"

#define FIRST_PROCESS 1

static void fail(struct mps_dispatch *d, int err)
{
    d->reply.status = MPS_HO_ERROR;
    d->reply.error = err;
}

static int errno_of(int rc)
{
    switch (rc) {
    case MPS_ENOMEM:
        return ENOMEM;
    case MPS_ELIMIT:
        return ENOBUFS;
    case MPS_EINVAL:
        return EINVAL;
    case MPS_ESYS:
        return errno == EMFILE || errno == ENFILE ? EMFILE : EIO;
    default:
        return EIO;
    }
}

/* Between the decision of its sender and the sending its number may have become another socket's.
 */
static bool is_meant(int fd, uint64_t cookie)
{
    uint64_t own = 0;
    socklen_t len = sizeof(own);

    return cookie == 0 || (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &own, &len) == 0 && own == cookie);
}

static void do_connection(struct mps_engine *eng, const struct mps_ho_request *req,
                          struct mps_dispatch *d)
{
    struct mps_handed sr = {
        .fd = d->fd,
        .end = d->end,
        .pid = d->pid,
        .bound = (req->flags & MPS_HO_BOUND) != 0,
        .options = (const char *)req->data,
        .options_len = req->len,
    };
    int rc;

    if (d->fd < 0 || !is_meant(d->fd, req->conn_id)) {
        fail(d, d->fd < 0 ? EMFILE : ESTALE); /* there was no room for it */
        return;
    }
    if (!mps_netns_is_own(d->fd)) {
        d->reply.status = MPS_HO_AGAIN_PLAIN;
        return;
    }
    rc = req->op == MPS_HO_CONNECTED ? mps_handed_connected(eng, &sr, &d->session)
                                     : mps_handed_accepted(eng, &sr, &d->session);
    if (rc == MPS_ELIMIT) {
        mps_log("dispatch: connection not taken: no memory for another one");
        d->reply.status = MPS_HO_AGAIN_PLAIN;
    } else if (rc < 0) {
        mps_log("dispatch: connection not taken: %s", mps_strerror(rc));
        fail(d, errno_of(rc));
    } else if (rc == MPS_HANDED_PLAIN_PEER) {
        d->reply.status = MPS_HO_AGAIN_PLAIN;
    } else {
        d->reply.status = d->session->refused ? MPS_HO_OK_PLAIN : MPS_HO_OK;
        d->reply.conn_id = d->session->ac.id;
        d->reply.buffer = (int)d->session->end_buffer;
        d->fd = d->end = -1; /* the session's now */
    }
}

static void do_listen(struct mps_hub *hub, const struct mps_ho_request *req, struct mps_dispatch *d)
{
    int rc = MPS_EINVAL;

    if (d->fd >= 0 && mps_netns_is_own(d->fd))
        rc = mps_hub_listener(hub, d->fd, d->pid, (req->flags & MPS_HO_STEER) != 0);
    if (rc < 0)
        fail(d, errno_of(rc));
}

static int get_ioctl(const struct mps_session *s, int request, void *data, size_t *len)
{
    int bytes, err;

    if (*len < sizeof(bytes))
        return EINVAL;
    err = mps_outq_get(s, request, &bytes);
    if (err != 0)
        return err;
    memcpy(data, &bytes, sizeof(bytes));
    *len = sizeof(bytes);
    return 0;
}

/* The program has met a reset: what is it in truth? 0: a reset. */
static void get_end(const struct mps_engine *eng, uint64_t id, struct mps_dispatch *d)
{
    int error = mps_ends_find(&eng->ends, id);

    memcpy(d->reply.data, &error, sizeof(error));
    d->reply.len = sizeof(error);
}

/* A fallback to TCP shows in this, as that of the kernel's MPTCP. */
static int get_is_mptcp(const struct mps_session *s, void *data, size_t *len)
{
    int value = !mps_session_is_plain(s);

    if (*len > sizeof(value))
        *len = sizeof(value);
    memcpy(data, &value, *len);
    return 0;
}

static void do_option(struct mps_engine *eng, const struct mps_ho_request *req,
                      struct mps_dispatch *d)
{
    struct mps_session *s = mps_session_find(eng, req->conn_id);
    int fds[MPS_MAX_SUBFLOWS], err;
    size_t len = req->len;
    unsigned n;

    if (req->op == MPS_HO_GETOPT && req->level == SOL_SOCKET && req->name == SO_ERROR) {
        get_end(eng, req->conn_id, d);
        return;
    }
    if (!s) {
        fail(d, ENOTCONN);
        return;
    }
    n = mps_session_fds(s, fds, MPS_MAX_SUBFLOWS);
    if (req->op == MPS_HO_GETOPT && req->level == IPPROTO_TCP && req->name == MPS_KERNEL_IS_MPTCP)
        err = get_is_mptcp(s, d->reply.data, &len);
    else if (req->level == MPS_HO_LEVEL_IOCTL)
        err = req->op == MPS_HO_GETOPT ? get_ioctl(s, req->name, d->reply.data, &len) : EINVAL;
    else if (req->op == MPS_HO_SETOPT)
        err =
            mps_sockopts_set(&s->ac.sockopts, fds, n, req->level, req->name, req->data, len, d->fd);
    else
        err = mps_sockopts_get(&s->ac.sockopts, fds, n, req->level, req->name, d->reply.data, &len);
    if (err == 0 && req->op == MPS_HO_SETOPT)
        mps_session_options_changed(s);
    if (err == MPS_PERMITTED_ELSEWHERE)
        d->reply.status = MPS_HO_ELSEWHERE;
    else if (err != 0)
        fail(d, err);
    else if (req->op == MPS_HO_GETOPT)
        d->reply.len = (uint32_t)len;
}

static void do_conn_status(struct mps_engine *eng, const struct mps_ho_request *req,
                           struct mps_dispatch *d)
{
    struct mps_session *s = mps_session_find(eng, req->conn_id);

    if (!s) {
        fail(d, ENOENT);
        return;
    }
    d->reply_fd = mps_memfd_json(mps_status_one(s));
    if (d->reply_fd < 0)
        fail(d, errno);
}

static void do_kernelinfo(struct mps_engine *eng, const struct mps_ho_request *req,
                          struct mps_dispatch *d)
{
    const struct mps_session *s = mps_session_find(eng, req->conn_id);

    if (!s) {
        fail(d, ENOTCONN);
        return;
    }
    d->reply_fd = mps_linuxinfo_file(s);
    if (d->reply_fd < 0)
        fail(d, errno);
}

static void do_watch(struct mps_engine *eng, const struct mps_ho_request *req,
                     struct mps_dispatch *d)
{
    struct mps_session *s = mps_session_find(eng, req->conn_id);
    int rc;

    if (!s) {
        fail(d, ENOTCONN);
        return;
    }
    rc = d->fd < 0 ? MPS_EINVAL : mps_session_watch(s, d->fd);
    if (rc < 0)
        fail(d, errno_of(rc));
    else
        d->fd = -1;
}

static void do_monitor(struct mps_hub *hub, struct mps_dispatch *d)
{
    int rc = d->fd < 0 ? MPS_EINVAL : mps_monitors_add(&hub->monitors, d->fd);

    if (rc < 0)
        fail(d, errno_of(rc));
    else
        d->fd = -1;
}

static void begin(const struct mps_ho_request *req, struct mps_dispatch *d)
{
    memset(&d->reply, 0, sizeof(d->reply));
    d->reply.magic = MPS_HO_MAGIC;
    d->reply.version = MPS_HO_VERSION;
    d->reply.conn_id = req->conn_id;
}

/* An accepted connection is not taken: its peer, if it is one of ours, comes back as plain TCP. */
static void turn_away(const struct mps_ho_request *req, const struct mps_dispatch *d)
{
    if (req->op == MPS_HO_ACCEPTED && d->fd >= 0 && is_meant(d->fd, req->conn_id))
        mps_peek_turn_away(d->fd);
}

/* Not taken. The agent holds no listener, and no connection it has refused. */
static void end(const struct mps_ho_request *req, struct mps_dispatch *d)
{
    turn_away(req, d);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

void mps_dispatch_fail(const struct mps_ho_request *req, struct mps_dispatch *d, int err)
{
    begin(req, d);
    fail(d, err);
    end(req, d);
}

enum mps_dispatch_by mps_dispatch_by(struct mps_hub *hub, const struct mps_ho_request *req,
                                     struct mps_worker **ret_worker)
{
    uint64_t name = req->conn_id;

    switch (req->op) {
    case MPS_HO_CONNECTED:
    case MPS_HO_ACCEPTED:
        if (mps_hub_retires(hub) || !mps_spare_is_whole())
            return MPS_BY_HUB;
        *ret_worker = mps_hub_choose(hub);
        return MPS_BY_ENGINE;
    case MPS_HO_CONN_SET:
        /* A request that names no connection may be refused by any engine. */
        if (!mps_manage_target(req, &name))
            name = 0;
        break;
    case MPS_HO_SETOPT:
    case MPS_HO_GETOPT:
    case MPS_HO_CONN_STATUS:
    case MPS_HO_CONN_OWN:
    case MPS_HO_WATCH:
    case MPS_HO_KERNELINFO:
        break;
    case MPS_HO_STATUS:
    case MPS_HO_PATHS:
        if (!mps_spare_is_whole())
            return MPS_BY_HUB;
        return MPS_BY_ALL;
    default:
        return MPS_BY_HUB;
    }
    *ret_worker = mps_hub_owner(hub, name);
    if (!*ret_worker)
        *ret_worker = &hub->workers[0];
    return MPS_BY_ENGINE;
}

void mps_dispatch_hub(struct mps_hub *hub, const struct mps_ho_request *req, struct mps_dispatch *d)
{
    begin(req, d);
    switch (req->op) {
    case MPS_HO_PING:
        break;
    case MPS_HO_CONNECTED: /* the agent retires, or is short of memory */
    case MPS_HO_ACCEPTED:
        d->reply.status = MPS_HO_AGAIN_PLAIN;
        break;
    case MPS_HO_LISTEN:
        do_listen(hub, req, d);
        break;
    case MPS_HO_RECHECK:
        if (mps_steer_recheck(&hub->steer) == 0)
            fail(d, EADDRINUSE);
        break;
    case MPS_HO_MONITOR:
        do_monitor(hub, d);
        break;
    case MPS_HO_LEAVE:
        /* Process numbers are those of our own namespace; 0 is somebody outside. */
        if (d->pid == FIRST_PROCESS)
            hub->leave(hub->user);
        else
            fail(d, EPERM);
        break;
    case MPS_HO_PATH:
        mps_manage_path(hub, req, d);
        break;
    case MPS_HO_STATUS:
    case MPS_HO_PATHS:
        fail(d, ENOMEM);
        break;
    default:
        fail(d, EOPNOTSUPP);
        break;
    }
    end(req, d);
}

void mps_dispatch_engine(struct mps_engine *eng, const struct mps_ho_request *req,
                         struct mps_dispatch *d)
{
    begin(req, d);
    switch (req->op) {
    case MPS_HO_CONNECTED:
    case MPS_HO_ACCEPTED:
        do_connection(eng, req, d);
        break;
    case MPS_HO_SETOPT:
    case MPS_HO_GETOPT:
        do_option(eng, req, d);
        break;
    case MPS_HO_CONN_STATUS:
        do_conn_status(eng, req, d);
        break;
    case MPS_HO_CONN_OWN:
        mps_manage_own(eng, req, d);
        break;
    case MPS_HO_WATCH:
        do_watch(eng, req, d);
        break;
    case MPS_HO_KERNELINFO:
        do_kernelinfo(eng, req, d);
        break;
    default:
        mps_manage_connection(eng, req, d);
        break;
    }
    end(req, d);
}

struct json_object *mps_dispatch_part(const struct mps_engine *eng,
                                      const struct mps_ho_request *req)
{
    return mps_json_whole(req->op == MPS_HO_STATUS ? mps_status_list(eng) : mps_manage_paths(eng));
}

void mps_dispatch_parts(struct mps_hub *hub, const struct mps_ho_request *req,
                        struct json_object **part, unsigned n, struct mps_dispatch *d)
{
    bool whole = part[0] != NULL;

    begin(req, d);
    for (unsigned i = 1; i < n; i++) {
        whole &= part[i] != NULL;
        if (whole && req->op == MPS_HO_STATUS)
            mps_status_join(part[0], part[i]);
        else if (whole)
            mps_manage_join_paths(part[0], part[i]);
        json_object_put(part[i]);
    }
    if (!whole) {
        json_object_put(part[0]);
        fail(d, ENOMEM);
        end(req, d);
        return;
    }
    if (req->op == MPS_HO_STATUS) {
        mps_status_counted(part[0], hub->plainwatch.counts, hub->agent_id);
        mps_status_left_out(part[0], hub->view.addresses.left_out, hub->agent_id);
    }
    d->reply_fd = mps_memfd_json(part[0]);
    if (d->reply_fd < 0)
        fail(d, errno);
    end(req, d);
}

void mps_dispatch_done(struct mps_dispatch *d, bool sent)
{
    if (d->reply_fd >= 0)
        close(d->reply_fd);
    if (!sent && d->session)
        mps_handed_discard(d->session);
}
