/* SPDX-License-Identifier: MIT */
#include "agent_client.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "handover/names.h"
#include "handover/packet.h"

#define SECRET_HEX "000102030405060708090a0b0c0d0e0f"

static bool start(struct agent_client *a, const char *id, const char *options, const char *flag)
{
    const char *more = getenv("MPS_TEST_OPTIONS");
    char env[128], words[256], byte = 'x', number[16];
    struct pollfd pfd;
    int ready[2];

    snprintf(a->id, sizeof(a->id), "%s", id);
    assert_return_code(pipe(ready), 0);
    a->pid = fork();
    assert_true(a->pid >= 0);
    if (a->pid == 0) {
        snprintf(env, sizeof(env), "%s:" SECRET_HEX ":%u", id, (unsigned)geteuid());
        setenv(MPS_ENV_AGENT, env, 1);
        snprintf(words, sizeof(words), "%s %s", options, more ? more : "");
        setenv(MPS_ENV_OPTIONS, words, 1);
        snprintf(number, sizeof(number), "%d", ready[1]);
        close(ready[0]);
        execl(getenv("MPS_TEST_AGENT"), "mptcpshim-agent", "--ready-fd", number, flag,
              (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    pfd = (struct pollfd){.fd = ready[0], .events = POLLIN};
    if (poll(&pfd, 1, 10000) != 1 || read(ready[0], &byte, 1) != 1)
        byte = 'x';
    close(ready[0]);
    return byte == '\0';
}

bool agent_start_named(struct agent_client *a, const char *id, const char *options)
{
    return start(a, id, options, NULL);
}

static const char *new_id(void)
{
    static char id[17];
    static unsigned n;

    snprintf(id, sizeof(id), "%08x%08x", (unsigned)getpid(), ++n);
    return id;
}

bool agent_start(struct agent_client *a, const char *options)
{
    return start(a, new_id(), options, NULL);
}

bool agent_start_early(struct agent_client *a, const char *options)
{
    return start(a, new_id(), options, "--early");
}

int agent_wait(struct agent_client *a, double seconds)
{
    struct timespec step = {.tv_nsec = 10000000};
    int status;

    for (double t = 0; t < seconds; t += 0.01) {
        if (waitpid(a->pid, &status, WNOHANG) == a->pid) {
            a->pid = -1;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        nanosleep(&step, NULL);
    }
    return -1;
}

int agent_dial(const struct agent_client *a)
{
    return agent_dial_for(a, MPS_HO_PING);
}

int agent_dial_for(const struct agent_client *a, int op)
{
    const bool gives = mps_ho_hands_over((unsigned)op);
    struct sockaddr_un un;
    socklen_t len = gives ? mps_ho_end_name(a->id, &un) : mps_ho_agent_name(a->id, &un);
    int fd = socket(AF_UNIX, (gives ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&un, len) == 0)
        return fd;
    close(fd);
    return -1;
}

void agent_request(struct mps_ho_request *req, int op)
{
    memset(req, 0, sizeof(*req));
    req->magic = MPS_HO_MAGIC;
    req->version = MPS_HO_VERSION;
    req->op = (uint16_t)op;
    for (unsigned i = 0; i < MPS_HO_SECRET_LEN; i++)
        req->secret[i] = (uint8_t)i;
}

bool agent_send(int conn, const struct mps_ho_request *req, int fd)
{
    return mps_ho_packet_send(conn, req, sizeof(*req), 0, fd) == (ssize_t)sizeof(*req);
}

bool agent_call(int conn, const struct mps_ho_request *req, int fd, struct mps_ho_reply *reply,
                int *ret_fd)
{
    const bool gives = mps_ho_hands_over(req->op);
    const size_t len = gives ? MPS_HO_HEAD_LEN : sizeof(*reply);

    *ret_fd = -1;
    if (!agent_send(conn, req, fd) ||
        mps_ho_packet_receive(conn, reply, len, 0, ret_fd) != (ssize_t)len ||
        mps_ho_reply_check(reply, (ssize_t)len) != MPS_HO_REPLY_SOUND)
        return false;
    if (gives && mps_ho_taken(reply))
        *ret_fd = dup(conn);
    return true;
}
