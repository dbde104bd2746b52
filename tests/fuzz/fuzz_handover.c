/* SPDX-License-Identifier: MIT */
/*
 * What programs say to their agent: a stream of packets on the control socket of a whole hub, right
 * and wrong, with descriptors of all kinds, while the connections that came of it run. Afterwards
 * no client and no descriptor is left.
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "check.h"
#include "config/options.h"
#include "engine/agent/control.h"
#include "engine/agent/hub.h"
#include "engine/connection/session.h"
#include "engine/net/crypto_openssl.h"
#include "handover/message.h"
#include "handover/names.h"
#include "handover/packet.h"

#define OPS_MAX     24
#define CLIENTS_MAX 8
#define KEPT_MAX    32

struct input {
    const uint8_t *p;
    size_t n;
};

struct world {
    struct ev_loop *loop;
    struct mps_hub hub;
    struct mps_control control;
    uint8_t secret[MPS_HO_SECRET_LEN];
    int clients[CLIENTS_MAX]; /* connections to the agent, -1: none */
    bool gives[CLIENTS_MAX];  /* of those that hand a connection over */
    bool is_end[CLIENTS_MAX]; /* and were taken: data from here on */
    int kept[KEPT_MAX];       /* other ends of descriptors, and what came back */
    unsigned n_kept;
};

static uint8_t byte(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static void leave(void *user)
{
    CHECK(!"only the first process may say so");
}

static void set_up(struct world *w)
{
    char id[MPS_HO_ID_LEN + 1];
    struct mps_options options;

    signal(SIGPIPE, SIG_IGN);
    mps_options_init(&options);
    options.threads = 1;
    options.conn.no_subflow_timeout = MPS_SEC;
    CHECK(mps_options_parse(&options, "local=127.0.0.1,127.0.0.2", 25, NULL) == 0);
    snprintf(id, sizeof(id), "%016lx", (unsigned long)getpid() | 0xf0220000ul << 16);
    memset(w->secret, 7, sizeof(w->secret));
    (void)mps_openssl_warm_up();
    w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    CHECK(w->loop);
    CHECK(mps_hub_init(&w->hub, w->loop, id, &options, NULL) == 0);
    w->hub.leave = leave;
    CHECK(mps_control_init(&w->control, &w->hub, w->secret) == 0);
}

static void turn(struct world *w)
{
    ev_run(w->loop, EVRUN_NOWAIT);
}

/* ---- descriptors ---- */

static void keep(struct world *w, int fd)
{
    if (fd < 0)
        return;
    if (w->n_kept == KEPT_MAX)
        close(fd);
    else
        w->kept[w->n_kept++] = fd;
}

static int tcp_listener(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0);
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, 8) < 0) {
        close(fd); /* the ports are used up */
        return -1;
    }
    return fd;
}

/* One end of a connection; the other one says `text`, or stays silent. */
static int tcp_end(struct world *w, bool accepted, const char *text)
{
    const struct linger reset = {.l_onoff = 1}; /* leaves no port behind */
    struct sockaddr_in in;
    socklen_t len = sizeof(in);
    int listener = tcp_listener(), fds[2];

    if (listener < 0)
        return -1;
    CHECK(getsockname(listener, (struct sockaddr *)&in, &len) == 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fds[0] >= 0);
    if (connect(fds[0], (struct sockaddr *)&in, sizeof(in)) < 0) {
        close(fds[0]);
        close(listener);
        return -1;
    }
    CHECK(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(fds[1] >= 0);
    close(listener);
    CHECK(send(fds[!accepted ? 1 : 0], text, strlen(text), MSG_NOSIGNAL) >= 0);
    keep(w, fds[accepted ? 0 : 1]);
    return fds[accepted ? 1 : 0];
}

static int pair_end(struct world *w, int type)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0);
    keep(w, fds[1]);
    return fds[0];
}

static int descriptor(struct world *w, uint8_t kind)
{
    switch (kind % 10) {
    case 0:
    case 1:
        return tcp_end(w, kind & 0x10, kind & 0x20 ? "plain" : "");
    case 2:
        return tcp_listener();
    case 3:
        return pair_end(w, SOCK_SEQPACKET);
    case 4:
        return pair_end(w, SOCK_STREAM);
    case 5:
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 6:
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 7:
        return socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    default:
        return -1;
    }
}

/* ---- what a client does ---- */

static int dial(struct world *w, bool gives)
{
    struct sockaddr_un un;
    socklen_t len =
        gives ? mps_ho_end_name(w->hub.agent_id, &un) : mps_ho_agent_name(w->hub.agent_id, &un);
    int type = gives ? SOCK_STREAM : SOCK_SEQPACKET;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&un, len) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Of a connection that there is, or of none. */
static uint64_t some_id(const struct world *w, uint8_t which)
{
    const struct mps_engine *eng = &w->hub.workers[0].engine;
    const struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link) {
        if ((which & 7) == 0)
            return s->ac.id;
        which--;
    }
    return which & 0x80 ? which : 0;
}

static void fill(const struct world *w, struct mps_ho_request *req, struct input *in)
{
    static const int32_t levels[] = {SOL_SOCKET,   IPPROTO_TCP, IPPROTO_IP,
                                     IPPROTO_IPV6, 284,         MPS_HO_LEVEL_IOCTL};
    uint8_t op = byte(in), level;
    size_t n;

    *req = (struct mps_ho_request){.magic = MPS_HO_MAGIC, .version = MPS_HO_VERSION, .op = op % 26};
    memcpy(req->secret, w->secret, sizeof(req->secret));
    req->flags = byte(in);
    level = byte(in);
    req->level = level % 8 < 6 ? levels[level % 8] : level;
    /* Numbers from 64 on are those of the packet filters, which are the whole host's. */
    req->name = level % 8 == 5 ? 0x5411 + byte(in) % 64 : byte(in) % 64;
    req->conn_id = op & 0x40 ? some_id(w, byte(in)) : 0;
    n = byte(in);
    req->len = n < 0xf0 ? (uint32_t)n : (uint32_t)(n << 4);
    if (n > in->n)
        n = in->n;
    memcpy(req->data, in->p, n);
    in->p += n;
    in->n -= n;
}

/* `wrong`: at the other name of the agent than the request belongs to. */
static void op_request(struct world *w, unsigned which, bool wrong, struct input *in)
{
    int *client = &w->clients[which];
    struct mps_ho_request req;
    uint8_t how = byte(in), kind = byte(in);
    size_t len = sizeof(req);
    int fd;

    fill(w, &req, in);
    if (how & 0x80)
        ((uint8_t *)&req)[byte(in) % 24] ^= byte(in);
    if (how & 0x40)
        len = byte(in) * 6u;
    if (*client < 0) {
        w->gives[which] = mps_ho_hands_over(req.op) != wrong;
        w->is_end[which] = false;
        *client = dial(w, w->gives[which]);
    }
    if (*client < 0)
        return;
    fd = descriptor(w, kind);
    (void)mps_ho_packet_send(*client, &req, len < sizeof(req) ? len : sizeof(req), MSG_DONTWAIT,
                             fd);
    if (fd >= 0)
        close(fd);
}

static void op_receive(struct world *w, unsigned which)
{
    int client = w->clients[which];
    size_t size = w->gives[which] ? MPS_HO_HEAD_LEN : sizeof(struct mps_ho_reply);
    struct mps_ho_reply reply;
    int fd = -1;
    ssize_t n;

    if (w->is_end[which]) {
        (void)send(client, "data", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)recv(client, &reply, sizeof(reply), MSG_DONTWAIT);
        return;
    }
    n = mps_ho_packet_receive(client, &reply, size, MSG_DONTWAIT, &fd);
    if (n > 0)
        CHECK(mps_ho_reply_check(&reply, n) == MPS_HO_REPLY_SOUND);
    w->is_end[which] = n > 0 && w->gives[which];
    keep(w, fd);
}

static void run_op(struct world *w, struct input *in)
{
    uint8_t code = byte(in);
    unsigned which = code >> 4 & 7;
    int *client = &w->clients[which];

    switch (code & 7) {
    case 0:
    case 1:
    case 2:
        op_request(w, which, code & 8, in);
        break;
    case 3:
        if (*client >= 0)
            op_receive(w, which);
        break;
    case 4:
        if (*client >= 0)
            close(*client);
        *client = -1;
        break;
    case 5:
        if (w->n_kept > 0)
            close(w->kept[--w->n_kept]);
        break;
    default:
        turn(w);
        break;
    }
}

/* ---- the end ---- */

static void hang_up(struct world *w)
{
    struct mps_engine *eng = &w->hub.workers[0].engine;

    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        if (w->clients[i] >= 0)
            close(w->clients[i]);
        w->clients[i] = -1;
    }
    while (w->n_kept > 0)
        close(w->kept[--w->n_kept]);
    for (unsigned i = 0; i < 8; i++)
        turn(w);
    CHECK(w->control.n_clients == 0);
    while (eng->n_sessions > 0)
        mps_session_free(mps_list_entry(eng->sessions.next, struct mps_session, link));
    mps_linger_deinit(&eng->linger);
    mps_steer_recheck(&w->hub.steer);
    turn(w);
    turn(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct world world;
    struct input in = {data, len};

    if (!world.loop) {
        set_up(&world);
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
            world.clients[i] = -1;
    }
    for (unsigned i = 0; i < OPS_MAX && in.n > 0; i++)
        run_op(&world, &in);
    hang_up(&world);
    return 0;
}
