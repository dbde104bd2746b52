/* SPDX-License-Identifier: MIT */
#include "lives.h"

#include "callsweep.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/connection/mpconn.h"
#include "engine/net/peek.h"
#include "engine/net/sock.h"
#include "handover/message.h"

#define LENGTH 150000u
#define BULK   (1u << 20)

bool stream_over(const struct stream *s)
{
    return s->eof || s->error != 0 || s->broken;
}

/* ---- hand-overs ---- */

static int hand_over(struct world *w, bool accepted, int tcp)
{
    struct mps_handed req = {.fd = tcp, .pid = getpid(), .options = ""};
    struct mps_session *s = NULL;
    int fd = rig_end(&req), rc;

    callsweep_on();
    rc = accepted ? mps_handed_accepted(w->rig.server, &req, &s)
                  : mps_handed_connected(w->rig.client, &req, &s);
    callsweep_off();
    if (rc != 0) {
        close(tcp);
        close(req.end);
        close(fd);
        return -1;
    }
    return fd;
}

static void no_block(int fd)
{
    assert_return_code(fcntl(fd, F_SETFL, O_NONBLOCK), errno);
}

/* ---- lives ---- */

static void streams_between(struct world *w, int client, int server)
{
    w->s[0] = (struct stream){.from = client, .to = server, .seed = 3, .length = LENGTH};
    w->s[1] = (struct stream){.from = server, .to = client, .seed = 4, .length = LENGTH};
}

/* With `sndbuf` the programs have bounded what lies ahead of a byte, so that the bytes stay in their
 * sockets until they have arrived. */
static bool begin_with(struct world *w, int sndbuf)
{
    int tcp[2], client, server;

    callsweep_on();
    (void)mps_hub_listener(&w->rig.server_hub, w->rig.listener, getpid(), true);
    callsweep_off();
    rig_tcp_pair(&w->rig, &tcp[0], &tcp[1]);
    for (unsigned k = 0; k < 2 && sndbuf > 0; k++)
        assert_true(mps_sock_set_int(tcp[k], SOL_SOCKET, SO_SNDBUF, sndbuf));
    client = hand_over(w, false, tcp[0]);
    server = hand_over(w, true, tcp[1]);
    streams_between(w, client, server);
    return client >= 0 && server >= 0;
}

static bool begin_multipath(struct world *w)
{
    return begin_with(w, 0);
}

static bool begin_bounded(struct world *w)
{
    return begin_with(w, 16384);
}

/* Much one way: payloads go around the core. */
static bool begin_bulk(struct world *w)
{
    bool begun = begin_with(w, 0);

    w->s[0].length = BULK;
    w->s[1].length = 1;
    return begun;
}

static struct mps_session *session_of(struct mps_engine *eng)
{
    return eng->n_sessions ? mps_list_entry(eng->sessions.next, struct mps_session, link) : NULL;
}

/* A client whose connection is refused, or not answered, comes back plain to this listener. */
static void accept_plain(struct world *w)
{
    int fd = accept4(w->rig.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    const struct mps_session *s = session_of(w->rig.client);

    if (fd >= 0 && !(s && s->relay)) {
        /* A join that was not steered, or nobody any more. */
        close(fd);
        return;
    }
    if (fd < 0)
        return;
    /* The program at the server would have it as a connection of its own. */
    if (w->s[0].to >= 0)
        close(w->s[0].to);
    w->s[0].to = w->s[1].from = fd;
    w->s[0].received = w->s[1].sent = 0;
    w->s[0].eof = w->s[0].broken = w->shut[1] = w->done[0] = w->done[1] = false;
    w->s[0].error = 0;
}

static void step_multipath(struct world *w)
{
    accept_plain(w);
}

/* The first of the subflows is reset, then the next, while bytes are under way. */
static void step_losses(struct world *w)
{
    static const uint64_t when[] = {LENGTH / 4, LENGTH / 2};
    struct sockaddr unspec = {.sa_family = AF_UNSPEC};
    int fds[MPS_MAX_SUBFLOWS];

    accept_plain(w);
    if (w->step >= 2 || w->s[0].received < when[w->step] || !session_of(w->rig.server))
        return;
    w->step++;
    if (mps_session_fds(session_of(w->rig.server), fds, MPS_MAX_SUBFLOWS) > 0)
        connect(fds[0], &unspec, sizeof(unspec));
}

/* The program of the client leaves with data unread. */
static void step_leave(struct world *w)
{
    accept_plain(w);
    if (w->step == 0 && w->s[0].received > LENGTH / 2 && w->s[0].from >= 0) {
        w->step++;
        close(w->s[0].from);
        w->s[0].from = w->s[1].to = -1;
        w->done[1] = true;
    }
    if (w->step > 0 && !w->done[0]) {
        uint64_t length = w->s[0].length;

        w->s[0].length = w->s[0].sent; /* nothing more */
        stream_step(&w->s[0]);
        w->s[0].length = length;
        w->done[0] = stream_over(&w->s[0]);
    }
}

/* A client without a shim, accepted by an agent. */
static bool begin_relay(struct world *w)
{
    int tcp[2], server;

    rig_tcp_pair(&w->rig, &tcp[0], &tcp[1]);
    no_block(tcp[0]);
    server = hand_over(w, true, tcp[1]);
    streams_between(w, tcp[0], server);
    return server >= 0;
}

/* A server that answers HELLO by closing, or not at all; then the client comes back. */
static bool begin_fallback(struct world *w)
{
    int tcp[2], client;

    rig_tcp_pair(&w->rig, &tcp[0], &tcp[1]);
    client = hand_over(w, false, tcp[0]);
    w->tcp[1] = tcp[1];
    streams_between(w, client, -1);
    return client >= 0;
}

static void step_fallback(struct world *w)
{
    char sink[4096];

    if (w->tcp[1] >= 0 && recv(w->tcp[1], sink, sizeof(sink), MSG_DONTWAIT) > 0) {
        close(w->tcp[1]);
        w->tcp[1] = -1;
    }
    accept_plain(w);
    if (w->s[0].to >= 0)
        return;
    /* Nobody has accepted it yet: what the client's program meets counts all the same. */
    w->s[0].to = w->s[0].from;
    stream_step(&w->s[0]);
    w->done[0] = w->done[1] = stream_over(&w->s[0]);
    w->s[0].to = -1;
}

static void step_silence(struct world *w)
{
    int keep = w->tcp[1];

    w->tcp[1] = -1;
    step_fallback(w);
    w->tcp[1] = keep;
}

/* The agent of the server takes no connection, and says so. */
static void step_refusal(struct world *w)
{
    char byte;

    if (w->tcp[1] >= 0 && recv(w->tcp[1], &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0) {
        callsweep_on();
        mps_peek_turn_away(w->tcp[1]);
        callsweep_off();
        close(w->tcp[1]);
        w->tcp[1] = -1;
    }
    step_silence(w);
}

static void ask(struct world *w, uint16_t op, uint64_t conn_id, const char *data)
{
    struct mps_ho_request req = {.magic = MPS_HO_MAGIC, .version = MPS_HO_VERSION, .op = op};
    struct rig_reply answer;

    req.conn_id = conn_id;
    req.level = SOL_SOCKET;
    req.name = SO_KEEPALIVE;
    req.len = (uint32_t)strlen(data);
    memcpy(req.data, data, req.len);
    callsweep_on();
    answer = rig_request(&w->rig.client_hub, &req, -1);
    callsweep_off();
    if (answer.reply_fd >= 0)
        close(answer.reply_fd);
}

/* Questions and settings meanwhile. */
static void step_questions(struct world *w)
{
    static const struct {
        uint16_t op;
        const char *data;
    } requests[] = {
        {MPS_HO_STATUS, ""},
        {MPS_HO_PATHS, ""},
        {MPS_HO_CONN_STATUS, ""},
        {MPS_HO_SETOPT, "\1\0\0\0"},
        {MPS_HO_GETOPT, "\1\1\1\1"},
        {MPS_HO_PATH, "set 127.0.0.2 backup=yes"},
        {MPS_HO_PATH, "del 127.0.0.2"},
        {MPS_HO_PATH, "add 127.0.0.2 weight=3"},
        {MPS_HO_RECHECK, ""},
    };
    uint64_t id = 0;

    accept_plain(w);
    if (session_of(w->rig.client))
        id = session_of(w->rig.client)->ac.id;
    if (w->step < sizeof(requests) / sizeof(requests[0]) && w->s[0].received > 10000) {
        ask(w, requests[w->step].op, id, requests[w->step].data);
        w->step++;
    }
}

const struct life lives[] = {
    {"both ways over two paths", begin_multipath, step_multipath, false, true},
    {"bulk", begin_bulk, step_multipath, false, true},
    {"paths are lost", begin_multipath, step_losses, false, true},
    {"bounded send buffers", begin_bounded, step_multipath, false, true},
    {"a program leaves", begin_multipath, step_leave, true, false},
    {"a client without a shim", begin_relay, NULL, false, true},
    {"a server that hangs up", begin_fallback, step_fallback, false, true},
    {"a server that is silent", begin_fallback, step_silence, false, true},
    {"a server that refuses", begin_fallback, step_refusal, false, true},
    {"questions meanwhile", begin_multipath, step_questions, false, true},
};

const unsigned n_lives = sizeof(lives) / sizeof(lives[0]);
