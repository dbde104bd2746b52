/* SPDX-License-Identifier: MIT */
/*
 * The agent: one per process tree, started on demand. It carries the connections that the
 * programs of the tree handed over, and outlives those programs until every byte is delivered.
 *
 *   mptcpshim-agent [--ready-fd N] [--early]
 *
 * N is a pipe that gets one byte when requests are taken. Exits quietly when another agent holds
 * the name already (the spawner then finds that one), and when it had nothing to do for a while.
 * --early: nobody needs it yet (handover/spawn.h).
 */
#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "confine.h"
#include "config/psks.h"
#include "config/settings.h"
#include "core/base/err.h"
#include "engine/agent/control.h"
#include "engine/net/crypto_openssl.h"
#include "engine/agent/hub.h"
#include "engine/show/log.h"
#include "engine/agent/spare.h"
#include "engine/paths/scout.h"
#include "handover/config.h"
#include "parent.h"

#define IDLE_CHECK_S 0.5
#define STOP_CHECK_S 0.02
#define ABORT_S      2.5 /* for the peers to hear of it: MPS_FASTCLOSE_WAIT and a little */

/* Buffers come and go at the rate of the traffic: keep this much rather than fault it in anew. */
#define HEAP_KEPT (64 << 20)

struct agent {
    struct mps_hub hub;
    struct mps_control control;
    struct mps_confine confine;
    ev_timer idle;
    double idle_since;
    unsigned long n_given; /* what programs had handed over then */
    bool finished;         /* idle long enough: it ends unless somebody has come meanwhile */
    ev_timer stop;         /* the end of a stage of stopping */
    bool aborting;         /* the last one */
};

static void log_bad_option(const char *word, const char *why)
{
    mps_log("agent: option \"%s\": %s", word, why);
}

static void log_bad_setting(void *user, const struct mps_settings_error *e)
{
    char text[512];

    mps_settings_error_text(e, text, sizeof(text));
    mps_log("agent: %s", text);
}

/* The files, then the words; the launcher has told the user what is wrong in them. */
static void read_once(struct mps_settings *settings, const char *words,
                      struct mps_settings_report *report,
                      void (*bad)(const char *word, const char *why))
{
    char only[PATH_MAX], user[PATH_MAX];
    struct mps_settings_files files = {.system = MPS_SYSTEM_CONFIG};
    size_t len = strlen(words);

    if (mps_options_find(words, len, "config", only, sizeof(only)))
        files.only = only;
    if (mps_options_find(words, len, "user-config", user, sizeof(user)) ||
        mps_settings_user_file(NULL, getenv("HOME"), user, sizeof(user)))
        files.user = user;
    mps_settings_init(settings);
    mps_settings_read(settings, &files, report);
    mps_options_parse(&settings->options, words, len, bad);
}

/* The log comes first, so that the complaints about the rest are in it. */
static void read_settings(struct mps_settings *settings)
{
    struct mps_settings_report silent = {.bad = NULL}, logging = {.bad = log_bad_setting};
    const char *words = getenv(MPS_ENV_OPTIONS);
    const char *log = settings->options.verbose;

    if (!words)
        words = "";
    read_once(settings, words, &silent, NULL);
    if (!log[0])
        return;
    if (mps_log_open(log) < 0)
        fprintf(stderr, "mptcpshim-agent: %s: %s\n", log, strerror(errno));
    read_once(settings, words, &logging, log_bad_option);
}

/* The agent is nobody's child: the terminal and the limits of its spawner are not for it. */
static void set_up_process(void)
{
    struct rlimit files;

    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    mallopt(M_MMAP_THRESHOLD, HEAP_KEPT / 2);
    mallopt(M_TOP_PAD, 1 << 20);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            mps_log("agent: RLIMIT_NOFILE: %s", strerror(errno));
    }
    /* A working directory kept busy would hinder an umount. */
    if (chdir("/") < 0)
        mps_log("agent: chdir: %s", strerror(errno));
}

/* Nor had it since the last look: connections may be shorter than the time between two looks. */
static bool has_nothing_to_do(const struct agent *agent)
{
    return mps_hub_is_idle(&agent->hub) && agent->control.n_clients == 0 &&
           agent->control.n_given == agent->n_given;
}

static void on_idle_check(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct agent *agent = timer->data;

    if (mps_hub_retires(&agent->hub)) {
        if (mps_hub_is_idle(&agent->hub))
            ev_break(loop, EVBREAK_ALL);
        return;
    }
    if (!has_nothing_to_do(agent)) {
        agent->idle_since = ev_now(loop);
        agent->n_given = agent->control.n_given;
    } else if (ev_now(loop) - agent->idle_since < agent->hub.options.idle_s) {
        return;
    } else if (mps_parent_is_of_tree(agent->hub.agent_id)) {
        agent->idle_since = ev_now(loop); /* asked again after as long */
    } else {
        agent->finished = true;
        ev_break(loop, EVBREAK_ALL);
    }
}

static void on_stop_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct agent *agent = timer->data;

    if (agent->aborting) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    mps_log("agent: connections are left that did not end in time: they are reset");
    agent->aborting = true;
    mps_hub_retire(&agent->hub, MPS_STOP_ABORT);
    ev_timer_set(timer, ABORT_S, 0.);
    ev_timer_start(loop, timer);
}

/* As a kernel would after its programs: deliver what was written, end in order, be gone. */
static void stop(struct agent *agent, enum mps_stop stage)
{
    struct ev_loop *loop = agent->hub.loop;

    if (!mps_hub_retires(&agent->hub)) {
        mps_log("agent: stops");
        ev_now_update(loop);
        agent->idle.repeat = STOP_CHECK_S;
        ev_timer_again(loop, &agent->idle);
        ev_timer_init(&agent->stop, on_stop_timeout, agent->hub.options.stop_s, 0.);
        agent->stop.data = agent;
        ev_timer_start(loop, &agent->stop);
    }
    mps_hub_retire(&agent->hub, stage);
}

static void on_term(struct ev_loop *loop, ev_signal *sig, int revents)
{
    stop(sig->data, MPS_STOP_RETIRE);
}

static void on_leave(void *user)
{
    stop(user, MPS_STOP_DESERT);
}

/* Of an agent that root has started early: which user it is to be. */
static uid_t on_first_program(void *user, const struct ucred *cred)
{
    struct agent *agent = user;

    mps_confine_as(&agent->confine, &agent->hub, cred);
    return cred->uid;
}

static int ready_fd(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--ready-fd") == 0)
            return (int)strtol(argv[i + 1], NULL, 10);
    }
    return -1;
}

static bool is_early(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--early") == 0)
            return true;
    }
    return false;
}

static void announce(int fd)
{
    if (fd < 0)
        return;
    if (write(fd, "", 1) != 1)
        mps_log("agent: nobody waits for readiness");
    close(fd);
}

/*
 * Until there is nothing more to do. What came together with the last look at the clock, or after
 * it, is not left behind: a connection taken by an agent that ends would be reset. The doors close
 * when nobody is inside, and who knocks later finds them closed or starts another agent.
 */
static void run(struct agent *agent, struct ev_loop *loop)
{
    for (;;) {
        ev_run(loop, 0);
        if (!agent->finished)
            break;
        ev_run(loop, EVRUN_NOWAIT);
        if (has_nothing_to_do(agent))
            break;
        agent->finished = false;
    }
    mps_control_shut(&agent->control);
}

static int serve(struct agent *agent, struct ev_loop *loop, int ready)
{
    ev_signal term;

    ev_signal_init(&term, on_term, SIGTERM);
    term.data = agent;
    ev_signal_start(loop, &term);
    agent->hub.leave = on_leave;
    agent->hub.user = agent;
    /* Behind the control socket: a monitor that starts now either finds us or is found. */
    mps_monitors_dial(&agent->hub.monitors);
    announce(ready);
    agent->idle_since = ev_now(loop);
    ev_timer_init(&agent->idle, on_idle_check, IDLE_CHECK_S, IDLE_CHECK_S);
    agent->idle.data = agent;
    ev_timer_start(loop, &agent->idle);
    run(agent, loop);
    mps_log("agent: exits");
    mps_hub_stop(&agent->hub);
    mps_control_deinit(&agent->control);
    mps_hub_deinit(&agent->hub);
    mps_scout_stop();
    return 0;
}

static void say_bad_key(void *user, const struct mps_settings_error *error)
{
    char text[512];

    mps_settings_error_text(error, text, sizeof(text));
    fprintf(stderr, "mptcpshim-agent: %s\n", text);
}

/*
 * While this process is still the one that may read them. Without the keys that the user wants
 * there is no agent, and connections are plain TCP: better than one that anybody may be in the
 * middle of.
 */
static bool read_keys(struct mps_options *options)
{
    static struct mps_psks psks;
    struct mps_settings_report report = {.bad = say_bad_key};

    if (!options->psk[0])
        return true;
    options->psks = &psks;
    return mps_psks_read(&psks, options->psk, &report);
}

int main(int argc, char **argv)
{
    static struct agent agent;
    static struct mps_ho_config config;
    static struct mps_settings settings;
    struct ev_loop *loop;
    int rc;

    const char *identity = getenv(MPS_ENV_AGENT);

    if (!identity || !mps_ho_config_parse(&config, identity)) {
        fprintf(stderr, "mptcpshim-agent: %s is not set or malformed\n", MPS_ENV_AGENT);
        return 2;
    }
    read_settings(&settings);
    set_up_process();
    mps_confine_begin(&agent.confine, &settings.options);
    if (!read_keys(&settings.options))
        return 1;
    mps_spare_init();
    if (mps_openssl_warm_up() < 0) /* which loads code, and is not for several threads at once */
        mps_log("agent: cryptography does not work");
    loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!loop)
        return 1;
    rc = mps_hub_init(&agent.hub, loop, config.agent_id, &settings.options, &settings.policy);
    if (rc == 0)
        rc = mps_control_init(&agent.control, &agent.hub, config.secret);
    if (rc > 0)
        return 0; /* another agent is there */
    mps_plainwatch_start(&agent.hub.plainwatch, &agent.hub, getenv(MPS_ENV_COUNTS));
    if (rc < 0) {
        mps_log("agent: %s: %s", mps_strerror(rc), strerror(errno));
        return 1;
    }
    if (is_early(argc, argv) && geteuid() == 0)
        mps_control_await_program(&agent.control, on_first_program, &agent);
    else
        mps_confine_settle(&agent.confine, &agent.hub);
    return serve(&agent, loop, ready_fd(argc, argv));
}
