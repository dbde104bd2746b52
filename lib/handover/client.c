/* SPDX-License-Identifier: MIT */
#include "client.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
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

/* False if the time is over. */
static bool set_timeout(int sock, int option, long long deadline)
{
    long long left = deadline - now_ms();
    struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};

    return left > 0 && mps_sys_setsockopt(sock, SOL_SOCKET, option, &tv, sizeof(tv)) == 0;
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

/* A connected socket, or -1. */
static int agent_connect(const char *agent_id, uid_t uid, long long deadline)
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_agent_name(agent_id, &un);
    int sock = mps_sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int rc;

    if (sock < 0)
        return -1;
    if (!set_timeout(sock, SO_SNDTIMEO, deadline))
        goto fail;
    do {
        rc = mps_sys_connect(sock, &un, len);
    } while (rc < 0 && errno == EINTR);
    if (rc == 0 && set_timeout(sock, SO_RCVTIMEO, deadline) && agent_is_genuine(sock, uid))
        return sock;
fail:
    mps_sys_close(sock);
    return -1;
}

static enum mps_ho_result reply_receive(int sock, int flags, struct mps_ho_reply *ret_reply,
                                        int *ret_fd)
{
    ssize_t n = mps_ho_packet_receive(sock, ret_reply, sizeof(*ret_reply), flags, ret_fd);

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
static void await_hangup(int sock)
{
    char none;
    ssize_t n;

    do {
        n = mps_sys_recv(sock, &none, sizeof(none), 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
}

static enum mps_ho_result exchange(int sock, struct mps_ho_request *req, int fd, long long deadline,
                                   struct mps_ho_reply *ret_reply, int *ret_fd)
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
    result = reply_receive(sock, 0, ret_reply, ret_fd);
    if (result == MPS_HO_WITHDRAWN) {
        /* From here on no reply can be sent; one that was sent before is there. */
        (void)mps_sys_shutdown(sock, SHUT_RDWR);
        result = reply_receive(sock, MSG_DONTWAIT, ret_reply, ret_fd);
        return result == MPS_HO_LOST ? MPS_HO_WITHDRAWN : result;
    }
    if (*ret_fd >= 0 && set_timeout(sock, SO_RCVTIMEO, deadline))
        await_hangup(sock);
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
    enum mps_ho_result result;
    int sock = agent_connect(id, cfg->uid, deadline);

    if (sock < 0 && spawn && memcmp(id, cfg->agent_id, MPS_HO_ID_LEN) == 0 &&
        mps_ho_spawn(cfg, (int)(deadline - now_ms())))
        sock = agent_connect(id, cfg->uid, deadline);
    if (sock < 0)
        return MPS_HO_UNSENT;
    req->magic = MPS_HO_MAGIC;
    req->version = MPS_HO_VERSION;
    memcpy(req->secret, cfg->secret, sizeof(req->secret));
    result = exchange(sock, req, fd, deadline, ret_reply, ret_fd);
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
    int saved = errno;
    mps_sys_sigset_t mask;
    enum mps_ho_result result;

    *ret_fd = -1;
    if (hurry && is_silent(start))
        return MPS_HO_UNSENT;
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
    mps_sys_unblock(mask);
    errno = saved;
    return result;
}
