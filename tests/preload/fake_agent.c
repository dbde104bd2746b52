/* SPDX-License-Identifier: MIT */
#include "fake_agent.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "handover/packet.h"

void fake_agent_config(struct mps_ho_config *ret)
{
    char text[MPS_HO_AGENT_ENV_MAX];

    if (!mps_ho_config_invent(text))
        abort();
    if (!mps_ho_config_init(ret, text, NULL, NULL, NULL))
        abort();
}

static void hold(int fd)
{
    struct pollfd answered = {.fd = fd, .events = POLLIN};

    if (send(fd, FAKE_HOLDS, sizeof(FAKE_HOLDS) - 1, MSG_NOSIGNAL) <= 0 ||
        poll(&answered, 1, -1) != 1)
        abort();
}

static void answer(int sock, const struct mps_ho_request *req, enum fake_behaviour behaviour,
                   int fd)
{
    struct mps_ho_reply reply = {.magic = MPS_HO_MAGIC, .version = MPS_HO_VERSION};
    const bool gives = mps_ho_hands_over(req->op);
    int ends[2] = {-1, -1};

    switch (behaviour) {
    case FAKE_HELD:
        hold(fd);
        /* fall through */
    case FAKE_OK:
    case FAKE_SLOW:
        reply.buffer = 1 << 16;
        reply.conn_id = FAKE_CONN_ID;
        if (gives)
            break;
        reply.len = sizeof(req->secret);
        memcpy(reply.data, req->secret, sizeof(req->secret));
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
            abort();
        break;
    case FAKE_PLAIN:
        reply.status = MPS_HO_AGAIN_PLAIN;
        break;
    case FAKE_ERROR:
        reply.status = MPS_HO_ERROR;
        reply.error = ENOBUFS;
        break;
    case FAKE_LOST:
        return;
    case FAKE_SILENT:
        pause();
        return;
    case FAKE_GARBAGE:
        (void)send(sock, "what?", 5, MSG_NOSIGNAL);
        return;
    }
    (void)mps_ho_packet_send(sock, &reply, gives ? MPS_HO_HEAD_LEN : sizeof(reply), 0, ends[0]);
    if (behaviour == FAKE_SLOW)
        usleep(50000);
    close(ends[0]);
    close(ends[1]);
}

static void serve(int listener, int ends, enum fake_behaviour behaviour)
{
    for (;;) {
        struct pollfd ready[2] = {{.fd = listener, .events = POLLIN},
                                  {.fd = ends, .events = POLLIN}};
        struct mps_ho_request req;
        ssize_t len = sizeof(req);
        int fd = -1, sock;

        if (poll(ready, 2, -1) < 1)
            _exit(1);
        sock = accept(ready[0].revents ? listener : ends, NULL, NULL);
        if (sock < 0)
            _exit(1);
        if (!ready[0].revents)
            len--; /* the last byte stays */
        if (mps_ho_packet_receive(sock, &req, (size_t)len, 0, &fd) == len) {
            /* A listener's announcement is welcome in any case. */
            answer(sock, &req, req.op == MPS_HO_LISTEN ? FAKE_OK : behaviour, fd);
        }
        if (fd >= 0)
            close(fd);
        close(sock);
    }
}

static int listen_at(int type, const struct sockaddr_un *un, socklen_t len)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)un, len) != 0 || listen(fd, 16) != 0)
        abort();
    return fd;
}

pid_t fake_agent_start(const struct mps_ho_config *config, enum fake_behaviour behaviour)
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_agent_name(config->agent_id, &un);
    int listener = listen_at(SOCK_SEQPACKET, &un, len), ends;
    pid_t pid;

    len = mps_ho_end_name(config->agent_id, &un);
    ends = listen_at(SOCK_STREAM, &un, len);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener, ends, behaviour);
    }
    if (pid < 0)
        abort();
    close(listener);
    close(ends);
    return pid;
}

void fake_agent_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
