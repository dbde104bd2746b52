/* SPDX-License-Identifier: MIT */
#include "client.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include "packet.h"
#include "spawn.h"
#include "sys.h"

#define KNOCK_MS   10
#define SILENCE_MS 1000 /* after which a silent agent is asked again by those in a hurry */

/* Another result: the agent closed without having read the request. */
#define TURNED_AWAY ((enum mps_ho_result) - 1)

/* Monotonic time in ms, modulo 2^32, until which the agent counts as silent. */
static atomic_uint silent_until;
static atomic_bool was_silent;

static long long now_ms(void)
{
    struct timespec ts = {0};

    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
    return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * An abstract name may be taken by anybody; the secret and the connections go only to the user who
 * started the tree, to our own user (a server that gave up root started its agent itself) and to
 * root.
 */
static bool agent_is_genuine(int sock, uid_t uid)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    return mps_sys_getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
           (cred.uid == uid || cred.uid == (uid_t)syscall(SYS_geteuid) || cred.uid == 0);
}

/* A connected socket, or -1. It never blocks; the agent's queue may be full for a while. */
static int agent_connect(const char *agent_id, uid_t uid, bool gives, long long deadline)
{
    struct sockaddr_un un;
    socklen_t len = gives ? mps_ho_end_name(agent_id, &un) : mps_ho_agent_name(agent_id, &un);
    int type = gives ? SOCK_STREAM : SOCK_SEQPACKET;
    int sock = mps_sys_socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

    if (sock < 0)
        return -1;
    while ((rc = mps_sys_connect(sock, &un, len)) < 0 && errno == EAGAIN && now_ms() < deadline)
        (void)mps_sys_poll(NULL, 0, 1);
    if (rc == 0 && agent_is_genuine(sock, uid))
        return sock;
    mps_sys_close(sock);
    return -1;
}

/* Is there something to read, or an end, before the time is over? */
static bool await(int sock, long long deadline)
{
    struct pollfd look = {.fd = sock, .events = POLLIN};
    long long left = deadline - now_ms();

    return mps_sys_poll(&look, 1, left > 0 ? (int)left : 0) == 1;
}

static enum mps_ho_result reply_receive(int sock, size_t size, struct mps_ho_reply *ret_reply,
                                        int *ret_fd)
{
    ssize_t n = mps_ho_packet_receive(sock, ret_reply, size, MSG_DONTWAIT, ret_fd);

    if (n < 0 && errno == ECONNRESET)
        return TURNED_AWAY;
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? MPS_HO_WITHDRAWN : MPS_HO_LOST;
    if (mps_ho_reply_check(ret_reply, n) == MPS_HO_REPLY_SOUND)
        return MPS_HO_REPLIED;
    if (*ret_fd >= 0)
        mps_sys_close(*ret_fd);
    *ret_fd = -1;
    /* Nothing at all is the end of the connection; who sends what cannot be understood may hold
     * the descriptor. */
    return n == 0 ? MPS_HO_LOST : MPS_HO_GARBLED;
}

/*
 * The agent hangs up once it has closed its own copy of the descriptor in its reply. Until then
 * that copy would keep the registrations with epoll alive of a program that has closed its own, and
 * the program would get events of a connection that it has forgotten.
 */
static void await_hangup(int sock, long long deadline)
{
    char none;

    while (await(sock, deadline) && mps_sys_recv(sock, &none, sizeof(none), MSG_DONTWAIT) > 0)
        ;
}

/*
 * The agent takes the connection, whose end `sock` is then, or not. The last byte of the request
 * stays unread, so that an agent that goes away resets `sock`; one that turns the connection away
 * closes it in order.
 */
static enum mps_ho_result give(int sock, const struct mps_ho_request *req, int fd,
                               long long deadline, struct mps_ho_reply *ret_reply)
{
    enum mps_ho_result result;
    bool late;
    int none;

    if (mps_ho_packet_send(sock, req, sizeof(*req), 0, fd) != (ssize_t)sizeof(*req))
        return errno == EPIPE || errno == ECONNRESET ? TURNED_AWAY : MPS_HO_UNSENT;
    late = !await(sock, deadline);
    if (late) /* from here on no reply can be sent; one that was sent before is there */
        (void)mps_sys_shutdown(sock, SHUT_RDWR);
    result = reply_receive(sock, MPS_HO_HEAD_LEN, ret_reply, &none);
    if (result == TURNED_AWAY)
        return MPS_HO_LOST;
    if (result == MPS_HO_LOST)
        return late ? MPS_HO_WITHDRAWN : TURNED_AWAY;
    return late && result == MPS_HO_REPLIED && mps_ho_taken(ret_reply) ? MPS_HO_GARBLED : result;
}

static enum mps_ho_result exchange(int sock, const struct mps_ho_request *req, int fd,
                                   long long deadline, struct mps_ho_reply *ret_reply, int *ret_fd)
{
    /* Keep a number free for the descriptor in the reply: at the limit the kernel would drop it,
     * and the connection with it. */
    int reserve = mps_sys_fcntl(sock, F_DUPFD_CLOEXEC, 0);
    enum mps_ho_result result;

    if (reserve < 0)
        return MPS_HO_UNSENT;
    if (mps_ho_packet_send(sock, req, sizeof(*req), 0, fd) != (ssize_t)sizeof(*req)) {
        result = errno == EPIPE || errno == ECONNRESET ? TURNED_AWAY : MPS_HO_UNSENT;
        mps_sys_close(reserve);
        return result;
    }
    mps_sys_close(reserve);
    if (!await(sock, deadline)) {
        /* From here on no reply can be sent; one that was sent before is there. */
        (void)mps_sys_shutdown(sock, SHUT_RDWR);
        result = reply_receive(sock, sizeof(*ret_reply), ret_reply, ret_fd);
        return result == MPS_HO_LOST ? MPS_HO_WITHDRAWN : result;
    }
    result = reply_receive(sock, sizeof(*ret_reply), ret_reply, ret_fd);
    if (*ret_fd >= 0)
        await_hangup(sock, deadline);
    return result;
}

static bool is_silent(long long now)
{
    unsigned until = atomic_load_explicit(&silent_until, memory_order_relaxed);

    return atomic_load_explicit(&was_silent, memory_order_relaxed) &&
           until - (unsigned)now - 1 < SILENCE_MS;
}

static void remember_silence(long long now)
{
    atomic_store_explicit(&silent_until, (unsigned)now + SILENCE_MS, memory_order_relaxed);
    atomic_store_explicit(&was_silent, true, memory_order_relaxed);
}

/* In the time that is left. */
static enum mps_ho_result attempt(const struct mps_ho_config *cfg, const char *id,
                                  struct mps_ho_request *req, int fd, bool spawn,
                                  long long deadline, struct mps_ho_reply *ret_reply, int *ret_fd)
{
    const bool gives = mps_ho_hands_over(req->op);
    enum mps_ho_result result;
    int sock = agent_connect(id, cfg->uid, gives, deadline);

    if (sock < 0 && spawn && memcmp(id, cfg->agent_id, MPS_HO_ID_LEN) == 0 &&
        mps_ho_spawn(cfg, (int)(deadline - now_ms())))
        sock = agent_connect(id, cfg->uid, gives, deadline);
    if (sock < 0)
        return MPS_HO_UNSENT;
    req->magic = MPS_HO_MAGIC;
    req->version = MPS_HO_VERSION;
    memcpy(req->secret, cfg->secret, sizeof(req->secret));
    result = gives ? give(sock, req, fd, deadline, ret_reply)
                   : exchange(sock, req, fd, deadline, ret_reply, ret_fd);
    if (gives && result == MPS_HO_REPLIED && mps_ho_taken(ret_reply))
        *ret_fd = sock;
    else
        mps_sys_close(sock);
    return result;
}

/* Does the agent lack descriptors? */
static bool is_full(enum mps_ho_result result, const struct mps_ho_reply *reply)
{
    return result == TURNED_AWAY ||
           (result == MPS_HO_REPLIED && reply->status == MPS_HO_ERROR && reply->error == EMFILE);
}

enum mps_ho_result mps_ho_call(const struct mps_ho_config *cfg, const char *agent_id,
                               struct mps_ho_request *req, int fd, bool spawn,
                               struct mps_ho_reply *ret_reply, int *ret_fd)
{
    const bool hurry = (req->flags & MPS_HO_NONBLOCK) != 0;
    const long long start = now_ms(), bound = hurry ? MPS_HO_SHORT_MS : MPS_HO_PATIENT_MS;
    const bool block = !mps_ho_hands_over(req->op);
    int saved = errno;
    mps_sys_sigset_t mask = 0;
    enum mps_ho_result result;

    *ret_fd = -1;
    if (hurry && is_silent(start))
        return MPS_HO_UNSENT;
    if (block)
        mask = mps_sys_block();
    for (;;) {
        result = attempt(cfg, agent_id ? agent_id : cfg->agent_id, req, fd, spawn, start + bound,
                         ret_reply, ret_fd);
        if (req->op != MPS_HO_ACCEPTED || !is_full(result, ret_reply) ||
            now_ms() + KNOCK_MS >= start + bound)
            break;
        (void)mps_sys_poll(NULL, 0, KNOCK_MS);
    }
    if (result == TURNED_AWAY)
        result = MPS_HO_UNSENT;
    if (hurry && result != MPS_HO_REPLIED && now_ms() + KNOCK_MS >= start + bound)
        remember_silence(now_ms());
    if (block)
        mps_sys_unblock(mask);
    errno = saved;
    return result;
}
