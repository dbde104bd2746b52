/* SPDX-License-Identifier: MIT */
#include "exchange.h"
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include "client.h"
#include "names.h"
#include "sys.h"

#define KNOCKS           5 /* at an agent that is ending */
#define KNOCK_MS         10
#define STATE_CLOSE_WAIT 8 /* of the kernel's state machine: a FIN has come */

uint64_t mps_exchange_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);
    int saved = errno;

    if (mps_sys_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0)
        cookie = 0;
    errno = saved;
    return cookie;
}

void mps_exchange_reset(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    int saved = errno;

    (void)mps_sys_connect(fd, &none, sizeof(none));
    errno = saved;
}

/*
 * Has whoever held the socket left the connection as it was? Not one byte was sent, and what has
 * come is still in the queue. On any doubt false.
 */
static bool is_intact(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    int unread = 0;

    memset(&info, 0, sizeof(info));
    if (mps_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len <= offsetof(struct tcp_info, tcpi_bytes_sent) || info.tcpi_bytes_sent != 0 ||
        info.tcpi_notsent_bytes != 0)
        return false;
    if (info.tcpi_bytes_received == 0)
        return true;
    /* A FIN counts as a byte that has come, but not as one that can be read. */
    return syscall(SYS_ioctl, fd, SIOCINQ, &unread) == 0 &&
           info.tcpi_bytes_received ==
               (uint64_t)unread + (info.tcpi_state == STATE_CLOSE_WAIT ? 1 : 0);
}

/* Is fd still the socket that is meant? The very last look, for what came by other ways. */
static bool is_same(const struct mps_exchange *self, int fd)
{
    return self->cookie != 0 && mps_exchange_cookie(fd) == self->cookie;
}

static bool commit(const struct mps_exchange *self)
{
    return !self->ops->commit || self->ops->commit(self->user);
}

enum mps_exchange_result mps_exchange_put(const struct mps_exchange *self, int fd, int end,
                                          const struct mps_carry *carry)
{
    struct mps_epolls registrations = {.n = 0};
    int saved = errno, descriptor_flags = mps_sys_fcntl(fd, F_GETFD, 0);
    enum mps_exchange_result result = MPS_EXCHANGE_GONE;

    mps_carry_give(carry, end);
    if (self->ops->settings)
        self->ops->settings(self->user, fd, end);
    if (!commit(self))
        goto out;
    if (self->ops->registrations)
        self->ops->registrations(self->user, fd, &registrations);
    if (!is_same(self, fd))
        goto out;
    result = mps_sys_dup3(end, fd, descriptor_flags & FD_CLOEXEC ? O_CLOEXEC : 0) >= 0
                 ? MPS_EXCHANGE_DONE
                 : MPS_EXCHANGE_BROKEN;
    mps_epolls_put(&registrations, fd);
out:
    errno = saved;
    return result;
}

/* A connection that cannot go on: reset, if fd is still it. */
static enum mps_exchange_result break_off(const struct mps_exchange *self, int fd)
{
    if (!commit(self) || !is_same(self, fd))
        return MPS_EXCHANGE_GONE;
    mps_exchange_reset(fd);
    return MPS_EXCHANGE_BROKEN;
}

/* The agent has taken the connection. */
static enum mps_exchange_result put(const struct mps_exchange *self, int fd, int end,
                                    const struct mps_carry *carry)
{
    enum mps_exchange_result result;

    if (end < 0)
        return break_off(self, fd);
    result = mps_exchange_put(self, fd, end, carry);
    if (result == MPS_EXCHANGE_BROKEN)
        mps_exchange_reset(fd);
    return result;
}

/* What the agent cannot do at an end that only we have; false: it would not be recognised. */
static bool dress(const struct mps_exchange *self, int end, const struct mps_ho_request *req,
                  const struct mps_ho_reply *reply)
{
    const int buffer = reply->buffer;
    struct sockaddr_un un;
    socklen_t len = mps_ho_conn_name(self->config->agent_id, reply->conn_id,
                                     (const struct sockaddr *)&req->local,
                                     (const struct sockaddr *)&req->peer, &un);

    /* Beyond the system's limit with privilege, up to it without. */
    if (mps_sys_setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) != 0)
        (void)mps_sys_setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    return len > 0 && mps_sys_bind(end, &un, len) == 0;
}

static enum mps_ho_result hand_over(const struct mps_exchange *self, int fd,
                                    const struct mps_carry *carry, struct mps_ho_reply *reply,
                                    int *ret_end)
{
    enum mps_ho_result result;
    struct mps_ho_request req;
    socklen_t local_len = sizeof(req.local), peer_len = sizeof(req.peer);

    memset(&req, 0, sizeof(req));
    req.op = (uint16_t)self->op;
    req.flags = self->flags;
    if (carry->status_flags >= 0 && carry->status_flags & O_NONBLOCK)
        req.flags |= MPS_HO_NONBLOCK;
    /* Tells the agent which socket is meant, if the number has become another one's. */
    req.conn_id = self->cookie;
    if (self->words_len > MPS_HO_WORDS_MAX ||
        mps_sys_getsockname(fd, &req.local, &local_len) != 0 ||
        mps_sys_getpeername(fd, &req.peer, &peer_len) != 0)
        return MPS_HO_UNSENT;
    if (self->words_len > 0)
        memcpy(req.data, self->words, self->words_len);
    req.len = (uint32_t)self->words_len;
    result = mps_ho_call(self->config, NULL, &req, fd, true, reply, ret_end);
    if (*ret_end >= 0 && !dress(self, *ret_end, &req, reply)) {
        mps_sys_close(*ret_end);
        *ret_end = -1;
    }
    return result;
}

/*
 * An agent that ended half-way may have left SO_LINGER as it needs it: a close would throw away
 * what the program wrote.
 */
static void take_linger_back(const struct mps_carry *carry, int fd)
{
    struct linger linger = {.l_onoff = 0};

    for (size_t i = 0; i < carry->n_options; i++)
        if (carry->option[i].name == SO_LINGER)
            memcpy(&linger, carry->option[i].value, sizeof(linger));
    (void)mps_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/*
 * The agent may have gone away with it: another one. One that is just ending may still listen, and
 * takes nobody any more: the kernel closes its sockets one by one.
 */
static enum mps_ho_result hand_over_surely(const struct mps_exchange *self, int fd,
                                           const struct mps_carry *carry,
                                           struct mps_ho_reply *reply, int *ret_end)
{
    enum mps_ho_result result = hand_over(self, fd, carry, reply, ret_end);
    bool lost = false;

    for (int i = 0; i <= KNOCKS; i++) {
        if (result == MPS_HO_LOST) {
            lost = true;
            take_linger_back(carry, fd);
        }
        if (i == KNOCKS || !lost || (result != MPS_HO_UNSENT && result != MPS_HO_LOST) ||
            !is_intact(fd))
            break;
        if (i > 0)
            (void)mps_sys_poll(NULL, 0, KNOCK_MS);
        result = hand_over(self, fd, carry, reply, ret_end);
    }
    return result;
}

static enum mps_exchange_result replied(struct mps_exchange *self, int fd, int end,
                                        const struct mps_ho_reply *reply,
                                        const struct mps_carry *carry)
{
    self->peer_refuses = reply->status == MPS_HO_OK_PLAIN;
    if (mps_ho_taken(reply))
        return put(self, fd, end, carry);
    self->why = reply->status == MPS_HO_AGAIN_PLAIN ? MPS_PLAIN_KNOWN : MPS_PLAIN_AGENT_REFUSED;
    return MPS_EXCHANGE_PLAIN;
}

enum mps_exchange_result mps_exchange(struct mps_exchange *self, int fd)
{
    struct mps_ho_reply reply;
    struct mps_carry carry;
    enum mps_exchange_result result = MPS_EXCHANGE_PLAIN;
    enum mps_ho_result call;
    int saved = errno, end = -1;

    self->why = MPS_PLAIN_NO_AGENT;
    self->lent = self->peer_refuses = false;
    mps_carry_take(&carry, fd);
    call = hand_over_surely(self, fd, &carry, &reply, &end);
    switch (call) {
    case MPS_HO_REPLIED:
        result = replied(self, fd, end, &reply, &carry);
        break;
    case MPS_HO_WITHDRAWN:
        self->lent = true;
        break;
    case MPS_HO_UNSENT:
        break;
    case MPS_HO_LOST:
        if (!is_intact(fd))
            result = break_off(self, fd);
        break;
    case MPS_HO_GARBLED:
        result = break_off(self, fd);
        break;
    }
    if (end >= 0)
        mps_sys_close(end);
    errno = saved;
    return result;
}
