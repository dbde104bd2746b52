/* SPDX-License-Identifier: MIT */
/*
 * An agent that goes away with the connection in its hands: if it has neither read nor sent
 * anything, another one takes the connection; if it has, the connection is reset. The first agent
 * is one of the test's, which ends when a connection comes; the next is a real one, which the
 * library starts.
 */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "handover/config.h"
#include "handover/packet.h"
#include "mptcpshim/mptcpshim.h"

#define WAIT_MS 8000

/* In the processes of a case: cmocka's would go on with the next test there. */
#define need(condition) ((condition) ? (void)0 : give_up(#condition, __LINE__))

static void give_up(const char *what, int line)
{
    fprintf(stderr, "line %d: %s, errno %d\n", line, what, errno);
    _exit(1);
}

enum deed { NOTHING, SENDS, READS, LOOKS };

static void act(int conn, enum deed deed)
{
    char byte = 'x';

    if (deed == SENDS)
        need(send(conn, &byte, 1, MSG_NOSIGNAL) == 1);
    if (deed == READS)
        need(recv(conn, &byte, 1, 0) == 1);
}

/* Says yes to everything until a connection comes. */
static void be_agent(int listener, int ends, enum deed deed)
{
    struct mps_ho_reply reply = {.magic = MPS_HO_MAGIC, .version = MPS_HO_VERSION};
    const ssize_t len = sizeof(struct mps_ho_request);
    struct mps_ho_request req;
    int sock, fd;

    for (;;) {
        struct pollfd ready[] = {{.fd = listener, .events = POLLIN},
                                 {.fd = ends, .events = POLLIN}};

        (void)poll(ready, 2, -1);
        if (ready[1].revents)
            break;
        sock = accept(listener, NULL, NULL);
        if (mps_ho_packet_receive(sock, &req, sizeof(req), 0, &fd) != len)
            _exit(1);
        (void)mps_ho_packet_send(sock, &reply, sizeof(reply), 0, -1);
        close(sock);
    }
    sock = accept(ends, NULL, NULL);
    if (mps_ho_packet_receive(sock, &req, sizeof(req) - 1, 0, &fd) != len - 1)
        _exit(1);
    act(fd, deed);
    _exit(deed == LOOKS && !(req.flags & MPS_HO_NONBLOCK));
}

/* From here on this process has that agent. */
static pid_t take_agent(enum deed deed)
{
    char identity[MPS_HO_AGENT_ENV_MAX];
    static struct mps_ho_config config;
    struct sockaddr_un un;
    socklen_t len;
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int ends = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    need(mps_ho_config_invent(identity));
    need(mps_ho_config_parse(&config, identity));
    len = mps_ho_agent_name(config.agent_id, &un);
    need(bind(listener, (struct sockaddr *)&un, len) == 0);
    need(listen(listener, 5) == 0);
    len = mps_ho_end_name(config.agent_id, &un);
    need(bind(ends, (struct sockaddr *)&un, len) == 0 && listen(ends, 5) == 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        be_agent(listener, ends, deed);
    }
    need(pid > 0);
    close(listener);
    close(ends);
    need(setenv(MPS_ENV_AGENT, identity, 1) == 0);
    return pid;
}

static int make_listener(struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);
    int fd;

    memset(at, 0, sizeof(*at));
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = mptcpshim_listen((struct sockaddr *)at, sizeof(*at), 5, SOCK_CLOEXEC, NULL);
    need(fd >= 0);
    need(getsockname(fd, (struct sockaddr *)at, &len) == 0);
    return fd;
}

static void wait_readable(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};

    need(poll(&look, 1, WAIT_MS) == 1);
}

static void check_byte(int from, int to)
{
    char c = 0;

    need(send(from, "z", 1, MSG_NOSIGNAL) == 1);
    wait_readable(to);
    need(recv(to, &c, 1, 0) == 1);
    need(c == 'z');
}

/* The library reads its environment once, so each case is a process. */
static void in_process(void (*what)(enum deed deed), enum deed deed)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20);
        what(deed);
        fflush(NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("status %#x", status);
}

static void client(enum deed deed)
{
    pid_t agent = take_agent(deed);
    struct sockaddr_in at;
    int listener = make_listener(&at), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
    char c;

    need(mptcpshim_prepare(fd, MPTCPSHIM_CLIENT, NULL) == 0);
    need(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    if (deed == NOTHING) {
        need(mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, NULL) == 1);
        peer = mptcpshim_accept(listener, NULL, NULL, 0, NULL);
        need(peer >= 0);
        check_byte(fd, peer);
        check_byte(peer, fd);
    } else {
        need(mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, NULL) == -1);
        need(errno == ECONNRESET);
        peer = accept(listener, NULL, NULL);
        need(peer >= 0);
        while (recv(peer, &c, 1, 0) == 1)
            ;
        need(errno == ECONNRESET);
    }
    need(waitpid(agent, NULL, 0) == agent);
}

/* With an agent of its own; waits for a byte. */
static void connect_to(const struct sockaddr_in *at)
{
    char c;
    int fd = mptcpshim_connect((const struct sockaddr *)at, sizeof(*at), 0, NULL);

    if (fd >= 0)
        (void)recv(fd, &c, 1, 0);
    _exit(0);
}

static void server(enum deed deed)
{
    struct sockaddr_in at;
    int listener, port[2], fd;
    pid_t agent, peer;

    need(pipe(port) == 0);
    peer = fork();
    if (peer == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (peer == 0 && read(port[0], &at, sizeof(at)) == (ssize_t)sizeof(at))
        connect_to(&at);
    agent = take_agent(deed);
    listener = make_listener(&at);
    need(write(port[1], &at, sizeof(at)) == (ssize_t)sizeof(at));
    fd = accept(listener, NULL, NULL);
    need(fd >= 0);
    wait_readable(fd); /* the peer's HELLO */
    errno = 0;
    if (deed == NOTHING) {
        need(mptcpshim_adopt(fd, MPTCPSHIM_SERVER, NULL) == 1);
        need(mptcpshim_is_multipath(fd) == 1);
    } else {
        /* The HELLO is gone: another agent would wait for it. */
        need(mptcpshim_adopt(fd, MPTCPSHIM_SERVER, NULL) == -1);
        need(errno == ECONNRESET);
    }
    (void)send(fd, "z", 1, MSG_NOSIGNAL);
    close(fd);
    close(listener);
    need(waitpid(agent, NULL, 0) == agent);
    kill(peer, SIGKILL);
    need(waitpid(peer, NULL, 0) == peer);
}

/* Who accepts without waiting does not wait for the agent: the request says so. */
static void server_in_a_hurry(enum deed deed)
{
    struct sockaddr_in at;
    pid_t agent = take_agent(deed);
    int listener = make_listener(&at), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
    int status = -1;

    need(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    need(mptcpshim_prepare(fd, MPTCPSHIM_CLIENT, NULL) == 0);
    need(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    wait_readable(listener);
    peer = mptcpshim_accept(listener, NULL, NULL, 0, NULL);
    need(peer >= 0);
    need(waitpid(agent, &status, 0) == agent);
    need(status == 0);
}

static void test_client(void **state)
{
    in_process(client, NOTHING);
    in_process(client, SENDS);
}

static void test_server(void **state)
{
    in_process(server, NOTHING);
    in_process(server, READS);
}

static void test_accept_in_a_hurry(void **state)
{
    in_process(server_in_a_hurry, LOOKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_server),
        cmocka_unit_test(test_accept_in_a_hurry),
    };

    unsetenv(MPS_ENV_AGENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
