/* SPDX-License-Identifier: MIT */
/*
 * Peers that speak the protocol well, for a bad purpose.
 *
 *   impostor names ADDRESS PORT SECONDS VICTIM...   a server that tells its one client, again and
 *                                                   again, that it can be reached at a victim's
 *                                                   address, each time at another port
 *   impostor joins ADDRESS PORT TOKEN SECONDS       somebody who has seen a token asks for joins,
 *                                                   holds those that are answered and never confirms
 *
 * Both print what they did as a line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/constants.h"
#include "core/conn/conn.h"
#include "engine/net/crypto_openssl.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "stream.h"

#define VICTIMS  16
#define NAMES    250 /* identifiers that a connection has, and some to spare */
#define PAUSE_MS 10
#define HELD     512

static mps_time_t now(void)
{
    return (mps_time_t)(stream_now() * 1e9);
}

static struct mps_addr address(const char *text, uint16_t port)
{
    struct mps_addr a = {.family = MPS_AF_INET, .port = port};

    if (inet_pton(AF_INET, text, a.ip) != 1)
        exit(2);
    return a;
}

static struct sockaddr_in socket_address(const char *text, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
        exit(2);
    return a;
}

/* One opening message of the peer; false: none came. */
static bool read_opening(int fd, struct mps_opening *ret)
{
    struct timeval wait = {.tv_sec = 5};
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t have = 0, used;
    int rc = MPS_OPENING_MORE;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    while (rc == MPS_OPENING_MORE && have < sizeof(buf)) {
        if (recv(fd, buf + have, 1, 0) <= 0)
            return false;
        rc = mps_opening_parse(buf, ++have, ret, &used);
    }
    return rc == 0;
}

/* ---- names ---- */

static void *zeroed(void *user, size_t size)
{
    return calloc(1, size);
}

static void release(void *user, void *p)
{
    free(p);
}

static const struct mps_mem memory = {.alloc = zeroed, .free = release};

struct server {
    int fd;
    struct mps_conn *conn;
    struct mps_subflow *sf; /* NULL: closed */
    unsigned named;
};

static void drain_events(struct server *s)
{
    struct mps_event ev;

    while (mps_conn_next_event(s->conn, &ev) > 0) {
        if (ev.type != MPS_EV_SUBFLOW_CLOSE)
            continue;
        mps_subflow_release(ev.subflow);
        s->sf = NULL;
    }
}

static void receive(struct server *s)
{
    struct mps_span spans[2];
    ssize_t n = 1;

    while (s->sf && n > 0 && mps_subflow_rx_spans(s->sf, spans) > 0) {
        n = recv(s->fd, spans[0].p, spans[0].n, MSG_DONTWAIT);
        if (n > 0)
            mps_subflow_rx_done(s->sf, (size_t)n, now());
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            mps_subflow_down(s->sf, n == 0, MPS_REASON_UNSPECIFIED, now());
        drain_events(s);
    }
}

static void transmit(struct server *s)
{
    struct mps_span spans[1];

    while (s->sf && mps_subflow_tx_spans(s->sf, spans, 1) > 0) {
        ssize_t n = send(s->fd, spans[0].p, spans[0].n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n <= 0)
            return;
        mps_subflow_tx_done(s->sf, (size_t)n, now());
        drain_events(s);
    }
}

/* What the client sends is thrown away. */
static void consume(struct server *s)
{
    struct mps_span spans[4];
    unsigned n = mps_conn_app_rx_spans(s->conn, spans, 4);
    size_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += spans[i].n;
    if (sum > 0)
        mps_conn_app_rx_done(s->conn, sum, now());
}

/* The victim in turn, at a port that was not named before; withdrawn before the next one. */
static void name_next(struct server *s, char **victims, int n_victims)
{
    static struct mps_addr last = {.family = MPS_AF_NONE};

    if (last.family != MPS_AF_NONE)
        mps_conn_local_remove(s->conn, &last, now());
    last.family = MPS_AF_NONE;
    if (s->named >= NAMES)
        return;
    last = address(victims[s->named % (unsigned)n_victims], (uint16_t)(1000 + s->named));
    s->named++;
    mps_conn_local_add(s->conn, &last, 0, false, true, now());
}

static void serve(struct server *s, double seconds, char **victims, int n_victims)
{
    double start = stream_now(), next = start;

    while (s->sf && stream_now() - start < seconds) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};

        (void)poll(&p, 1, PAUSE_MS);
        receive(s);
        consume(s);
        if (mps_conn_deadline(s->conn) <= now())
            mps_conn_expire(s->conn, now());
        if (s->sf && stream_now() >= next) {
            name_next(s, victims, n_victims);
            next += seconds / NAMES / 2;
        }
        mps_conn_push(s->conn, now());
        drain_events(s);
        transmit(s);
    }
}

static int names(const char *host, const char *port, double seconds, char **victims, int n_victims)
{
    static struct mps_openssl ssl;
    struct mps_env env = {.mem = &memory, .crypto = &ssl.crypto};
    struct sockaddr_in at = socket_address(host, port), from;
    socklen_t len = sizeof(from);
    struct mps_addr local = address(host, ntohs(at.sin_port)), remote = local;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct server s = {.fd = -1};
    struct mps_opening hello;
    struct mps_config cfg;

    mps_openssl_init(&ssl);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (mps_marks_prepare_listen(listener) < 0 ||
        bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0)
        return 3;
    s.fd = accept(listener, (struct sockaddr *)&from, &len);
    if (s.fd < 0 || !read_opening(s.fd, &hello) || hello.kind != MPS_OPENING_HELLO)
        return 3;
    memcpy(remote.ip, &from.sin_addr, 4);
    remote.port = ntohs(from.sin_port);
    mps_config_init(&cfg);
    if (mps_conn_new_server(&s.conn, &env, &cfg, &hello, now()) < 0 ||
        mps_conn_first_subflow(s.conn, &local, &remote, now(), &s.sf) < 0)
        return 3;
    serve(&s, seconds, victims, n_victims);
    printf("{\"named\": %u, \"alive\": %s}\n", s.named, s.sf ? "true" : "false");
    mps_conn_free(s.conn);
    mps_openssl_deinit(&ssl);
    return 0;
}

/* ---- joins ---- */

static int ask_for_join(const struct sockaddr_in *to, uint32_t token, uint32_t id)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t n;

    msg.join.token = token;
    msg.join.subflow_id = id;
    msg.join.addr_id = 1;
    memset(msg.join.nonce, (int)id, sizeof(msg.join.nonce));
    n = mps_opening_encode(&msg, buf);
    if (fd < 0 || mps_marks_prepare_join(fd, MPS_MARK_JOIN, 0) != 0 ||
        connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
        send(fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n) {
        close(fd);
        return -1;
    }
    return fd;
}

static int joins(const char *host, const char *port, const char *token, double seconds)
{
    struct sockaddr_in to = socket_address(host, port);
    unsigned replies = 0, others = 0;
    double start = stream_now();
    int held[HELD];

    for (size_t i = 0; i < HELD; i++)
        held[i] = -1;
    for (uint32_t id = 1000; stream_now() - start < seconds; id += 2) {
        int fd = ask_for_join(&to, (uint32_t)strtoul(token, NULL, 16), id);
        struct mps_opening msg;

        if (fd >= 0 && read_opening(fd, &msg) && msg.kind == MPS_OPENING_JOIN_REPLY)
            replies++;
        else
            others++;
        if (replies + others == 20) {
            printf("under way\n");
            fflush(stdout);
        }
        if (held[id / 2 % HELD] >= 0)
            close(held[id / 2 % HELD]);
        held[id / 2 % HELD] = fd;
        usleep(10000); /* its rate: 100 joins each second at most */
    }
    printf("{\"replies\": %u, \"others\": %u}\n", replies, others);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc > 5 && argc <= 5 + VICTIMS && strcmp(argv[1], "names") == 0)
        return names(argv[2], argv[3], strtod(argv[4], NULL), argv + 5, argc - 5);
    if (argc == 6 && strcmp(argv[1], "joins") == 0)
        return joins(argv[2], argv[3], argv[4], strtod(argv[5], NULL));
    fprintf(stderr, "usage: impostor names ADDRESS PORT SECONDS VICTIM... | "
                    "impostor joins ADDRESS PORT TOKEN SECONDS\n");
    return 2;
}
