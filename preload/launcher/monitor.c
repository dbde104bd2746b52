/* SPDX-License-Identifier: MIT */
/*
 * mptcpshim monitor: events of the agents that are there, each asked for them, and of those that
 * come later, which find our name (handover/message.h) when they start.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "agents.h"
#include "handover/names.h"
#include "launcher.h"
#include "output.h"

#define AGENTS_MAX 256
#define BACKLOG    64

struct monitor {
    bool json;
    struct pollfd fds[1 + AGENTS_MAX]; /* the first one listens */
    pid_t pids[1 + AGENTS_MAX];
    nfds_t n;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    stopped = sig;
}

/* ---- one event ---- */

static const char *text(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : NULL;
}

static void print_time(struct json_object *o)
{
    struct json_object *v;
    double t = json_object_object_get_ex(o, "time", &v) ? json_object_get_double(v) : 0;
    time_t seconds = (time_t)t;
    struct tm tm;
    char clock[16];

    if (localtime_r(&seconds, &tm) && strftime(clock, sizeof(clock), "%H:%M:%S", &tm) > 0)
        mps_print("%s.%06d ", clock, (int)((t - (double)seconds) * 1e6));
}

/* Words before the members of a line, in its order. */
static const struct {
    const char *member, *before;
} words[] = {
    {"local", ""},         {"remote", "-> "},        {"address", ""},
    {"interface", "dev "}, {"subflow", "subflow "},  {"backup", NULL}, /* a flag: its name */
    {"by", "by "},         {"reason", "reason "},    {"error", "error "},
    {"count", "count "},   {"lost", "lost-before "},
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

/* At the beginning of each line, or too much for it. */
static const char *const not_shown[] = {"time", "event", "agent", "process",
                                        "id",   "role",  "token", "peer_token"};

/* What a later agent tells comes at the end under its own name. */
static bool is_known(const char *member)
{
    for (size_t i = 0; i < N_WORDS; i++)
        if (strcmp(member, words[i].member) == 0)
            return true;
    for (size_t i = 0; i < sizeof(not_shown) / sizeof(not_shown[0]); i++)
        if (strcmp(member, not_shown[i]) == 0)
            return true;
    return false;
}

static void print_line(struct json_object *o)
{
    const char *token = text(o, "token");

    print_time(o);
    mps_print("%-19s %-8s", text(o, "event"), token ? token : "-");
    for (size_t i = 0; i < N_WORDS; i++) {
        const char *value = text(o, words[i].member);

        if (value && words[i].before)
            mps_print(" %s%s", words[i].before, value);
        else if (value && strcmp(value, "true") == 0)
            mps_print(" %s", words[i].member);
    }
    json_object_object_foreach(o, key, value)
    {
        if (!is_known(key))
            mps_print(" %s %s", key, json_object_get_string(value));
    }
    putchar('\n');
}

static bool print_event(const struct monitor *m, const char *packet)
{
    struct json_object *o;

    if (m->json) {
        mps_print_json_line(packet);
        return fflush(stdout) == 0;
    }
    o = json_tokener_parse(packet);
    if (o && text(o, "event"))
        print_line(o);
    json_object_put(o);
    return fflush(stdout) == 0;
}

/* ---- the agents ---- */

static bool known(const struct monitor *m, pid_t pid)
{
    for (nfds_t i = 1; i < m->n; i++)
        if (pid > 0 && m->pids[i] == pid) /* 0: of another PID namespace */
            return true;
    return false;
}

/* Takes the descriptor. An agent that started just now may be there already. */
static void add(struct monitor *m, int fd, pid_t pid)
{
    if (fd < 0)
        return;
    if (m->n == 1 + AGENTS_MAX || known(m, pid)) {
        close(fd);
        return;
    }
    m->pids[m->n] = pid;
    m->fds[m->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Complains of agents that do not answer, and watches the others. 0 or an exit code. */
static int ask_all(struct monitor *m)
{
    struct mps_agents *agents = mps_agents_ask(MPS_HO_MONITOR, NULL, NULL);
    int code;

    if (!agents)
        return MPS_EXIT_FAILURE;
    code = mps_agents_complain(agents, "monitor");
    for (size_t i = 0; i < agents->n; i++) {
        struct mps_agent *a = &agents->agent[i];

        if (a->answer == MPS_AGENT_ERROR)
            mps_launcher_complain("monitor: agent %s: %s", a->id, strerror(a->reply.error));
        /* An agent that is stopped will find the request when it goes on. */
        if (a->answer != MPS_AGENT_OK && a->answer != MPS_AGENT_SILENT)
            continue;
        add(m, a->events, a->cred.pid);
        a->events = -1; /* taken */
    }
    mps_agents_free(agents);
    return code;
}

/* An agent that has started. Only our own user's and root's are believed; root sees all. */
static void accept_agent(struct monitor *m)
{
    int fd = accept4(m->fds[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
        (cred.uid == geteuid() || cred.uid == 0 || geteuid() == 0))
        add(m, fd, cred.pid);
    else
        close(fd);
}

static int listen_for_agents(void)
{
    char own[12];
    struct sockaddr_un un;
    socklen_t len;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(own, sizeof(own), "%d", (int)getpid());
    len = mps_ho_abstract_name(MPS_HO_MONITOR_PREFIX, own, &un);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&un, len) < 0 || listen(fd, BACKLOG) < 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* False if the output is gone. */
static bool receive(struct monitor *m, nfds_t i)
{
    char packet[MPS_HO_EVENT_MAX];
    ssize_t n = recv(m->fds[i].fd, packet, sizeof(packet) - 1, 0);

    if (n > 0) {
        packet[n] = '\0';
        return print_event(m, packet);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    close(m->fds[i].fd);
    m->fds[i].fd = -1;
    return true;
}

static void forget_closed(struct monitor *m)
{
    nfds_t kept = 1;

    for (nfds_t i = 1; i < m->n; i++) {
        if (m->fds[i].fd < 0)
            continue;
        m->fds[kept] = m->fds[i];
        m->pids[kept++] = m->pids[i];
    }
    m->n = kept;
}

static int watch(struct monitor *m, const sigset_t *mask)
{
    while (!stopped) {
        if (ppoll(m->fds, m->n, NULL, mask) < 0) {
            if (errno == EINTR)
                continue;
            mps_launcher_complain("poll: %s", strerror(errno));
            return MPS_EXIT_FAILURE;
        }
        for (nfds_t i = 1; i < m->n; i++) {
            if (m->fds[i].revents && !receive(m, i)) {
                mps_launcher_complain("standard output: %s", strerror(errno));
                return MPS_EXIT_FAILURE;
            }
        }
        forget_closed(m);
        if (m->fds[0].revents)
            accept_agent(m);
    }
    return 0;
}

/* Interrupts reach us while we wait, and only then. A shell's background job ignores SIGINT. */
static void catch_signals(sigset_t *ret_mask)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigset_t block;

    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, ret_mask);
    sigdelset(ret_mask, SIGINT);
    sigdelset(ret_mask, SIGTERM);
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int mps_launcher_monitor(int argc, char **argv)
{
    static struct monitor m;
    sigset_t mask;
    int code, watched;

    m.json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !m.json) {
        mps_launcher_complain("monitor: no option '%s'; try 'mptcpshim monitor --help'", argv[1]);
        return MPS_EXIT_FAILURE;
    }
    catch_signals(&mask);
    m.fds[0] = (struct pollfd){.fd = listen_for_agents(), .events = POLLIN};
    m.n = 1;
    if (m.fds[0].fd < 0) {
        mps_launcher_complain("monitor: %s", strerror(errno));
        return MPS_EXIT_FAILURE;
    }
    /* Behind the listening name: an agent that starts now either is found or finds us. */
    code = ask_all(&m);
    if (code == MPS_EXIT_FAILURE)
        return code;
    watched = watch(&m, &mask);
    return watched ? watched : code;
}
