/* SPDX-License-Identifier: MIT */
#include "agent_pair.h"

#include "rig.h"
#include "test.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int hand_over(const struct agent_client *a, int op, int tcp, uint64_t *ret_id)
{
    int conn = agent_dial_for(a, op), fd;
    struct mps_ho_request req;
    struct mps_ho_reply reply;

    assert_true(conn >= 0);
    agent_request(&req, op);
    assert_true(agent_call(conn, &req, tcp, &reply, &fd));
    assert_int_equal(reply.status, MPS_HO_OK);
    assert_true(fd >= 0);
    *ret_id = reply.conn_id;
    close(conn);
    close(tcp);
    return fd;
}

void agent_pair_start_with(struct agent_pair *p, const char *options)
{
    int c, s;

    assert_true(agent_start(&p->server, options));
    assert_true(agent_start(&p->client, options));
    p->listener = rig_listen("127.0.0.1", 0, false);
    c = rig_dial("127.0.0.1", rig_port(p->listener), 0);
    s = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    p->app_client = hand_over(&p->client, MPS_HO_CONNECTED, c, &p->id_client);
    p->app_server = hand_over(&p->server, MPS_HO_ACCEPTED, s, &p->id_server);
}

void agent_pair_start(struct agent_pair *p)
{
    agent_pair_start_with(p, "idle=1");
}

bool agent_pair_readable(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};

    return poll(&pfd, 1, 5000) == 1 && (pfd.revents & events) != 0;
}

void agent_pair_end(struct agent_pair *p)
{
    close(p->app_client);
    close(p->app_server);
    close(p->listener);
    assert_int_equal(agent_wait(&p->client, 10), 0);
    assert_int_equal(agent_wait(&p->server, 10), 0);
}

void agent_pair_echo(int from, int to)
{
    char byte = 0;

    assert_int_equal(send(from, "e", 1, 0), 1);
    assert_true(agent_pair_readable(to, POLLIN));
    assert_int_equal(recv(to, &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(byte, 'e');
}
