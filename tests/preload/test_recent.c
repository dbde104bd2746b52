/* SPDX-License-Identifier: MIT */
/* Peers that answered without a mark are left alone for a moment. */
#include "lib/test.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../preload/interpose/recent.h"
#include "fake_agent.h"
#include "handover/marks.h"
#include "peer.h"

#define CONNECTIONS 50 /* of scenario data_many */
#define SIZE        2000

static void known_for_a_moment(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)}, other = v4;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)}, scope;

    inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr);
    assert_false(mps_recent_is_plain((struct sockaddr *)&v4));
    assert_false(mps_recent_is_plain((struct sockaddr *)&v6));
    mps_recent_remember((struct sockaddr *)&v4);
    assert_true(mps_recent_is_plain((struct sockaddr *)&v4));
    other = v4;
    other.sin_port = htons(81);
    assert_false(mps_recent_is_plain((struct sockaddr *)&other));
    other = v4;
    inet_pton(AF_INET, "192.0.2.2", &other.sin_addr);
    assert_false(mps_recent_is_plain((struct sockaddr *)&other));
    mps_recent_remember((struct sockaddr *)&v6);
    assert_true(mps_recent_is_plain((struct sockaddr *)&v6));
    scope = v6;
    scope.sin6_scope_id = 2;
    assert_false(mps_recent_is_plain((struct sockaddr *)&scope));
}

static void forgotten_again(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(443)};
    struct timespec start, now;

    inet_pton(AF_INET, "192.0.2.9", &v4.sin_addr);
    clock_gettime(CLOCK_MONOTONIC, &start);
    mps_recent_remember((struct sockaddr *)&v4);
    do {
        (void)poll(NULL, 0, 20);
        clock_gettime(CLOCK_MONOTONIC, &now);
        assert_true(now.tv_sec - start.tv_sec < 30);
    } while (mps_recent_is_plain((struct sockaddr *)&v4));
    assert_true((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 >=
                MPS_RECENT_MS - 20); /* the coarse clock's step */
}

static pid_t start_client(const struct mps_ho_config *cfg, const char *port)
{
    char *peer = getenv("TEST_PEER");
    char *argv[] = {peer, "client", "data_many", (char *)port, NULL};
    pid_t pid = fork();

    if (pid == 0) {
        setenv("LD_PRELOAD", getenv("TEST_PRELOAD"), 1);
        setenv(MPS_ENV_AGENT, cfg->agent_env, 1);
        setenv(MPS_ENV_OPTIONS, "local=127.0.0.1", 1);
        unsetenv(MPS_ENV_PROGRAM);
        execv(peer, argv);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

/* 50 connections to a plain server within a moment: the first one tries. */
static void one_try(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static struct mps_ho_config cfg;
    socklen_t len = sizeof(sin);
    int listener = peer_socket(SOCK_CLOEXEC), on = 1, marked = 0, status;
    char port[8];
    time_t start = time(NULL);
    pid_t pid;

    fake_agent_config(&cfg); /* and none runs: a swap could not succeed */
    assert_int_equal(setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof(on)), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
    snprintf(port, sizeof(port), "%d", ntohs(sin.sin_port));
    pid = start_client(&cfg, port);
    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        bool is_marked;

        assert_true(fd >= 0);
        is_marked = mps_marks_saved_syn(fd) == MPS_MARK_CONNECT;
        assert_true(is_marked || i > 0);
        marked += is_marked;
        send_pattern(fd, (uint64_t)i, SIZE);
        assert_true(receive_all(fd, (uint64_t)i, SIZE));
        close(fd);
    }
    assert_in_range(marked, 1, 2 + (time(NULL) - start) * 1000 / MPS_RECENT_MS);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_for_a_moment),
        cmocka_unit_test(forgotten_again),
        cmocka_unit_test(one_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
