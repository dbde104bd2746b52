/* SPDX-License-Identifier: MIT */
#include "marking.h"

#include "lib/test.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake_agent.h"
#include "handover/counts.h"
#include "handover/marks.h"
#include "handover/message.h"

#ifndef SO_GET_FILTER
#define SO_GET_FILTER SO_ATTACH_FILTER
#endif

static struct mps_counts *counts;

/*
 * As core/wire/opening.c has it: this program is built without the sanitizers that the core may
 * have.
 */
const uint8_t marking_magic[8] = {0xf5, 'M', 'P', 'S', '\r', '\n', 0x00, 0xe1};

int bound_new(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_return_code(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), errno);
    return fd;
}

int listener_new(void)
{
    int fd = bound_new();

    assert_return_code(listen(fd, 5), errno);
    return fd;
}

bool is_marked(int fd)
{
    int mss = 0;
    socklen_t len = sizeof(mss);

    assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len), errno);
    return mss == MPS_MARK_LISTEN;
}

bool is_filtered(int fd)
{
    socklen_t n = 0;

    assert_return_code(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n), errno);
    return n > 0;
}

int dial(int listener)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_return_code(getsockname(listener, (struct sockaddr *)&sin, &len), errno);
    assert_return_code(syscall(SYS_connect, fd, &sin, len), errno);
    return fd;
}

void wait_by(enum waiting way, int fd)
{
    const struct timespec now = {0};
    struct timeval also_now = {0};
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    fd_set set;
    int ep;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    switch (way) {
    case BY_POLL:
        assert_int_equal(poll(&pfd, 1, 0), 0);
        break;
    case BY_PPOLL:
        assert_int_equal(ppoll(&pfd, 1, &now, NULL), 0);
        break;
    case BY_SELECT:
        assert_int_equal(select(fd + 1, &set, NULL, NULL, &also_now), 0);
        break;
    case BY_PSELECT:
        assert_int_equal(pselect(fd + 1, &set, NULL, NULL, &now, NULL), 0);
        break;
    default:
        ep = epoll_create1(EPOLL_CLOEXEC);
        assert_return_code(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), errno);
        close(ep);
        break;
    }
}

uint32_t elsewhere(void)
{
    return atomic_load(&counts->n[MPS_COUNTS_SERVER][MPS_PLAIN_ELSEWHERE]);
}

int marking_main(int argc, char **argv, int (*run)(void))
{
    static struct mps_ho_config cfg;
    char number[MPS_HO_COUNTS_MAX];
    pid_t agent, child;
    int status = 1;

    alarm(30);
    if (argc > 1) {
        counts = mps_counts_attach(getenv(MPS_ENV_COUNTS), argv[1]);
        return counts ? run() : 1;
    }
    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_ERROR);
    (void)snprintf(number, sizeof(number), "%d", mps_counts_create(cfg.agent_id));
    child = fork();
    if (child == 0) {
        setenv("LD_PRELOAD", getenv("TEST_PRELOAD"), 1);
        setenv(MPS_ENV_AGENT, cfg.agent_env, 1);
        unsetenv(MPS_ENV_PROGRAM);
        setenv(MPS_ENV_COUNTS, number, 1);
        execl("/proc/self/exe", argv[0], cfg.agent_id, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, &status, 0);
    mps_counts_remove(number);
    fake_agent_stop(agent);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
