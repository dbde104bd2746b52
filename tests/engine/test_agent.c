/* SPDX-License-Identifier: MIT */
/* The agent as a process: readiness, idle exit, sudden death, too few descriptors. */
#include "agent_client.h"
#include "agent_pair.h"
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "engine/agent/control.h"

static void test_transfer_and_idle_exit(void **state)
{
    struct stream s = {.seed = 21, .length = 20u << 20};
    struct agent_pair p;

    agent_pair_start(&p);
    s.from = p.app_client;
    s.to = p.app_server;
    while (!stream_step(&s))
        agent_pair_readable(s.to, POLLIN);
    assert_false(s.broken);
    assert_int_equal(s.error, 0);
    agent_pair_end(&p);
}

static void test_killed_agent_is_a_reset(void **state)
{
    struct agent_pair p;
    char byte;

    agent_pair_start_with(&p, "idle=1 stop-timeout=0");
    assert_int_equal(send(p.app_client, "x", 1, 0), 1);
    assert_true(agent_pair_readable(p.app_server, POLLIN));
    assert_return_code(kill(p.server.pid, SIGKILL), errno);
    assert_int_equal(agent_wait(&p.server, 10), 128 + SIGKILL);
    assert_true(agent_pair_readable(p.app_server, POLLHUP));
    assert_int_equal(recv(p.app_server, &byte, 1, 0), 1);
    assert_int_equal(recv(p.app_server, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    /* An agent that is told to end at once resets what it still has. */
    assert_return_code(kill(p.client.pid, SIGTERM), errno);
    assert_int_equal(agent_wait(&p.client, 10), 0);
    assert_true(agent_pair_readable(p.app_client, POLLHUP));
    assert_int_equal(recv(p.app_client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(p.app_client);
    close(p.app_server);
    close(p.listener);
}

static void test_second_agent_leaves(void **state)
{
    struct agent_client first, second;

    assert_true(agent_start(&first, "idle=1"));
    assert_false(agent_start_named(&second, first.id, "idle=1"));
    assert_int_equal(agent_wait(&second, 10), 0);
    assert_int_equal(agent_wait(&first, 10), 0);
}

/* Nobody would find it: names of agents are in lower case, and compared to the letter. */
static void test_identity_in_upper_case(void **state)
{
    struct agent_client agent;

    assert_false(agent_start_named(&agent, "0123456789ABCDEF", "idle=1"));
    assert_int_equal(agent_wait(&agent, 10), 2);
}

/* ---- what cannot be served ---- */

static bool is_served(const struct agent_client *a)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int conn = agent_dial(a), fd;
    bool served;

    assert_true(conn >= 0);
    agent_request(&req, MPS_HO_PING);
    served = agent_call(conn, &req, -1, &reply, &fd);
    close(conn);
    return served;
}

/* A limit below which so many numbers are free. */
static unsigned tight_limit(const struct agent_client *a, unsigned left)
{
    char path[64];
    unsigned limit = 0, n_free = 0;
    struct stat st;

    while (n_free < left) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)a->pid, limit++);
        n_free += lstat(path, &st) < 0;
    }
    return limit;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define SILENT 8 /* as many as the agent keeps of a process */

/* At the limit newcomers are turned away at once, and who is there goes on. */
static void test_no_descriptors(void **state)
{
    struct rlimit limit, low;
    int silent[SILENT];
    double start;
    struct agent_pair p;

    agent_pair_start(&p);
    agent_pair_echo(p.app_client, p.app_server);
    assert_int_equal(prlimit(p.server.pid, RLIMIT_NOFILE, NULL, &limit), 0);
    low = limit;
    low.rlim_cur = tight_limit(&p.server, 2);
    assert_int_equal(prlimit(p.server.pid, RLIMIT_NOFILE, &low, NULL), 0);
    assert_true(is_served(&p.server));
    start = seconds();
    for (int i = 0; i < SILENT; i++)
        silent[i] = agent_dial(&p.server);
    for (int i = 0; i < 20; i++) {
        bool served = is_served(&p.server);

        /* Later the silent ones are dropped. */
        assert_false(served && seconds() - start < MPS_CONTROL_SILENCE);
        agent_pair_echo(p.app_client, p.app_server);
        agent_pair_echo(p.app_server, p.app_client);
    }
    assert_int_equal(prlimit(p.server.pid, RLIMIT_NOFILE, &limit, NULL), 0);
    assert_true(is_served(&p.server));
    for (int i = 0; i < SILENT; i++)
        close(silent[i]);
    agent_pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer_and_idle_exit),
        cmocka_unit_test(test_killed_agent_is_a_reset),
        cmocka_unit_test(test_second_agent_leaves),
        cmocka_unit_test(test_identity_in_upper_case),
        cmocka_unit_test(test_no_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
