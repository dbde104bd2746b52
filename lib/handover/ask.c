/* SPDX-License-Identifier: MIT */
#include "ask.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "client.h"
#include "sys.h"

unsigned mps_ho_no_wait(int fd)
{
    int saved = errno;
    int flags = mps_sys_fcntl(fd, F_GETFL, 0);

    errno = saved;
    return flags >= 0 && flags & O_NONBLOCK ? MPS_HO_NONBLOCK : 0;
}

int mps_ho_conn_of(int fd, struct mps_ho_conn_name *ret)
{
    struct sockaddr_un un;
    socklen_t len = sizeof(un);
    int saved = errno, error;

    un.sun_family = AF_UNSPEC;
    if (mps_sys_getsockname(fd, &un, &len) == 0)
        return len <= sizeof(un) && mps_ho_conn_name_parse(&un, len, ret) ? 1 : 0;
    error = errno;
    errno = saved;
    return -error;
}

bool mps_ho_conn_is_over(int fd)
{
    struct pollfd look = {.fd = fd};
    int saved = errno;
    bool over = mps_sys_poll(&look, 1, 0) == 1 && look.revents & POLLHUP;

    errno = saved;
    return over;
}

bool mps_ho_ask_listener(const struct mps_ho_config *config, const struct mps_ho_listener *about)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    enum mps_ho_result result;
    int extra = -1;

    memset(&req, 0, sizeof(req));
    req.op = (uint16_t)about->op;
    req.flags = about->flags;
    memcpy(&req.local, about->local,
           about->local_len < sizeof(req.local) ? about->local_len : sizeof(req.local));
    if (about->words_len > sizeof(req.data))
        return false;
    if (about->words_len > 0)
        memcpy(req.data, about->words, about->words_len);
    req.len = (uint32_t)about->words_len;
    result = mps_ho_call(config, NULL, &req, about->op == MPS_HO_LISTEN ? about->fd : -1,
                         about->op == MPS_HO_LISTEN, &reply, &extra);
    if (extra >= 0)
        mps_sys_close(extra);
    return result == MPS_HO_REPLIED && reply.status == MPS_HO_OK;
}

static bool ask(const struct mps_ho_conn *conn, struct mps_ho_request *req, int fd,
                struct mps_ho_reply *ret_reply, int *ret_fd)
{
    *ret_fd = -1;
    if (!conn->config)
        return false;
    req->conn_id = conn->name->conn_id;
    req->flags = mps_ho_no_wait(conn->fd);
    return mps_ho_call(conn->config, conn->name->agent_id, req, fd, false, ret_reply, ret_fd) ==
           MPS_HO_REPLIED;
}

bool mps_ho_ask_with(const struct mps_ho_conn *conn, struct mps_ho_request *req, int fd,
                     struct mps_ho_reply *ret_reply)
{
    int extra;
    bool replied = ask(conn, req, fd, ret_reply, &extra);

    if (extra >= 0)
        mps_sys_close(extra);
    return replied;
}

bool mps_ho_ask_for(const struct mps_ho_conn *conn, struct mps_ho_request *req,
                    struct mps_ho_reply *ret_reply, int *ret_fd)
{
    bool replied = ask(conn, req, -1, ret_reply, ret_fd);

    if (!replied && *ret_fd >= 0)
        mps_sys_close(*ret_fd);
    return replied;
}

bool mps_ho_ask(const struct mps_ho_conn *conn, struct mps_ho_request *req,
                struct mps_ho_reply *ret_reply)
{
    return mps_ho_ask_with(conn, req, -1, ret_reply);
}

/* The program's own end has the value already, as far as the program was allowed to set it. */
static bool may_need_privilege(int level, int option)
{
    return level == SOL_SOCKET && (option == SO_MARK || option == SO_PRIORITY);
}

static int ask_option(const struct mps_ho_conn *conn, struct mps_ho_request *req, int level,
                      int option, int proof, struct mps_ho_reply *ret)
{
    req->level = level;
    req->name = option;
    if (!mps_ho_ask_with(conn, req, proof, ret))
        return MPS_HO_NO_REPLY;
    if (ret->status == MPS_HO_OK)
        return 0;
    if (ret->status == MPS_HO_ELSEWHERE)
        return MPS_HO_NOT_ITS;
    return ret->error > 0 ? -ret->error : -ENOPROTOOPT;
}

int mps_ho_ask_getopt(const struct mps_ho_conn *conn, int level, int option, void *value,
                      socklen_t *len)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int r;

    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_GETOPT;
    req.len = *len < MPS_HO_DATA_MAX ? *len : MPS_HO_DATA_MAX;
    r = ask_option(conn, &req, level, option, -1, &reply);
    if (r != 0)
        return r;
    if (reply.len < *len)
        *len = reply.len;
    memcpy(value, reply.data, *len);
    return 0;
}

int mps_ho_ask_setopt(const struct mps_ho_conn *conn, int level, int option, const void *value,
                      socklen_t len)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;

    if (len > MPS_HO_DATA_MAX)
        return -EINVAL;
    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_SETOPT;
    req.len = len;
    if (len > 0)
        memcpy(req.data, value, len);
    return ask_option(conn, &req, level, option, may_need_privilege(level, option) ? conn->fd : -1,
                      &reply);
}

int mps_ho_ask_error(const struct mps_ho_conn *conn)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (mps_ho_ask_getopt(conn, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || len != sizeof(error) ||
        error <= 0)
        return ECONNRESET;
    return error;
}
