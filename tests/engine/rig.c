/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include "stream.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/agent/job.h"
#include "engine/show/log.h"
#include "engine/net/sock.h"
#include "handover/marks.h"
#include "handover/message.h"

void rig_init(struct rig *rig, const char *options)
{
    struct mps_options opt;

    signal(SIGPIPE, SIG_IGN);
    if (getenv("MPS_TEST_LOG"))
        mps_log_open(getenv("MPS_TEST_LOG"));
    mps_options_init(&opt);
    opt.threads = 1; /* the loop is here */
    assert_int_equal(mps_options_parse(&opt, options, strlen(options), NULL), 0);
    rig->loop = ev_loop_new(EVBACKEND_EPOLL);
    assert_non_null(rig->loop);
    assert_int_equal(mps_hub_init(&rig->client_hub, rig->loop, "00000000000000c1", &opt, NULL), 0);
    assert_int_equal(mps_hub_init(&rig->server_hub, rig->loop, "00000000000000d1", &opt, NULL), 0);
    rig->client = &rig->client_hub.workers[0].engine;
    rig->server = &rig->server_hub.workers[0].engine;
    rig->listener = rig_listen("127.0.0.1", 0, true);
    rig->port = rig_port(rig->listener);
}

void rig_deinit(struct rig *rig)
{
    mps_hub_deinit(&rig->client_hub);
    mps_hub_deinit(&rig->server_hub);
    if (rig->listener >= 0)
        close(rig->listener);
    ev_loop_destroy(rig->loop);
}

static socklen_t address(const char *addr, uint16_t port, struct sockaddr_storage *ss)
{
    struct mps_addr a = {.port = port};

    if (inet_pton(AF_INET, addr, a.ip) == 1)
        a.family = MPS_AF_INET;
    else if (inet_pton(AF_INET6, addr, a.ip) == 1)
        a.family = MPS_AF_INET6;
    return mps_sock_from_addr(&a, ss);
}

int rig_listen(const char *addr, uint16_t port, bool share)
{
    struct sockaddr_storage ss;
    socklen_t len = address(addr, port, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (share)
        assert_true(mps_sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1));
    assert_return_code(bind(fd, (struct sockaddr *)&ss, len), errno);
    assert_return_code(listen(fd, 256), errno);
    return fd;
}

uint16_t rig_port(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct mps_addr addr;

    assert_return_code(getsockname(fd, (struct sockaddr *)&ss, &len), errno);
    mps_sock_to_addr(&ss, &addr);
    return addr.port;
}

int rig_dial(const char *addr, uint16_t port, int mark)
{
    struct sockaddr_storage ss;
    socklen_t len = address(addr, port, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (mps_mark_is_join((unsigned)mark))
        assert_int_equal(mps_marks_prepare_join(fd, (unsigned)mark, 0), 0);
    else if (mark)
        assert_true(mps_sock_set_int(fd, IPPROTO_TCP, TCP_MAXSEG, mark));
    assert_return_code(connect(fd, (struct sockaddr *)&ss, len), errno);
    return fd;
}

void rig_tcp_pair(struct rig *rig, int *ret_client, int *ret_server)
{
    *ret_client = rig_dial("127.0.0.1", rig->port, 0);
    *ret_server = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*ret_server >= 0);
}

int rig_end(struct mps_handed *req)
{
    int pair[2];

    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                       errno);
    assert_int_equal(send(pair[0], "", 1, 0), 1);
    req->end = pair[1];
    return pair[0];
}

int rig_connected(struct rig *rig, int tcp, const char *options, uint64_t *ret_id)
{
    struct mps_handed req = {
        .fd = tcp,
        .pid = getpid(),
        .options = options,
        .options_len = strlen(options),
    };
    int fd = rig_end(&req);
    struct mps_session *s;

    assert_int_equal(mps_handed_connected(rig->client, &req, &s), 0);
    if (ret_id)
        *ret_id = s->ac.id;
    return fd;
}

int rig_accepted(struct rig *rig, int tcp, uint64_t *ret_id)
{
    struct mps_handed req = {.fd = tcp, .pid = getpid(), .options = ""};
    int fd = rig_end(&req);
    struct mps_session *s;

    assert_int_equal(mps_handed_accepted(rig->server, &req, &s), 0);
    if (ret_id)
        *ret_id = s->ac.id;
    return fd;
}

struct asked {
    struct mps_job job;
    struct rig_reply answer;
    bool over;
};

static bool keep_reply(struct mps_job *job)
{
    struct asked *asked = mps_container_of(job, struct asked, job);

    asked->answer.reply = job->d.reply;
    asked->answer.reply_fd = job->d.reply_fd >= 0 ? dup(job->d.reply_fd) : -1;
    return true;
}

static void replied(struct mps_job *job)
{
}

static void note_end(struct mps_job *job, bool ok)
{
    mps_container_of(job, struct asked, job)->over = ok;
}

struct rig_reply rig_request(struct mps_hub *hub, const struct mps_ho_request *req, int fd)
{
    struct mps_handed given = {.end = -1};
    int app = mps_ho_hands_over(req->op) ? rig_end(&given) : -1;
    struct asked asked = {
        .job = {.req = *req,
                .d = {.fd = fd, .end = given.end, .reply_fd = -1},
                .reply = keep_reply,
                .replied = replied,
                .done = note_end},
    };

    mps_job_start(&asked.job, hub);
    assert_true(asked.over);
    if (app >= 0 && mps_ho_taken(&asked.answer.reply)) {
        asked.answer.reply_fd = app;
    } else if (app >= 0) {
        close(app);
        close(given.end);
    }
    return asked.answer;
}

void rig_connect(struct rig *rig, int *ret_client, int *ret_server)
{
    int c, s;

    rig_tcp_pair(rig, &c, &s);
    *ret_client = rig_connected(rig, c, "", NULL);
    *ret_server = rig_accepted(rig, s, NULL);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
}

bool rig_until(struct rig *rig, bool (*cond)(void *arg), void *arg, double seconds)
{
    mps_time_t end = mps_clock_now() + (mps_time_t)(seconds * 1e9);
    ev_timer tick;
    bool met = false;

    /* The condition may depend on descriptors that the loop does not watch. */
    ev_timer_init(&tick, on_tick, 0.001, 0.001);
    ev_timer_start(rig->loop, &tick);
    while (!(met = cond(arg)) && mps_clock_now() < end)
        ev_run(rig->loop, EVRUN_ONCE);
    ev_timer_stop(rig->loop, &tick);
    return met;
}

static bool never(void *arg)
{
    return false;
}

void rig_run(struct rig *rig, double seconds)
{
    rig_until(rig, never, NULL, seconds);
}

short rig_poll(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};

    return poll(&pfd, 1, 0) > 0 ? pfd.revents : 0;
}

bool rig_no_sessions(void *arg)
{
    struct rig *rig = arg;

    return rig->client->n_sessions == 0 && rig->server->n_sessions == 0;
}

bool rig_both(void *arg)
{
    struct stream *s = arg;
    bool a = stream_step(&s[0]), b = stream_step(&s[1]);

    return (a && b) || s[0].broken || s[1].broken || s[0].error || s[1].error;
}

void rig_transfer(struct rig *rig, uint64_t length)
{
    struct stream s[2] = {{.seed = 1, .length = length}, {.seed = 2, .length = length}};

    rig_connect(rig, &s[0].from, &s[0].to);
    s[1].from = s[0].to;
    s[1].to = s[0].from;
    assert_true(rig_until(rig, rig_both, s, 60));
    assert_false(s[0].broken || s[1].broken);
    assert_int_equal(s[0].error | s[1].error, 0);
    assert_int_equal(s[0].received, length);
    assert_int_equal(s[1].received, length);
    close(s[0].from);
    close(s[0].to);
    assert_true(rig_until(rig, rig_no_sessions, rig, 10));
}
