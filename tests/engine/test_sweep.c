/* SPDX-License-Identifier: MIT */
/*
 * Whole lives of connections in two agents' engines, with every system call and every allocation
 * that the engines make failing in turn, in every way such a call may fail (tests/lib/callsweep.h).
 * However it goes: no byte is wrong, nothing looks like an end that is none (I5), everything ends,
 * and nothing is left behind. A lack in the middle of a transfer loses nothing at all.
 *
 * Each run is a process of its own. MPS_TEST_SWEEP=EVERY makes every EVERY-th run only, beginning
 * with another one in each life; 1 is all of them, a quarter of an hour.
 * MPS_TEST_LIFE=NAME: that one only; with MPS_TEST_CALL=N/K: that one run only.
 */
#include "callsweep.h"
#include "lives.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/agent/reserve.h"
#include "engine/agent/spare.h"
#include "engine/net/crypto_openssl.h"
#include "engine/show/log.h"

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

/* ---- what the programs do ---- */

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

static bool run(struct world *w, const struct life *life)
{
    mps_time_t end = mps_clock_now() + PATIENCE;

    while (!w->done[0] || !w->done[1]) {
        if (mps_clock_now() > end)
            return false;
        turn_loop(w);
        if (life->step)
            life->step(w);
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

static enum outcome judge(const struct world *w, const struct life *life)
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
    return whole || life->ends_early ? OK : RESET;
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
static enum outcome play(const struct life *life)
{
    struct world w = {.tcp = {-1, -1}};
    enum outcome outcome = REFUSED;

    rig_init(&w.rig, LIVES_LOCALS);
    w.s[0].from = w.s[0].to = w.s[1].from = w.s[1].to = -1;
    if (!life->begin(&w))
        w.done[0] = w.done[1] = true;
    if (!run(&w, life)) {
        outcome = HANGS;
        tell(&w);
    } else if (w.s[0].length > 0 && (w.s[0].sent > 0 || w.s[1].sent > 0))
        outcome = judge(&w, life);
    hang_up(&w);
    rig_deinit(&w.rig);
    return outcome;
}

/* The same again without failures is what the rest is compared with. */
static enum outcome play_and_count(const struct life *life, long *ret_live, unsigned *ret_fds)
{
    long live = callsweep_live();
    unsigned fds = descriptors();
    enum outcome outcome = play(life);

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

static void run_here(const struct life *life, unsigned long n, unsigned k, bool persist,
                     struct result *ret)
{
    long live;
    unsigned fds;

    callsweep_arm(n, k);
    if (persist)
        callsweep_persist(300 * MPS_MSEC);
    ret->outcome = play_and_count(life, &live, &fds);
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

static struct result run_apart(const struct life *life, unsigned long n, unsigned k, bool persist)
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
        run_here(life, n, k, persist, &result);
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
    const struct life *life;
    bool persist;
    struct result intact;
    unsigned runs, n[CRASHED + 1], bad;
};

static enum outcome outcome_of(const struct tally *t, const struct result *r)
{
    if (r->outcome < N_FINE && (r->live > t->intact.live || r->fds != t->intact.fds))
        return LEAKS;
    if (r->outcome == RESET && r->lack && !t->persist && t->life->lives_through)
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
        print_message("%s: call %lu/%u, %s%s, at %s: %s (%ld, %d)\n", t->life->name, n, k, r->what,
                      t->persist ? " for a while" : "", r->where, outcomes[outcome],
                      r->live - t->intact.live, r->fds - t->intact.fds);
    t->bad += outcome >= N_FINE;
}

static unsigned sweep_one(const struct life *life, bool persist, unsigned every)
{
    struct tally t = {.life = life, .persist = persist};
    static unsigned long turns;
    unsigned long first = turns++ % every;
    bool over = false;

    t.intact = run_apart(life, 0, 0, false);
    assert_int_equal(t.intact.outcome, OK);
    for (unsigned long n = 1; !over && n < CALLSWEEP_MAX; n++) {
        /* The loop decides in which order things are done: none of its calls is left out. */
        if (n % every != first && !t.intact.of_loop[n])
            continue;
        for (unsigned k = 0;; k++) {
            struct result r = run_apart(life, n, k, persist);

            /* On a busy machine the kernel may be so late that a jump of the clock tells. */
            if (outcome_of(&t, &r) >= N_FINE && r.outcome != WRONG)
                r = run_apart(life, n, k, persist);
            over = r.outcome != CRASHED && r.over;
            if (over || r.exhausted)
                break;
            count(&t, &r, n, k);
            if (r.outcome == CRASHED && k > 8)
                break;
        }
    }
    print_message("%s%s: %u runs: %u all came, %u reset, %u refused\n", life->name,
                  persist ? ", for a while" : "", t.runs, t.n[OK], t.n[RESET], t.n[REFUSED]);
    assert_true(t.runs > 0);
    return t.bad;
}

static unsigned how_many(void)
{
    const char *every = getenv("MPS_TEST_SWEEP");

    return every && atoi(every) > 0 ? (unsigned)atoi(every) : EVERY;
}

static void only_one(const struct life *life, const char *call)
{
    unsigned long n = strtoul(call, NULL, 10);
    unsigned k = (unsigned)strtoul(strchr(call, '/') + 1, NULL, 10);
    struct result r, intact;

    if (getenv("MPS_TEST_LOG"))
        mps_log_open(getenv("MPS_TEST_LOG"));
    intact = run_apart(life, 0, 0, false);
    mps_log("---- now with a failure");
    r = run_apart(life, n, k, getenv("MPS_TEST_PERSIST") != NULL);
    print_message("%s: %s: %s, leaks %ld, %d\n", life->name, r.what, outcomes[r.outcome],
                  r.live - intact.live, r.fds - intact.fds);
}

static void sweep(bool persist)
{
    const char *only = getenv("MPS_TEST_LIFE"), *call = getenv("MPS_TEST_CALL");
    unsigned bad = 0;

    for (unsigned i = 0; i < n_lives; i++) {
        if (only && strcmp(only, lives[i].name) != 0)
            continue;
        if (only && call)
            only_one(&lives[i], call);
        else
            bad += sweep_one(&lives[i], persist, how_many());
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
    for (unsigned i = 0; i < n_lives; i++)
        play(&lives[i]);
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
