/* SPDX-License-Identifier: MIT */
/*
 * Hostile peers that make an agent hold memory, as many as are wanted.
 *
 *   holders ADDRESS PORT N withhold [BYTES]  the protocol, with as much as the credit allows, but for
 *                                            the first byte: the agent can pass nothing on
 *   holders ADDRESS PORT N plain [BYTES]     a client's mark, then other bytes than HELLO
 *
 * At most BYTES on each connection. When all have sent what they can, a line of JSON says how many
 * are there, how many the other side refused, and how many bytes it took. They are held until the
 * process is killed, ten minutes at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/conn/state.h"
#include "engine/net/crypto_openssl.h"
#include "engine/net/sock.h"
#include "handover/marks.h"
#include "stream.h"

#define PATIENCE  0.5 /* seconds without any progress */
#define LIFE      600
#define AT_A_TIME 64u /* connections that are being filled */

struct holder {
    int fd;
    struct mps_conn *conn;
    struct mps_subflow *sf;
    uint64_t sent;
    bool refused, done;
    double moved_at;
};

static struct sockaddr_storage target;
static socklen_t target_len;
static bool withhold;
static uint64_t most = 1 << 20;

static mps_time_t now_ns(void)
{
    return (mps_time_t)(stream_now() * 1e9);
}

static void *zeroed(void *user, size_t size)
{
    return calloc(1, size);
}

static void release(void *user, void *p)
{
    free(p);
}

static const struct mps_mem mem = {.alloc = zeroed, .free = release};
static struct mps_openssl ssl;
static const struct mps_env env = {.mem = &mem, .crypto = &ssl.crypto};

/* As if the first byte had been sent and had arrived. */
static void skip_first(struct mps_conn *c)
{
    c->tx.sendq.base = c->tx.sendq.head = c->tx.sendq.tail = 1;
    c->tx.rtxq.head = c->tx.rtxq.tail = 1;
    c->tx.acked = 1;
}

static bool begin_protocol(struct holder *h)
{
    struct sockaddr_storage l, r;
    struct mps_addr local, remote;
    struct mps_config cfg;

    if (mps_sock_names(h->fd, &l, &r) < 0)
        return false;
    mps_sock_to_addr(&l, &local);
    mps_sock_to_addr(&r, &remote);
    mps_config_init(&cfg);
    if (mps_conn_new_client(&h->conn, &env, &cfg, now_ns()) < 0)
        return false;
    skip_first(h->conn);
    return mps_conn_first_subflow(h->conn, &local, &remote, now_ns(), &h->sf) == 0;
}

static bool begin(struct holder *h)
{
    *h = (struct holder){.fd = socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (h->fd < 0 || mps_marks_prepare_connect(h->fd, NULL) != 0)
        return false;
    if (connect(h->fd, (struct sockaddr *)&target, target_len) < 0) {
        return false;
    }
    if (fcntl(h->fd, F_SETFL, O_NONBLOCK) < 0)
        return false;
    h->moved_at = stream_now();
    return !withhold || begin_protocol(h);
}

/* ---- with the protocol ---- */

static void read_protocol(struct holder *h)
{
    struct mps_span spans[2];
    struct mps_event ev;
    ssize_t n;

    while (!h->refused && mps_subflow_rx_spans(h->sf, spans) > 0) {
        n = recv(h->fd, spans[0].p, spans[0].n, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            break;
        h->refused = n <= 0 || mps_subflow_rx_done(h->sf, (size_t)n, now_ns()) < 0;
    }
    while (mps_conn_next_event(h->conn, &ev) > 0) {
        if (ev.type == MPS_EV_PLAIN || ev.type == MPS_EV_RESET || ev.type == MPS_EV_CLOSED)
            h->refused = true;
    }
}

static void write_protocol(struct holder *h)
{
    struct mps_metrics m;
    struct mps_span span, spans[8];
    unsigned n;

    while (h->sent < most && mps_conn_app_tx_space(h->conn, &span) == 0 && span.n > 0) {
        mps_conn_app_tx_done(h->conn, span.n, now_ns());
        h->sent += span.n;
    }
    if (mps_sock_metrics(h->fd, &m))
        mps_subflow_update(h->sf, &m, now_ns());
    mps_conn_push(h->conn, now_ns());
    while ((n = mps_subflow_tx_spans(h->sf, spans, 8)) > 0) {
        ssize_t sent = mps_sock_writev(h->fd, spans, n);

        if (sent <= 0) {
            h->refused = sent < 0 && errno != EAGAIN;
            break;
        }
        h->moved_at = stream_now();
        mps_subflow_tx_done(h->sf, (size_t)sent, now_ns());
    }
}

static void step_protocol(struct holder *h)
{
    struct mps_conn_info info;
    uint64_t under_way;

    read_protocol(h);
    if (!h->refused)
        write_protocol(h);
    mps_conn_info(h->conn, &info);
    under_way = info.bytes_sent;
    /* Everything that the credit allows is on its way. */
    h->done = h->refused || (under_way > 1 && (info.credit_left < 4096 || under_way >= most));
    if (h->done)
        h->sent = under_way;
}

/* ---- without ---- */

static void step_plain(struct holder *h)
{
    char byte;
    ssize_t n = send(h->fd, stream_at(0), STREAM_BLOCK, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0) {
        h->sent += (uint64_t)n;
        h->moved_at = stream_now();
    }
    if (n < 0 && errno != EAGAIN)
        h->refused = true;
    n = recv(h->fd, &byte, 1, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        h->refused = true;
    h->done = h->refused || h->sent >= most;
}

/* Some of them are filled at a time, in their order. */
static void fill(struct holder *all, unsigned n)
{
    unsigned first = 0, begun = 0;

    while (first < n) {
        bool moved = false;

        for (; begun < n && begun < first + AT_A_TIME; begun++)
            all[begun].refused = all[begun].done = !begin(&all[begun]);
        for (unsigned i = first; i < begun; i++) {
            struct holder *h = &all[i];
            double before = h->moved_at;

            if (h->done)
                continue;
            if (withhold)
                step_protocol(h);
            else
                step_plain(h);
            moved |= h->moved_at > before || h->done;
            h->done |= stream_now() - h->moved_at > PATIENCE;
        }
        while (first < begun && all[first].done)
            first++;
        if (!moved)
            poll(NULL, 0, 1);
    }
}

static void report(const struct holder *all, unsigned n)
{
    unsigned refused = 0;
    uint64_t sent = 0;

    for (unsigned i = 0; i < n; i++) {
        refused += all[i].refused;
        sent += all[i].refused ? 0 : all[i].sent;
    }
    printf("{\"held\":%u,\"refused\":%u,\"bytes\":%llu}\n", n - refused, refused,
           (unsigned long long)sent);
    fflush(stdout);
}

static void set_target(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *info;

    if (getaddrinfo(address, port, &hints, &info) != 0)
        exit(2);
    memcpy(&target, info->ai_addr, info->ai_addrlen);
    target_len = info->ai_addrlen;
    freeaddrinfo(info);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct holder *all;
    unsigned n;

    if (argc < 5 || (strcmp(argv[4], "withhold") != 0 && strcmp(argv[4], "plain") != 0)) {
        fprintf(stderr, "usage: holders ADDRESS PORT N withhold|plain [BYTES]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(LIFE);
    mps_openssl_init(&ssl);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    set_target(argv[1], argv[2]);
    n = (unsigned)strtoul(argv[3], NULL, 10);
    withhold = strcmp(argv[4], "withhold") == 0;
    if (argc > 5)
        most = strtoull(argv[5], NULL, 10);
    all = calloc(n, sizeof(*all));
    if (!all)
        return 3;
    fill(all, n);
    report(all, n);
    pause();
    return 0;
}
