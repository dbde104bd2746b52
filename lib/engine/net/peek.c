/* SPDX-License-Identifier: MIT */
#include "peek.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"
#include "sock.h"

/* Of a recv that failed. Only EAGAIN says that there are none. */
static int no_bytes(int err)
{
    if (err == EINTR || mps_sock_is_lack(err))
        return MPS_PEEK_LACK;
    return mps_sock_would_block(err) ? MPS_OPENING_MORE : MPS_ESYS;
}

static int classify(int fd, struct mps_opening *ret, size_t *ret_have)
{
    uint8_t buf[MPS_OPENING_MAX_LEN];
    ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
    size_t len = 0;
    int rc;

    *ret_have = n > 0 ? (size_t)n : 0;
    if (n == 0)
        return MPS_PEEK_EOF;
    if (n < 0)
        return no_bytes(errno);
    rc = mps_opening_parse(buf, (size_t)n, ret, &len);
    if (rc != 0)
        return rc;
    n = recv(fd, buf, len, MSG_DONTWAIT);
    if (n < 0 && no_bytes(errno) == MPS_PEEK_LACK)
        return MPS_PEEK_LACK;
    return n == (ssize_t)len ? 0 : MPS_ESYS;
}

int mps_peek_opening(int fd, struct mps_opening *ret, size_t *ret_have)
{
    int rc = classify(fd, ret, ret_have);

    /* A subflow sets it by itself. */
    if (rc != MPS_OPENING_MORE && rc != MPS_PEEK_LACK && rc != 0)
        mps_sock_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
    if (rc != MPS_OPENING_MORE)
        return rc;
    mps_sock_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, (int)*ret_have + 1);
    /* An end is seen by the look itself where no bytes are ahead of it. */
    if (*ret_have == 0 || !mps_sock_is_eof(fd))
        return MPS_OPENING_MORE;
    /* More bytes may have come since the look, before the end: they can be a whole message. */
    rc = classify(fd, ret, ret_have);
    if (rc == MPS_OPENING_MORE)
        rc = *ret_have < MPS_OPENING_MAGIC_LEN ? MPS_PEEK_EOF : MPS_EPROTO;
    if (rc != 0)
        mps_sock_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
    return rc;
}

void mps_peek_give_up(int fd)
{
    mps_sock_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
}

bool mps_peek_say_refuse(int fd, enum mps_reason reason)
{
    struct mps_opening msg = {.kind = MPS_OPENING_REFUSE, .reason = (uint8_t)reason};
    uint8_t out[MPS_OPENING_MAX_LEN];
    size_t len = mps_opening_encode(&msg, out);

    return send(fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void mps_peek_turn_away(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct mps_opening msg;
    size_t have;

    if (classify(fd, &msg, &have) != 0 || msg.kind != MPS_OPENING_HELLO)
        return;
    (void)mps_peek_say_refuse(fd, MPS_REASON_RESOURCES);
    /* Whoever else has the socket reads nothing of what followed HELLO. */
    (void)connect(fd, &none, sizeof(none));
}

void mps_peek_refuse(int fd, enum mps_reason reason)
{
    if (!mps_peek_say_refuse(fd, reason)) {
        mps_sock_reset(fd);
        return;
    }
    shutdown(fd, SHUT_WR);
    close(fd);
}
