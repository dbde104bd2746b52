/* SPDX-License-Identifier: MIT */
/*
 * Whole lives of connections in two agents' engines, with every system call and every allocation
 * that the engines make failing in turn, in every way such a call may fail (tests/lib/callsweep.h).
 * However it goes: no byte is wrong, nothing looks like an end that is none (I5), everything ends,
 * and nothing is left behind. A lack in the middle of a transfer loses nothing at all.
 *
 * Each run is a process of its own. MPS_TEST_SWEEP=EVERY makes every EVERY-th run only, beginning
 * with another one in each scenario; 1 is all of them, a quarter of an hour.
 * MPS_TEST_SCENARIO=NAME: that one only; with MPS_TEST_CALL=N/K: that one run only.
 */
#include "callsweep.h"
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/agent/reserve.h"
#include "engine/agent/spare.h"
#include "engine/connection/mpconn.h"
#include "engine/net/peek.h"
#include "engine/net/sock.h"
#include "engine/net/crypto_openssl.h"
#include "handover/message.h"
#include "engine/show/log.h"

#define TWO_LOCALS "local=127.0.0.1,127.0.0.2 no-subflow-timeout=5"
#define LENGTH     150000u
#define PATIENCE   (200 * MPS_SEC) /* of the clock that jumps */
#define WATCHDOG_S 100             /* of the other one: a run takes milliseconds */
#define EVERY      23

/* How a run went. */
enum outcome {
    OK,      /* all that was to come has come */
    REFUSED, /* nothing came about */
    RESET,   /* at least one direction ended with an error */
    N_FINE,
    LOST = N_FINE, /* what a lack must not do */
    WRONG,         /* bytes, or an end that was none */
    HANGS,
    LEAKS,
    CRASHED,
};

static const char *const outcomes[] = {
    "all came", "refused", "reset",   "something was lost", "wrong bytes or a wrong end",
    "hangs",    "leaks",   "crashed",
};

struct world {
    struct rig rig;
    bool hubs;          /* are there */
    struct stream s[2]; /* from the client, from the server */
    bool shut[2], done[2];
    int tcp[2]; /* of peers without an agent */
    bool refused;
    unsigned step; /* of the scenario */
};

struct scenario {
    const char *name;
    bool (*begin)(struct world *w); /* false: refused */
    void (*step)(struct world *w);  /* what else happens; may be NULL */
    bool ends_early;                /* a program leaves before everything was read */
    bool lives_through;             /* a lack in the middle resets nothing */
};

/* ---- what the programs do ---- */

static bool stream_over(const struct stream *s)
{
    return s->eof || s->error != 0 || s->broken;
}

static void step_stream(struct world *w, unsigned k)
{
    struct stream *s = &w->s[k];

    if (s->from < 0 || s->to < 0)
        return;
    if (!w->done[k])
        stream_step(s);
    if (s->sent == s->length && !w->shut[k]) {
        w->shut[k] = true;
        shutdown(s->from, SHUT_WR);
    }
    w->done[k] |= stream_over(s);
}

static void hang_up(struct world *w)
{
    for (unsigned k = 0; k < 2; k++) {
        if (w->s[k].from >= 0)
            close(w->s[k].from);
        if (w->tcp[k] >= 0)
            close(w->tcp[k]);
        w->s[k].from = w->s[1 - k].to = w->tcp[k] = -1;
    }
}

static unsigned sessions(const struct world *w)
{
    return w->rig.client->n_sessions + w->rig.server->n_sessions;
}

static void turn_loop(struct world *w)
{
    callsweep_on();
    ev_run(w->rig.loop, EVRUN_ONCE);
    callsweep_off();
}

static bool run(struct world *w, const struct scenario *sc)
{
    mps_time_t end = mps_clock_now() + PATIENCE;

    while (!w->done[0] || !w->done[1]) {
        if (mps_clock_now() > end)
            return false;
        turn_loop(w);
        if (sc->step)
            sc->step(w);
        step_stream(w, 0);
        step_stream(w, 1);
    }
    hang_up(w);
    end = mps_clock_now() + PATIENCE;
    while (sessions(w) > 0) {
        if (mps_clock_now() > end)
            return false;
        turn_loop(w);
    }
    return true;
}

static void streams_between(struct world *w, int client, int server)
{
    w->s[0] = (struct stream){.from = client, .to = server, .seed = 3, .length = LENGTH};
    w->s[1] = (struct stream){.from = server, .to = client, .seed = 4, .length = LENGTH};
}

/* ---- hand-overs ---- */

static int hand_over(struct world *w, bool accepted, int tcp)
{
    struct mps_session_request req = {.fd = tcp, .pid = getpid(), .options = ""};
    struct mps_session *s = NULL;
    int fd = rig_end(&req), rc;

    callsweep_on();
    rc = accepted ? mps_session_accepted(w->rig.server, &req, &s)
                  : mps_session_connected(w->rig.client, &req, &s);
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

/* ---- scenarios ---- */

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

static const struct scenario scenarios[] = {
    {"both ways over two paths", begin_multipath, step_multipath, false, true},
    {"paths are lost", begin_multipath, step_losses, false, true},
    {"bounded send buffers", begin_bounded, step_multipath, false, true},
    {"a program leaves", begin_multipath, step_leave, true, false},
    {"a client without a shim", begin_relay, NULL, false, true},
    {"a server that hangs up", begin_fallback, step_fallback, false, true},
    {"a server that is silent", begin_fallback, step_silence, false, true},
    {"a server that refuses", begin_fallback, step_refusal, false, true},
    {"questions meanwhile", begin_multipath, step_questions, false, true},
};

/* ---- one run ---- */

static unsigned descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static enum outcome judge(const struct world *w, const struct scenario *sc)
{
    bool whole = true, orderly;

    for (unsigned k = 0; k < 2; k++) {
        const struct stream *s = &w->s[k];

        /* A socket tells of its error once, to who writes or to who reads. */
        orderly = s->eof && s->error == 0 && w->s[1 - k].send_error == 0;
        if (s->broken || (orderly && s->received != s->length))
            return WRONG;
        whole &= s->received == s->length;
    }
    return whole || sc->ends_early ? OK : RESET;
}

/* Where it hangs. */
static void tell(const struct world *w)
{
    for (unsigned k = 0; k < 2; k++)
        print_message("%s: %llu sent, %llu received%s%s, errors %d, %d\n",
                      k ? "to the client" : "to the server", (unsigned long long)w->s[k].sent,
                      (unsigned long long)w->s[k].received, w->s[k].eof ? ", end" : "",
                      w->done[k] ? ", over" : "", w->s[k].error, w->s[k].send_error);
    print_message("sessions: client %u, server %u\n", w->rig.client->n_sessions,
                  w->rig.server->n_sessions);
}

/* Leaves nothing behind; `begin` may have come to anything. */
static enum outcome play(const struct scenario *sc)
{
    struct world w = {.tcp = {-1, -1}};
    enum outcome outcome = REFUSED;

    rig_init(&w.rig, TWO_LOCALS);
    w.s[0].from = w.s[0].to = w.s[1].from = w.s[1].to = -1;
    if (!sc->begin(&w))
        w.done[0] = w.done[1] = true;
    if (!run(&w, sc)) {
        outcome = HANGS;
        tell(&w);
    } else if (w.s[0].length > 0 && (w.s[0].sent > 0 || w.s[1].sent > 0))
        outcome = judge(&w, sc);
    hang_up(&w);
    rig_deinit(&w.rig);
    return outcome;
}

/* The same again without failures is what the rest is compared with. */
static enum outcome play_and_count(const struct scenario *sc, long *ret_live, unsigned *ret_fds)
{
    long live = callsweep_live();
    unsigned fds = descriptors();
    enum outcome outcome = play(sc);

    ERR_clear_error(); /* a thread's queue of errors stays */
    *ret_live = callsweep_live() - live;
    *ret_fds = descriptors() - fds;
    return outcome;
}

struct result {
    enum outcome outcome;
    bool over, exhausted, lack;
    long live;
    int fds;
    char what[64], where[64];
    bool of_loop[CALLSWEEP_MAX]; /* callsweep_is_of_loop */
};

static void run_here(const struct scenario *sc, unsigned long n, unsigned k, bool persist,
                     struct result *ret)
{
    long live;
    unsigned fds;

    callsweep_arm(n, k);
    if (persist)
        callsweep_persist(300 * MPS_MSEC);
    ret->outcome = play_and_count(sc, &live, &fds);
    ret->over = callsweep_over();
    ret->exhausted = callsweep_exhausted();
    ret->lack = callsweep_is_lack();
    ret->live = live;
    ret->fds = (int)fds;
    snprintf(ret->what, sizeof(ret->what), "%s", callsweep_what());
    for (unsigned long i = 0; i < CALLSWEEP_MAX; i++)
        ret->of_loop[i] = callsweep_is_of_loop(i);
    snprintf(ret->where, sizeof(ret->where), "%s", callsweep_where());
}

static bool read_all(int fd, void *p, size_t n)
{
    size_t have = 0;
    ssize_t got;

    while (have < n && (got = read(fd, (char *)p + have, n - have)) > 0)
        have += (size_t)got;
    return have == n;
}

static struct result run_apart(const struct scenario *sc, unsigned long n, unsigned k, bool persist)
{
    struct result result = {.outcome = CRASHED};
    int pipe_fds[2], status;
    pid_t pid;

    assert_return_code(pipe2(pipe_fds, O_CLOEXEC), errno);
    pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        close(pipe_fds[0]);
        alarm(WATCHDOG_S);
        run_here(sc, n, k, persist, &result);
        _exit(write(pipe_fds[1], &result, sizeof(result)) != sizeof(result));
    }
    close(pipe_fds[1]);
    if (!read_all(pipe_fds[0], &result, sizeof(result)))
        result = (struct result){.outcome = CRASHED};
    close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return result;
}

/* ---- the sweep ---- */

struct tally {
    const struct scenario *sc;
    bool persist;
    struct result intact;
    unsigned runs, n[CRASHED + 1], bad;
};

static enum outcome outcome_of(const struct tally *t, const struct result *r)
{
    if (r->outcome < N_FINE && (r->live > t->intact.live || r->fds != t->intact.fds))
        return LEAKS;
    if (r->outcome == RESET && r->lack && !t->persist && t->sc->lives_through)
        return LOST;
    return r->outcome;
}

static void count(struct tally *t, const struct result *r, unsigned long n, unsigned k)
{
    enum outcome outcome = outcome_of(t, r);
    bool verbose = getenv("MPS_TEST_VERBOSE") != NULL;

    t->runs++;
    t->n[outcome]++;
    if (outcome >= N_FINE || (verbose && outcome != OK))
        print_message("%s: call %lu/%u, %s%s, at %s: %s (%ld, %d)\n", t->sc->name, n, k, r->what,
                      t->persist ? " for a while" : "", r->where, outcomes[outcome],
                      r->live - t->intact.live, r->fds - t->intact.fds);
    t->bad += outcome >= N_FINE;
}

static unsigned sweep_one(const struct scenario *sc, bool persist, unsigned every)
{
    struct tally t = {.sc = sc, .persist = persist};
    static unsigned long turns;
    unsigned long first = turns++ % every;
    bool over = false;

    t.intact = run_apart(sc, 0, 0, false);
    assert_int_equal(t.intact.outcome, OK);
    for (unsigned long n = 1; !over && n < CALLSWEEP_MAX; n++) {
        /* The loop decides in which order things are done: none of its calls is left out. */
        if (n % every != first && !t.intact.of_loop[n])
            continue;
        for (unsigned k = 0;; k++) {
            struct result r = run_apart(sc, n, k, persist);

            /* On a busy machine the kernel may be so late that a jump of the clock tells. */
            if (outcome_of(&t, &r) >= N_FINE && r.outcome != WRONG)
                r = run_apart(sc, n, k, persist);
            over = r.outcome != CRASHED && r.over;
            if (over || r.exhausted)
                break;
            count(&t, &r, n, k);
            if (r.outcome == CRASHED && k > 8)
                break;
        }
    }
    print_message("%s%s: %u runs: %u all came, %u reset, %u refused\n", sc->name,
                  persist ? ", for a while" : "", t.runs, t.n[OK], t.n[RESET], t.n[REFUSED]);
    assert_true(t.runs > 0);
    return t.bad;
}

static unsigned how_many(void)
{
    const char *every = getenv("MPS_TEST_SWEEP");

    return every && atoi(every) > 0 ? (unsigned)atoi(every) : EVERY;
}

static void only_one(const struct scenario *sc, const char *call)
{
    unsigned long n = strtoul(call, NULL, 10);
    unsigned k = (unsigned)strtoul(strchr(call, '/') + 1, NULL, 10);
    struct result r, intact;

    if (getenv("MPS_TEST_LOG"))
        mps_log_open(getenv("MPS_TEST_LOG"));
    intact = run_apart(sc, 0, 0, false);
    mps_log("---- now with a failure");
    r = run_apart(sc, n, k, getenv("MPS_TEST_PERSIST") != NULL);
    print_message("%s: %s: %s, leaks %ld, %d\n", sc->name, r.what, outcomes[r.outcome],
                  r.live - intact.live, r.fds - intact.fds);
}

static void sweep(bool persist)
{
    const char *only = getenv("MPS_TEST_SCENARIO"), *call = getenv("MPS_TEST_CALL");
    unsigned bad = 0;

    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (only && strcmp(only, scenarios[i].name) != 0)
            continue;
        if (only && call)
            only_one(&scenarios[i], call);
        else
            bad += sweep_one(&scenarios[i], persist, how_many());
    }
    assert_int_equal(bad, 0);
}

static void one_call_fails(void **state)
{
    sweep(false);
}

static void calls_fail_for_a_while(void **state)
{
    if (!getenv("MPS_TEST_CALL"))
        sweep(true);
}

/* What is made once in a process is not a leak. */
static int warm_up(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    mps_spare_init();
    mps_reserve_fill();
    (void)mps_openssl_warm_up();
    ERR_raise(ERR_LIB_USER, 1);
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        play(&scenarios[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_fails),
        cmocka_unit_test(calls_fail_for_a_while),
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
