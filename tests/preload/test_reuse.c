/* SPDX-License-Identifier: MIT */
/*
 * A number is closed and given to a file while the agent has the connection that was behind it
 * (scenario_reuse.c). The agent here answers when the file is there, and not before.
 */
#include "lib/test.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake_agent.h"
#include "handover/marks.h"
#include "peer.h"

#define LIMIT_MS 3000 /* the program would wait for the agent's reply for 5 s */

static void set_mss(int fd, int mss)
{
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)), 0);
}

static int marked_listener(struct sockaddr_in *ret)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(*ret);
    int fd = peer_socket(SOCK_CLOEXEC);

    set_mss(fd, MPS_MARK_LISTEN);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

static pid_t start(const struct mps_ho_config *cfg, const char *way, int port, int *ret_out,
                   int *ret_text)
{
    char *peer = getenv("TEST_PEER"), number[16];
    char *argv[] = {peer, (char *)"reused", (char *)way, number, NULL};
    int out[2], text[2];
    pid_t pid;

    snprintf(number, sizeof(number), "%d", port);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(text, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(text[1], STDERR_FILENO);
        setenv("LD_PRELOAD", getenv("TEST_PRELOAD"), 1);
        setenv(MPS_ENV_AGENT, cfg->agent_env, 1);
        setenv(MPS_ENV_OPTIONS, "local=127.0.0.1", 1);
        unsetenv(MPS_ENV_PROGRAM);
        execv(peer, argv);
        _exit(127);
    }
    assert_true(pid > 0);
    close(out[1]);
    close(text[1]);
    *ret_out = out[0];
    *ret_text = text[0];
    return pid;
}

static void expect(int fd, const char *line)
{
    size_t got = 0, want = strlen(line);
    char text[128] = "";

    while (got < want) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
        n = read(fd, text + got, want - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_string_equal(text, line);
}

static int connect_to(int out)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char port[16] = "";
    int fd = peer_socket(SOCK_CLOEXEC);

    assert_true(read(out, port, sizeof(port) - 1) > 0);
    sin.sin_port = htons((in_port_t)atoi(port));
    set_mss(fd, MPS_MARK_CONNECT);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    return fd;
}

static void test_way(void **state)
{
    static struct mps_ho_config cfg;
    const char *way = *state;
    struct sockaddr_in sin;
    int listener = marked_listener(&sin), fd, out, text, status;
    pid_t agent, pid;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_HELD);
    pid = start(&cfg, way, ntohs(sin.sin_port), &out, &text);
    fd = strcmp(way, "accept") == 0 ? connect_to(out) : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    expect(fd, FAKE_HOLDS);
    assert_int_equal(kill(pid, SIGUSR1), 0);
    expect(text, "reused 1\n");
    assert_int_equal(write(fd, "g", 1), 1);
    expect(text, "file 1\n");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fake_agent_stop(agent);
    close(fd);
    close(out);
    close(text);
    close(listener);
}

int main(void)
{
    static char *const ways[] = {(char *)"close",  (char *)"dup2",      (char *)"dup3",
                                 (char *)"fclose", (char *)"closefrom", (char *)"close_range",
                                 (char *)"unseen", (char *)"accept"};
    struct CMUnitTest tests[sizeof(ways) / sizeof(ways[0])];

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        tests[i] = (struct CMUnitTest){
            .name = ways[i], .test_func = test_way, .initial_state = (void *)ways[i]};
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
