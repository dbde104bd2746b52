/* SPDX-License-Identifier: MIT */
/*
 * Each scenario of peer.h four times: plain TCP, the preload on both sides, on one, on the other.
 * Both sides must print the same each time, and the connection must have been swapped exactly
 * where it should.
 */
#include "lib/test.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "handover/config.h"
#include "peer.h"

#define TRANSCRIPT_MAX 65536
#define LINES_MAX      2048
#define LIMIT_MS       25000

enum { SHIM_SERVER = 1, SHIM_CLIENT = 2 };

struct side {
    pid_t pid;
    int out; /* its transcript */
    char transcript[TRANSCRIPT_MAX];
    bool swapped, plain; /* a connection was, was not */
};

static char agent_env[MPS_HO_AGENT_ENV_MAX];

/* Each program run gets its own agent. */
static int setup(void **state)
{
    uint8_t secret[MPS_HO_SECRET_LEN];
    const char *more = getenv("TEST_OPTIONS");
    char id[MPS_HO_ID_LEN + 1], options[256];
    struct timespec now;

    (void)state;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(id, sizeof(id), "%016llx", (unsigned long long)now.tv_nsec << 32 | (unsigned)getpid());
    memset(secret, 0x5a, sizeof(secret));
    mps_ho_config_format(id, secret, geteuid(), agent_env);
    snprintf(options, sizeof(options), "idle=1 local=127.0.0.1 marks=yes %s", more ? more : "");
    setenv("MPTCPSHIM_OPTIONS", options, 1);
    return 0;
}

static void start(struct side *side, bool shim, char *const *argv, int *ret_port_pipe)
{
    int transcript[2], port[2];

    assert_int_equal(pipe2(transcript, O_CLOEXEC), 0);
    assert_int_equal(pipe2(port, O_CLOEXEC), 0);
    side->pid = fork();
    assert_true(side->pid >= 0);
    if (side->pid == 0) {
        dup2(port[1], STDOUT_FILENO);
        dup2(transcript[1], STDERR_FILENO);
        if (shim) {
            setenv("LD_PRELOAD", getenv("TEST_PRELOAD"), 1);
            setenv(MPS_ENV_PROGRAM, getenv("TEST_AGENT"), 1);
            setenv(MPS_ENV_AGENT, agent_env, 1);
        }
        execv(argv[0], argv);
        _exit(127);
    }
    close(transcript[1]);
    close(port[1]);
    side->out = transcript[0];
    *ret_port_pipe = port[0];
}

static void read_port(int fd, char port[16])
{
    size_t n = 0;

    for (;;) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};

        assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
        if (n >= 15 || read(fd, port + n, 1) != 1 || port[n] == '\n')
            break;
        n++;
    }
    port[n] = '\0';
    assert_true(n > 0);
}

/* Until both have closed their transcripts: children they left behind included. */
static void collect(struct side *a, struct side *b)
{
    struct side *sides[2] = {a, b};
    size_t used[2] = {0, 0};
    int open_sides = 2;

    while (open_sides > 0) {
        struct pollfd pfd[2];

        for (int i = 0; i < 2; i++)
            pfd[i] = (struct pollfd){.fd = sides[i]->out, .events = POLLIN};
        if (poll(pfd, 2, LIMIT_MS) <= 0)
            fail_msg("no end. Server so far:\n%.*s-- client:\n%.*s", (int)used[0], a->transcript,
                     (int)used[1], b->transcript);
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (pfd[i].fd < 0 || pfd[i].revents == 0)
                continue;
            n = read(pfd[i].fd, sides[i]->transcript + used[i], TRANSCRIPT_MAX - 1 - used[i]);
            if (n > 0) {
                used[i] += (size_t)n;
            } else {
                close(sides[i]->out);
                sides[i]->out = -1;
                open_sides--;
            }
        }
    }
    for (int i = 0; i < 2; i++)
        sides[i]->transcript[used[i]] = '\0';
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Take the "#swapped" lines out. Lines of several processes of one side come in any order: sort. */
static void normalise(struct side *side)
{
    char copy[TRANSCRIPT_MAX], *lines[LINES_MAX], *save = NULL;
    size_t n = 0, used = 0;

    strcpy(copy, side->transcript);
    for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        assert_true(n < LINES_MAX);
        if (strcmp(l, "#swapped 1") == 0)
            side->swapped = true;
        else if (strcmp(l, "#swapped 0") == 0)
            side->plain = true;
        else
            lines[n++] = l;
    }
    qsort(lines, n, sizeof(lines[0]), compare_lines);
    side->transcript[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(side->transcript + used, TRANSCRIPT_MAX - used, "%s\n", lines[i]);
}

static void finish(struct side *side)
{
    int status;

    assert_int_equal(waitpid(side->pid, &status, 0), side->pid);
    normalise(side);
}

static void run(const struct scenario *s, int shims, struct side *server, struct side *client)
{
    char *peer = getenv("TEST_PEER");
    char port[16];
    char *server_argv[] = {peer, "server", (char *)s->name, NULL};
    char *other = getenv("TEST_PEER_CLIENT");
    char *client_argv[] = {other ? other : peer, "client", (char *)s->name, port, NULL};
    int port_pipe, unused;

    memset(server, 0, sizeof(*server));
    memset(client, 0, sizeof(*client));
    start(server, shims & SHIM_SERVER, server_argv, &port_pipe);
    read_port(port_pipe, port);
    start(client, shims & SHIM_CLIENT, client_argv, &unused);
    collect(server, client);
    close(port_pipe);
    close(unused);
    finish(server);
    finish(client);
}

static void test_scenario(void **state)
{
    static struct side server[4], client[4];
    const struct scenario *s = *state;

    for (int shims = 0; shims < 4; shims++) {
        run(s, shims, &server[shims], &client[shims]);
        if (getenv("TEST_VERBOSE"))
            fprintf(stderr, "-- %s/%d server:\n%s-- client:\n%s", s->name, shims,
                    server[shims].transcript, client[shims].transcript);
    }
    for (int shims = 0; shims < 4; shims++) {
        bool both = shims == (SHIM_SERVER | SHIM_CLIENT);

        assert_string_equal(server[shims].transcript, server[0].transcript);
        assert_string_equal(client[shims].transcript, client[0].transcript);
        if (s->swaps) {
            assert_int_equal(server[shims].swapped, both);
            assert_int_equal(client[shims].swapped, both);
        }
    }
    assert_non_null(strstr(client[0].transcript, "client done"));
    assert_null(strstr(client[0].transcript, "failed:"));
    assert_null(strstr(server[0].transcript, "failed:"));
}

/* All, or those of the command line. */
static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[256];
    size_t n = 0;

    for (int i = 0; scenario_lists[i]; i++)
        for (const struct scenario *s = scenario_lists[i]; s->name; s++)
            if (is_wanted(s->name, argc, argv))
                tests[n++] = (struct CMUnitTest){
                    .name = s->name, .test_func = test_scenario, .initial_state = (void *)s};
    assert(n > 0 && (argc < 2 || n == (size_t)argc - 1));
    return _cmocka_run_group_tests("differential", tests, n, setup, NULL);
}
