/* SPDX-License-Identifier: MIT */
/*
 * Other users, silent clients, wrong messages and wrong descriptors at the agent's control socket.
 */
#include "agent_client.h"
#include "rig.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "engine/agent/control.h"
#include "handover/names.h"

#define WORKER   65533 /* knows the secret */
#define STRANGER 65534
#define MANY     300

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Descriptors of the agent. */
static unsigned n_files(const struct agent_client *a)
{
    char path[32];
    unsigned n = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)a->pid);
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static bool is_back(const struct agent_client *a, unsigned files)
{
    for (int i = 0; i < 500 && n_files(a) > files; i++)
        poll(NULL, 0, 10);
    return n_files(a) <= files;
}

/* A request, by a child of that user: status of the reply, -1 none; *ret_error. */
static int request_as(const struct agent_client *a, uid_t uid, int op, bool right, int *ret_error)
{
    int pair[2], said[2] = {-1, 0};
    pid_t child;

    assert_return_code(pipe(pair), errno);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct mps_ho_request req;
        struct mps_ho_reply reply;
        int conn, fd;

        agent_request(&req, op);
        req.secret[5] ^= right ? 0 : 1;
        if (uid != 0 && setresuid(uid, uid, uid) < 0)
            _exit(1);
        conn = agent_dial(a);
        if (conn >= 0 && agent_call(conn, &req, -1, &reply, &fd)) {
            said[0] = reply.status;
            said[1] = reply.error;
        }
        _exit(write(pair[1], said, sizeof(said)) == sizeof(said) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(read(pair[0], said, sizeof(said)), sizeof(said));
    close(pair[0]);
    close(pair[1]);
    if (ret_error)
        *ret_error = said[1];
    return said[0];
}

static bool is_served(const struct agent_client *a, uid_t uid)
{
    return request_as(a, uid, MPS_HO_PING, true, NULL) == MPS_HO_OK;
}

/* A child of that user that connects so often, and says nothing; it says when it has. */
static pid_t sit(const struct agent_client *a, uid_t uid, unsigned n, int *ret_pipe)
{
    int pair[2];
    pid_t child;
    char byte;

    assert_return_code(pipe(pair), errno);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (uid != 0 && setresuid(uid, uid, uid) < 0)
            _exit(1);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* which a change of the user would take off */
        for (unsigned i = 0; i < n; i++)
            (void)agent_dial_for(a, i % 2 ? MPS_HO_CONNECTED : MPS_HO_PING);
        (void)!write(pair[1], "x", 1);
        for (;;)
            pause();
    }
    close(pair[1]);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    *ret_pipe = pair[0];
    return child;
}

static void end_child(pid_t child, int fd)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(fd);
}

/* All of the agent's places are taken, many times over; others are served all the same. */
static void silence(void **state)
{
    static const uid_t users[] = {STRANGER, 0};
    struct agent_client a;
    unsigned files;

    if (geteuid() != 0)
        skip();
    assert_true(agent_start(&a, "idle=1"));
    assert_true(is_served(&a, 0));
    files = n_files(&a);
    for (unsigned i = 0; i < 2; i++) {
        int fd;
        pid_t child = sit(&a, users[i], MANY, &fd);
        double start = now();

        for (unsigned k = 0; k < 20; k++) {
            assert_true(is_served(&a, 0));
            assert_true(is_served(&a, WORKER));
        }
        assert_in_range(n_files(&a), 0, files + MPS_CONTROL_SILENT_PROCESS + 2);
        /* They are dropped although the other side keeps them. */
        assert_true(is_back(&a, files));
        assert_true(now() - start < MPS_CONTROL_SILENCE + 3);
        end_child(child, fd);
    }
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* Processes of one user together. */
static void silent_processes(void **state)
{
    pid_t child[8];
    struct agent_client a;
    unsigned files;
    int fd[8];

    if (geteuid() != 0)
        skip();
    assert_true(agent_start(&a, "idle=1"));
    assert_true(is_served(&a, 0));
    files = n_files(&a);
    for (unsigned i = 0; i < 8; i++)
        child[i] = sit(&a, STRANGER, 8, &fd[i]);
    assert_true(is_served(&a, 0));
    assert_true(is_served(&a, WORKER));
    assert_in_range(n_files(&a), 0, files + MPS_CONTROL_SILENT_USER + 2);
    for (unsigned i = 0; i < 8; i++)
        end_child(child[i], fd[i]);
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* Who was found to be a stranger is not heard for a while; who knew the secret once is. */
static void secrets(void **state)
{
    struct agent_client a;
    double refused;

    if (geteuid() != 0)
        skip();
    assert_true(agent_start(&a, "idle=3"));
    assert_int_equal(request_as(&a, STRANGER, MPS_HO_PING, false, NULL), -1);
    refused = now();
    if (!is_served(&a, STRANGER))
        assert_true(now() - refused < MPS_VISITORS_TIME + 1);
    for (int i = 0; i < 400 && !is_served(&a, STRANGER); i++)
        poll(NULL, 0, 10);
    assert_true(is_served(&a, STRANGER));
    assert_true(now() - refused >= MPS_VISITORS_TIME - 0.1);
    assert_int_equal(request_as(&a, STRANGER, MPS_HO_PING, false, NULL), -1);
    assert_true(is_served(&a, STRANGER));
    /* Its own user needs no secret. */
    assert_int_equal(request_as(&a, 0, MPS_HO_PING, false, NULL), MPS_HO_OK);
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* A worker hands connections over; the agent is not its to look at or to change. */
static void management(void **state)
{
    static const int ops[] = {MPS_HO_STATUS, MPS_HO_PATHS, MPS_HO_PATH, MPS_HO_CONN_SET,
                              MPS_HO_MONITOR};
    struct agent_client a;
    int error;

    if (geteuid() != 0)
        skip();
    assert_true(agent_start(&a, "idle=1"));
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(request_as(&a, WORKER, ops[i], true, &error), MPS_HO_ERROR);
        assert_int_equal(error, EPERM);
    }
    assert_int_equal(request_as(&a, 0, MPS_HO_STATUS, true, NULL), MPS_HO_OK);
    assert_int_equal(agent_wait(&a, 10), 0);
}

static int of_kind(unsigned kind)
{
    int pair[2] = {-1, -1};

    switch (kind) {
    case 0:
        return socket(AF_INET, SOCK_DGRAM, 0);
    case 1:
        return socket(AF_INET, SOCK_STREAM, 0); /* not connected */
    case 2:
        return open("/", O_RDONLY | O_DIRECTORY);
    case 3:
        return open("/dev/zero", O_RDONLY);
    case 4:
        return memfd_create("x", 0);
    case 5:
        return rig_listen("127.0.0.1", 0, false);
    case 6:
        return open("/proc/self/mem", O_RDWR);
    case 7:
        return socket(AF_INET6, SOCK_STREAM, 0);
    case 8:
        return open("/dev/null", O_RDONLY | O_PATH);
    case 9:
    case 10:
        if ((kind == 9 ? pipe(pair) : socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) == 0)
            close(pair[0]);
        return pair[1];
    default:
        return -2;
    }
}

/* None of them is taken for a connection, kept, or waited for. */
static void wrong_descriptors(void **state)
{
    static const int ops[] = {MPS_HO_CONNECTED,
                              MPS_HO_ACCEPTED,
                              MPS_HO_MONITOR,
                              MPS_HO_SETOPT,
                              MPS_HO_PING,
                              MPS_HO_STATUS,
                              999};
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    struct agent_client a;
    unsigned files;
    int fd, got, conn;

    assert_true(agent_start(&a, "idle=1"));
    assert_true(is_served(&a, geteuid()));
    files = n_files(&a);
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        for (unsigned kind = 0; (fd = of_kind(kind)) != -2; kind++) {
            agent_request(&req, ops[i]);
            conn = agent_dial_for(&a, ops[i]);
            assert_true(conn >= 0);
            if (agent_call(conn, &req, fd, &reply, &got)) {
                assert_true(ops[i] == MPS_HO_PING || ops[i] == MPS_HO_STATUS ||
                            reply.status == MPS_HO_ERROR || reply.status == MPS_HO_AGAIN_PLAIN);
                assert_true(got < 0 || ops[i] == MPS_HO_STATUS);
            }
            close(got);
            close(conn);
            close(fd);
        }
    }
    assert_true(is_served(&a, geteuid()));
    assert_true(is_back(&a, files));
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* Any bytes, of any length, with descriptors. */
static void garbage(void **state)
{
    uint8_t bytes[sizeof(struct mps_ho_request) + 64];
    struct agent_client a;
    unsigned files, seed = 1;

    assert_true(agent_start(&a, "idle=1"));
    assert_true(is_served(&a, geteuid()));
    files = n_files(&a);
    for (unsigned i = 0; i < 3000; i++) {
        struct mps_ho_request req;
        int conn = agent_dial_for(&a, i % 2 ? MPS_HO_CONNECTED : MPS_HO_PING);
        size_t len;

        assert_true(conn >= 0);
        agent_request(&req, rand_r(&seed) % 30);
        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = (uint8_t)rand_r(&seed);
        if (i % 4 != 0)
            memcpy(bytes, &req, offsetof(struct mps_ho_request, conn_id));
        len = i % 3 == 0 ? (size_t)rand_r(&seed) % sizeof(bytes) : sizeof(req);
        /* A length within the data, mostly: the rest of the request is what it is. */
        if (i % 8 != 0)
            memset(bytes + offsetof(struct mps_ho_request, len), 0, 4);
        (void)!send(conn, bytes, len, MSG_NOSIGNAL);
        close(conn);
    }
    assert_true(is_served(&a, geteuid()));
    assert_true(is_back(&a, files));
    assert_int_equal(agent_wait(&a, 20), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence),           cmocka_unit_test(silent_processes),
        cmocka_unit_test(secrets),           cmocka_unit_test(management),
        cmocka_unit_test(wrong_descriptors), cmocka_unit_test(garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
