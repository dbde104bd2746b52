/* SPDX-License-Identifier: MIT */
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "agents.h"
#include "handover/config.h"
#include "handover/counts.h"
#include "handover/sys.h"
#include "launcher.h"
#include "member.h"

#define CONNECT_MS 5000  /* for each address of the peer */
#define AGENT_MS   5000  /* until the agent listens, which the launcher has started just now */
#define ANSWER_MS  12000 /* longer than an agent waits for the answer of a peer */
#define JOINS_MS   15000 /* longer than an agent waits for a join */
#define QUIET_MS   1000  /* without news, and a few round trips besides: no more joins come */
#define STEP_MS    50
#define END_MS     2000 /* for the end in order */
#define THROWN_MAX (1 << 20)

#define TIMESTAMPS_LEN 12 /* bytes of each segment */

struct attempt {
    struct mps_probe *probe;
    char agent[MPS_HO_ID_LEN + 1];
    int events, fd;
    long news_at; /* of the connection */
    size_t n_alive, n_settled;
};

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void rest(void)
{
    poll(NULL, 0, STEP_MS);
}

/* ---- the agent ---- */

/* What it answers, NULL if it does not; the caller's. */
static struct json_object *ask(const struct attempt *a, enum mps_ho_op op)
{
    struct mps_agents *agents = mps_agents_ask(op, NULL, a->agent);
    struct json_object *all = agents ? mps_agents_json(agents) : NULL;

    if (all && mps_agents_count(agents, MPS_AGENT_OK) == 0) {
        json_object_put(all);
        all = NULL;
    }
    mps_agents_free(agents);
    return all;
}

/* Its events come from here on. 0 or an exit code. */
static int watch_agent(struct attempt *a)
{
    static struct mps_ho_config config;
    long end = now_ms() + AGENT_MS;

    if (!mps_ho_config_init(&config, getenv(MPS_ENV_AGENT), NULL, NULL, NULL))
        return MPS_EXIT_FAILURE;
    memcpy(a->agent, config.agent_id, sizeof(a->agent));
    do {
        struct mps_agents *agents = mps_agents_ask(MPS_HO_MONITOR, NULL, a->agent);

        if (!agents)
            return MPS_EXIT_FAILURE;
        if (mps_agents_count(agents, MPS_AGENT_OK) > 0) {
            a->events = agents->agent[0].events;
            agents->agent[0].events = -1; /* taken */
        }
        mps_agents_free(agents);
        if (a->events >= 0)
            return 0;
        rest();
    } while (now_ms() < end);
    mps_launcher_complain("check: no agent answers: it could not be started, or is stopped; "
                          "--log FILE says more");
    return MPS_EXIT_NO_ANSWER;
}

static void take_events(struct attempt *a)
{
    char packet[MPS_HO_EVENT_MAX];
    ssize_t n;

    while ((n = recv(a->events, packet, sizeof(packet) - 1, MSG_DONTWAIT)) > 0) {
        struct json_object *o;

        packet[n] = '\0';
        o = json_tokener_parse(packet);
        if (!json_object_is_type(o, json_type_object)) {
            json_object_put(o);
            continue;
        }
        json_object_array_add(a->probe->events, o);
        a->news_at = now_ms();
    }
}

/* ---- TCP ---- */

static void write_address(const struct sockaddr_storage *ss, char ret[64], unsigned *port)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;
    char text[INET6_ADDRSTRLEN] = "?";

    *port = ntohs(ss->ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    if (ss->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    else
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    snprintf(ret, 64, ss->ss_family == AF_INET ? "%s:%u" : "[%s]:%u", text, *port);
}

/*
 * Before the preload has looked at the socket, which it does with the next call of the C library on
 * it: so these are the kernel's own.
 */
static void look_at_tcp(int fd, struct mps_probe *ret)
{
    struct tcp_info info;
    struct sockaddr_storage name;
    socklen_t len = sizeof(info);
    unsigned more, unused;

    memset(&info, 0, sizeof(info));
    if (mps_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
        more = info.tcpi_options & TCPI_OPT_TIMESTAMPS ? TIMESTAMPS_LEN : 0;
        ret->tcp = (struct mps_probe_tcp){
            .mss_offered = info.tcpi_advmss + more,
            .mss_seen = info.tcpi_snd_mss + more,
            .window = info.tcpi_snd_wnd,
            .options = info.tcpi_options,
            .rtt_us = info.tcpi_rtt,
        };
    }
    len = sizeof(name);
    if (mps_sys_getsockname(fd, &name, &len) == 0)
        write_address(&name, ret->local, &unused);
    len = sizeof(name);
    if (mps_sys_getpeername(fd, &name, &len) == 0)
        write_address(&name, ret->remote, &ret->port);
}

/* A descriptor, or a negative errno value. */
static int connect_one(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    socklen_t len = sizeof(error);

    if (fd < 0)
        return -errno;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
        error = errno;
    if (error == EINPROGRESS && mps_sys_poll(&writable, 1, CONNECT_MS) == 0)
        error = ETIMEDOUT;
    else if (error == EINPROGRESS && mps_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0)
        return fd;
    close(fd);
    return -error;
}

/* Complains of a name that has no address. */
static int connect_any(const char *host, const char *port, struct attempt *a)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list, *ai;
    int r = getaddrinfo(host, port, &hints, &list);

    if (r == EAI_SERVICE) {
        mps_launcher_complain(MPS_NO_PORT, port);
        return MPS_EXIT_FAILURE;
    }
    if (r != 0) {
        mps_launcher_complain("check: %s: %s", host,
                              r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        return MPS_EXIT_NO_CONNECTION;
    }
    for (ai = list; ai && a->fd < 0; ai = ai->ai_next) {
        a->fd = connect_one(ai);
        if (a->fd < 0)
            r = a->fd;
    }
    freeaddrinfo(list);
    if (a->fd >= 0)
        return 0;
    mps_launcher_complain("check: %s port %s: %s; nothing is known of multipath without a "
                          "connection",
                          host, port, strerror(-r));
    return MPS_EXIT_NO_CONNECTION;
}

/* ---- what becomes of it ---- */

static bool was_taken(int fd)
{
    int domain = 0;
    socklen_t len = sizeof(domain);

    return mps_sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

/* How often connections of this tree stayed plain for this reason. */
static int64_t count_of(struct json_object *all, const char *reason)
{
    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *o = json_object_array_get_idx(all, i);

        if (mps_member_is(o, "state", "counted") && mps_member_is(o, "role", "client") &&
            mps_member_is(o, "reason", reason))
            return mps_member_number(o, "count");
    }
    return 0;
}

/* The reason that has been counted since `before`; the agent tells it a moment later. */
static const char *find_reason(const struct attempt *a, struct json_object *before)
{
    const char *found = "other";
    struct json_object *now = ask(a, MPS_HO_STATUS);

    for (int i = MPS_PLAIN_NONE + 1; i < MPS_PLAIN_REASONS; i++) {
        const char *word = mps_plain_reason_word((enum mps_plain_reason)i);

        if (count_of(now, word) > count_of(before, word))
            found = word;
    }
    json_object_put(now);
    return found;
}

/* Looks for the connection in what the agent says; false if it is not there. */
static bool update(struct attempt *a)
{
    struct json_object *all = ask(a, MPS_HO_STATUS), *subflows;
    size_t alive = 0, settled = 0;
    bool found = false;

    for (size_t i = 0; all && !found && i < json_object_array_length(all); i++) {
        struct json_object *o = json_object_array_get_idx(all, i);

        found = mps_member_is(o, "local", a->probe->local) &&
                mps_member_is(o, "remote", a->probe->remote);
        if (found) {
            json_object_put(a->probe->connection);
            a->probe->connection = json_object_get(o);
        }
    }
    json_object_put(all);
    subflows = mps_member_list(a->probe->connection, "subflows");
    for (size_t i = 0; subflows && i < json_object_array_length(subflows); i++) {
        struct json_object *o = json_object_array_get_idx(subflows, i);

        alive += !mps_member_is(o, "state", "dead");
        settled += mps_member_is(o, "state", "active");
    }
    if (alive != a->n_alive || settled != a->n_settled)
        a->news_at = now_ms();
    a->n_alive = alive;
    a->n_settled = settled;
    return found;
}

/* Throws away what the peer's program says; true if it has ended the connection. */
static bool peer_has_ended(int fd)
{
    char bytes[4096];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        ;
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void wait_for_joins(struct attempt *a)
{
    long began = now_ms(), quiet = QUIET_MS + 4 * (long)(a->probe->tcp.rtt_us / 1000);
    struct mps_probe *p = a->probe;

    a->news_at = began;
    for (;;) {
        long now = now_ms();
        bool there = update(a), opening = mps_member_is(p->connection, "mode", "opening");

        take_events(a);
        if (!there || mps_member_is(p->connection, "mode", "plain"))
            return;
        p->ended = peer_has_ended(a->fd);
        if (p->ended || now - began > (opening ? ANSWER_MS : JOINS_MS))
            return;
        if (!opening && a->n_alive == a->n_settled && now - a->news_at > quiet)
            return;
        rest();
    }
}

static void end_in_order(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    long end = now_ms() + END_MS, left;
    size_t thrown = 0;
    char bytes[4096];

    shutdown(fd, SHUT_WR);
    while ((left = end - now_ms()) > 0 && thrown < THROWN_MAX) {
        ssize_t n;

        if (poll(&readable, 1, (int)left) <= 0)
            break;
        n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n <= 0)
            break;
        thrown += (size_t)n;
    }
    close(fd);
}

/* The connection is there: give it to the preload, and see what it does. */
static void follow(struct attempt *a, struct json_object *before)
{
    struct pollfd writable = {.fd = a->fd, .events = POLLOUT};
    struct mps_probe *p = a->probe;

    look_at_tcp(a->fd, p);
    (void)poll(&writable, 1, CONNECT_MS);
    if (was_taken(a->fd)) {
        wait_for_joins(a);
        if (mps_member_is(p->connection, "mode", "plain")) {
            snprintf(p->reason_text, sizeof(p->reason_text), "%s",
                     mps_member_text(p->connection, "reason", "other"));
            p->reason = p->reason_text;
        }
    } else {
        p->reason = find_reason(a, before);
    }
    p->paths = ask(a, MPS_HO_PATHS);
}

int mps_probe(const char *host, const char *port, struct mps_probe *ret)
{
    struct attempt a = {.probe = ret, .events = -1, .fd = -1};
    struct json_object *before;
    int code;

    memset(ret, 0, sizeof(*ret));
    ret->events = json_object_new_array();
    code = watch_agent(&a);
    before = code == 0 ? ask(&a, MPS_HO_STATUS) : NULL;
    if (code == 0)
        code = connect_any(host, port, &a);
    if (code == 0) {
        follow(&a, before);
        end_in_order(a.fd);
    }
    json_object_put(before);
    if (a.events >= 0)
        close(a.events);
    return code;
}

void mps_probe_free(struct mps_probe *probe)
{
    json_object_put(probe->connection);
    json_object_put(probe->events);
    json_object_put(probe->paths);
}
