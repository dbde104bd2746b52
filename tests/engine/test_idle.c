/* SPDX-License-Identifier: MIT */
/* An agent that nobody needs ends; one that is needed at the last moment does not. */
#include "agent_client.h"
#include "rig.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "handover/packet.h"

#define IDLE "idle=1"
/* The idle time and a check of the agent are over by then. */
#define OVER_MS 1700

static void stop_process(pid_t pid)
{
    int status;

    assert_return_code(kill(pid, SIGSTOP), errno);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
}

/*
 * The agent finds out in one look that it has been idle long enough and that somebody comes: it
 * is stopped meanwhile. `op` is asked with a TCP connection, or with none (-1).
 */
static int come_at_the_last_moment(const struct agent_client *a, int op, int tcp,
                                   struct mps_ho_reply *reply)
{
    struct mps_ho_request req;
    int conn, none;

    stop_process(a->pid);
    assert_int_equal(poll(NULL, 0, OVER_MS), 0);
    conn = agent_dial_for(a, op);
    assert_true(conn >= 0);
    agent_request(&req, op);
    assert_true(agent_send(conn, &req, tcp));
    assert_return_code(kill(a->pid, SIGCONT), errno);
    assert_true(mps_ho_packet_receive(conn, reply, tcp < 0 ? sizeof(*reply) : MPS_HO_HEAD_LEN, 0,
                                      &none) > 0);
    return conn;
}

static void test_connection_at_the_last_moment(void **state)
{
    int listener = rig_listen("127.0.0.1", 0, false), tcp, peer, conn;
    struct mps_ho_reply reply;
    struct agent_client a;

    assert_true(agent_start(&a, IDLE));
    tcp = rig_dial("127.0.0.1", rig_port(listener), 0);
    peer = accept(listener, NULL, NULL);
    assert_return_code(peer, errno);
    conn = come_at_the_last_moment(&a, MPS_HO_CONNECTED, tcp, &reply);
    assert_int_equal(reply.status, MPS_HO_OK);
    close(tcp);
    /* It stays as long as the connection does, which nobody has reset. */
    assert_int_equal(agent_wait(&a, OVER_MS / 1000.), -1);
    assert_int_equal(poll(&(struct pollfd){.fd = conn, .events = POLLIN}, 1, 0), 0);
    close(conn);
    close(peer);
    close(listener);
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* A question is answered, and keeps nobody. */
static void test_question_at_the_last_moment(void **state)
{
    struct mps_ho_reply reply;
    struct agent_client a;
    int conn;

    assert_true(agent_start(&a, IDLE));
    conn = come_at_the_last_moment(&a, MPS_HO_PING, -1, &reply);
    assert_int_equal(reply.status, MPS_HO_OK);
    close(conn);
    assert_int_equal(agent_wait(&a, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_at_the_last_moment),
        cmocka_unit_test(test_question_at_the_last_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
