/* SPDX-License-Identifier: MIT */
/* What agents remember of peers in a file, whatever is in the file. */
#include "rig.h"
#include "test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/agent/peerfile.h"
#include "handover/message.h"

#define HEAD "mptcpshim-peers 2\n"

static const struct mps_addr v4 = {.family = MPS_AF_INET, .port = 80, .ip = {192, 0, 2, 1}};
static const struct mps_addr v6 = {.family = MPS_AF_INET6, .port = 443, .ip = {0x20, 1, [15] = 7}};

struct place {
    char top[64], dir[80], file[96], other[96];
};

static int setup(void **state)
{
    static struct place p;

    snprintf(p.top, sizeof(p.top), "/tmp/mps-peers-XXXXXX");
    assert_non_null(mkdtemp(p.top));
    snprintf(p.dir, sizeof(p.dir), "%s/mptcpshim", p.top);
    snprintf(p.file, sizeof(p.file), "%s/peers", p.dir);
    snprintf(p.other, sizeof(p.other), "%s/other", p.top);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    if (unlink(p->file) < 0)
        rmdir(p->file);
    unlink(p->other);
    if (unlink(p->dir) < 0)
        rmdir(p->dir);
    return rmdir(p->top); /* nothing else may have been left there */
}

static enum mps_peer_kind loaded(const struct place *p, const struct mps_addr *addr)
{
    struct mps_peers peers;

    mps_peers_init(&peers);
    mps_peerfile_load(&peers, p->dir);
    return mps_peers_find(&peers, addr, mps_clock_now());
}

/* A table that knows one thing, saved. */
static bool saved(const struct place *p, const struct mps_addr *addr, enum mps_peer_kind kind)
{
    struct mps_peers peers;

    mps_peers_init(&peers);
    mps_peers_set(&peers, addr, kind, mps_clock_now());
    return mps_peerfile_save(&peers, p->dir);
}

static void write_file(const char *name, const char *text, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static size_t read_file(const char *name, char *buf, size_t size)
{
    int fd = open(name, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : 0;

    if (fd >= 0)
        close(fd);
    buf[n] = '\0';
    return (size_t)n;
}

static void test_kept(void **state)
{
    struct place *p = *state;
    struct stat st;

    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    assert_true(saved(p, &v4, MPS_PEER_PROVEN));
    assert_int_equal(stat(p->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* Each writer keeps what others know. */
    assert_true(saved(p, &v6, MPS_PEER_PROVEN));
    assert_int_equal(loaded(p, &v4), MPS_PEER_PROVEN);
    assert_int_equal(loaded(p, &v6), MPS_PEER_PROVEN);
    /* Newer knowledge takes its place. */
    assert_true(saved(p, &v4, MPS_PEER_FAILED));
    assert_int_equal(loaded(p, &v4), MPS_PEER_FAILED);
    assert_true(saved(p, &v6, MPS_PEER_PLAIN));
    assert_int_equal(loaded(p, &v6), MPS_PEER_PLAIN);
    /* One that ends marked connections is tried by each agent. */
    assert_true(saved(p, &v6, MPS_PEER_REFUSED));
    assert_int_equal(loaded(p, &v6), MPS_PEER_FAILED);
}

/*
 * Two agents that know different things of a peer: who learned it later is right, on either side.
 */
static void test_later_is_right(void **state)
{
    mps_time_t now = mps_clock_now(), later = now + MPS_SEC;
    struct place *p = *state;
    struct mps_peers a, b;

    mps_peers_init(&a);
    mps_peers_init(&b);
    mps_peers_set(&a, &v4, MPS_PEER_PROVEN, now - 2 * MPS_SEC);
    mps_peers_set(&b, &v4, MPS_PEER_FAILED, now - MPS_SEC);
    assert_true(mps_peerfile_save(&b, p->dir));
    assert_true(mps_peerfile_save(&a, p->dir));
    assert_int_equal(loaded(p, &v4), MPS_PEER_FAILED);
    mps_peerfile_load(&a, p->dir);
    assert_int_equal(mps_peers_find(&a, &v4, later), MPS_PEER_FAILED);
    mps_peers_set(&a, &v4, MPS_PEER_PROVEN, now);
    assert_true(mps_peerfile_save(&a, p->dir));
    mps_peerfile_load(&b, p->dir);
    assert_int_equal(mps_peers_find(&b, &v4, later), MPS_PEER_PROVEN);
    /* At the same time: the bad news. */
    mps_peers_set(&b, &v4, MPS_PEER_PLAIN, now);
    assert_true(mps_peerfile_save(&b, p->dir));
    assert_true(mps_peerfile_save(&a, p->dir));
    assert_int_equal(loaded(p, &v4), MPS_PEER_PLAIN);
}

/* The table's own knowledge is newer than the file's. */
static void test_table_first(void **state)
{
    struct place *p = *state;
    struct mps_peers peers;

    mps_peers_init(&peers);
    assert_true(saved(p, &v4, MPS_PEER_PROVEN));
    mps_peers_set(&peers, &v4, MPS_PEER_PLAIN, mps_clock_now());
    mps_peerfile_load(&peers, p->dir);
    assert_int_equal(mps_peers_find(&peers, &v4, mps_clock_now()), MPS_PEER_PLAIN);
}

static void test_bounded(void **state)
{
    struct place *p = *state;
    struct mps_peers peers;
    struct mps_addr a = v4;
    struct stat st;

    mps_peers_init(&peers);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MPS_PEERS_MAX; i++) {
            a.port = (uint16_t)(1000 * (round + 1) + i);
            mps_peers_set(&peers, &a, MPS_PEER_PROVEN, mps_clock_now());
        }
        assert_true(mps_peerfile_save(&peers, p->dir));
    }
    assert_int_equal(stat(p->file, &st), 0);
    assert_true(st.st_size <= MPS_PEERFILE_MAX);
    assert_int_equal(loaded(p, &a), MPS_PEER_PROVEN);
    a.port = 1000;
    assert_int_equal(loaded(p, &a), MPS_PEER_UNKNOWN);
}

/* One line with this port and text behind the head, beside a right one. */
static void with_line(const struct place *p, const char *format, int64_t expires)
{
    char text[1024];
    struct stat st;
    int n;

    assert_int_equal(stat("/proc/self/ns/net", &st), 0);
    n = snprintf(text, sizeof(text), HEAD);
    n += snprintf(text + n, sizeof(text) - (size_t)n, format, (uint64_t)st.st_ino, expires);
    n +=
        snprintf(text + n, sizeof(text) - (size_t)n, "\n%" PRIu64 " %" PRId64 " 443 2001::7 shim\n",
                 (uint64_t)st.st_ino, ((int64_t)time(NULL) + 60) * 1000);
    write_file(p->file, text, (size_t)n);
}

static void test_lines(void **state)
{
    static const struct {
        const char *format;
        int64_t left; /* seconds to live */
        bool good;
    } cases[] = {
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.1 shim", 60, true},
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.1 shim", -1, false},
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.1 shim", 1000000, false},
        {"1%" PRIu64 " %" PRId64 " 80 192.0.2.1 shim", 60, false}, /* another namespace */
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.1 shim x", 60, false},
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.1 shim1", 60, false},
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.1", 60, false},
        {"%" PRIu64 " %" PRId64 " 80 192.0.2.256 shim", 60, false},
        {"%" PRIu64 " %" PRId64 " 65616 192.0.2.1 shim", 60, false},
        {"%" PRIu64 " %" PRId64 " -65456 192.0.2.1 shim", 60, false},
        {"%" PRIu64 " %" PRId64 " 80", 60, false},
        {"%" PRIu64 " -%" PRId64 " 80 192.0.2.1 shim", 60, false},
        {"x %" PRIu64 " %" PRId64 " 80 192.0.2.1 shim", 60, false},
        {"\n\n\n%" PRIu64 "\n%" PRId64, 60, false},
    };
    struct place *p = *state;

    assert_int_equal(mkdir(p->dir, 0700), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        with_line(p, cases[i].format, ((int64_t)time(NULL) + cases[i].left) * 1000);
        assert_int_equal(loaded(p, &v4), cases[i].good ? MPS_PEER_PROVEN : MPS_PEER_UNKNOWN);
        assert_int_equal(loaded(p, &v6), MPS_PEER_PROVEN);
    }
}

/* Whatever it is, nothing is taken from it, and it is replaced by the next save. */
static void test_garbage(void **state)
{
    static char big[MPS_PEERFILE_MAX + 1024];
    struct place *p = *state;
    uint32_t x = 1;

    assert_int_equal(mkdir(p->dir, 0700), 0);
    for (unsigned round = 0; round < 50; round++) {
        size_t len = round == 0 ? 0 : (round == 1 ? sizeof(big) : 1000 + round);

        for (size_t i = 0; i < len; i++)
            big[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
        if (round % 2 == 0 && len > sizeof(HEAD))
            memcpy(big, HEAD, strlen(HEAD));
        write_file(p->file, big, len);
        assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    }
    memset(big, '1', sizeof(big));
    memcpy(big, HEAD, strlen(HEAD));
    write_file(p->file, big, MPS_PEERFILE_MAX);
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    assert_true(saved(p, &v4, MPS_PEER_PROVEN));
    assert_int_equal(loaded(p, &v4), MPS_PEER_PROVEN);
}

static void test_links(void **state)
{
    struct place *p = *state;
    char before[2048], after[2048];

    assert_true(saved(p, &v4, MPS_PEER_PROVEN));
    assert_int_equal(rename(p->file, p->other), 0);
    read_file(p->other, before, sizeof(before));
    assert_int_equal(symlink(p->other, p->file), 0);
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    /* The link is replaced, what it names is left alone. */
    assert_true(saved(p, &v6, MPS_PEER_PROVEN));
    read_file(p->other, after, sizeof(after));
    assert_string_equal(before, after);
    assert_int_equal(loaded(p, &v6), MPS_PEER_PROVEN);

    assert_int_equal(unlink(p->file), 0);
    assert_int_equal(rmdir(p->dir), 0);
    assert_int_equal(symlink(p->top, p->dir), 0);
    assert_false(saved(p, &v4, MPS_PEER_PROVEN));
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
}

/* Neither read nor, where others could have put it, written. */
static void test_foreign(void **state)
{
    struct place *p = *state;

    assert_true(saved(p, &v4, MPS_PEER_PROVEN));
    assert_int_equal(chmod(p->file, 0620), 0);
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    assert_int_equal(chmod(p->file, 0644), 0);
    assert_int_equal(loaded(p, &v4), MPS_PEER_PROVEN);
    assert_int_equal(chmod(p->dir, 0702), 0);
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    assert_false(saved(p, &v6, MPS_PEER_PROVEN));
    assert_int_equal(chmod(p->dir, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(p->file, 1, 1), 0);
        assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
        assert_int_equal(chown(p->dir, 1, 1), 0);
        assert_false(saved(p, &v6, MPS_PEER_PROVEN));
    }
}

/* Nobody writes to the FIFO: an open that waits would never end. */
static void test_no_file(void **state)
{
    struct place *p = *state;

    assert_int_equal(mkdir(p->dir, 0700), 0);
    assert_int_equal(mkfifo(p->file, 0600), 0);
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    assert_true(saved(p, &v4, MPS_PEER_PROVEN));
    assert_int_equal(unlink(p->file), 0);
    assert_int_equal(mkdir(p->file, 0700), 0);
    assert_int_equal(loaded(p, &v4), MPS_PEER_UNKNOWN);
    assert_false(saved(p, &v4, MPS_PEER_PROVEN));
}

/* ---- engines ---- */

struct wanted {
    struct place *place;
    struct mps_addr addr;
    enum mps_peer_kind kind;
};

static bool in_file(void *arg)
{
    struct wanted *w = arg;

    return loaded(w->place, &w->addr) == w->kind;
}

/* The next agent knows a peer that answered this one. */
static void test_engine(void **state)
{
    struct wanted w = {.place = *state, .kind = MPS_PEER_PROVEN};
    int client, server;
    char options[128];
    struct rig rig;

    snprintf(options, sizeof(options), "peers-dir=%s", w.place->dir);
    rig_init(&rig, options);
    w.addr = (struct mps_addr){.family = MPS_AF_INET, .port = rig.port, .ip = {127, 0, 0, 1}};
    rig_connect(&rig, &client, &server);
    assert_true(rig_until(&rig, in_file, &w, 10));
    close(client);
    close(server);
    rig_deinit(&rig);
    assert_int_equal(loaded(w.place, &w.addr), MPS_PEER_PROVEN);

    rig_init(&rig, options);
    assert_int_equal(mps_peers_find(&rig.client_hub.peers, &w.addr, mps_clock_now()),
                     MPS_PEER_PROVEN);
    rig_deinit(&rig);
    snprintf(options, sizeof(options), "peers-dir=%s remember-peers=no", w.place->dir);
    rig_init(&rig, options);
    assert_int_equal(mps_peers_find(&rig.client_hub.peers, &w.addr, mps_clock_now()),
                     MPS_PEER_UNKNOWN);
    rig_deinit(&rig);
}

/* What another agent writes while this one runs is known to the next connection. */
static void test_others_news(void **state)
{
    struct place *p = *state;
    struct mps_addr addr = {.family = MPS_AF_INET, .ip = {127, 0, 0, 1}};
    struct mps_handed req = {.options = ""};
    struct mps_session *session;
    char options[128];
    struct rig rig;
    int app;

    snprintf(options, sizeof(options), "peers-dir=%s", p->dir);
    rig_init(&rig, options);
    addr.port = rig.port;
    mps_peers_set(&rig.client_hub.peers, &addr, MPS_PEER_PROVEN,
                  mps_clock_now() - 2 * MPS_PEERS_SAME);
    assert_true(saved(p, &addr, MPS_PEER_PLAIN));
    req.fd = rig_dial("127.0.0.1", rig.port, 0);
    app = rig_end(&req);
    assert_int_equal(mps_handed_connected(rig.client, &req, &session), MPS_HANDED_PLAIN_PEER);
    close(req.fd);
    close(req.end);
    close(app);
    rig_deinit(&rig);
}

static bool was_reset(void *arg)
{
    return (rig_poll(*(int *)arg, POLLIN) & POLLHUP) != 0;
}

/* A peer that loses early data is forgotten: what was lost cannot be sent again as plain TCP. */
static void test_early_data_lost(void **state)
{
    struct wanted w = {.place = *state, .kind = MPS_PEER_UNKNOWN};
    struct linger abort = {.l_onoff = 1};
    int tcp, other, app;
    char options[128];
    struct rig rig;

    snprintf(options, sizeof(options), "peers-dir=%s", w.place->dir);
    rig_init(&rig, options);
    w.addr = (struct mps_addr){.family = MPS_AF_INET, .port = rig.port, .ip = {127, 0, 0, 1}};
    mps_peers_set(&rig.client_hub.peers, &w.addr, MPS_PEER_PROVEN, mps_clock_now());
    w.kind = MPS_PEER_PROVEN;
    assert_true(rig_until(&rig, in_file, &w, 10));
    rig_tcp_pair(&rig, &tcp, &other);
    app = rig_connected(&rig, tcp, "", NULL);
    assert_int_equal(write(app, "early", 5), 5);
    rig_run(&rig, 0.05);
    assert_int_equal(setsockopt(other, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)), 0);
    close(other);
    assert_true(rig_until(&rig, was_reset, &app, 10));
    assert_int_equal(mps_peers_find(&rig.client_hub.peers, &w.addr, mps_clock_now()),
                     MPS_PEER_FAILED);
    w.kind = MPS_PEER_FAILED;
    assert_true(rig_until(&rig, in_file, &w, 10));
    close(app);
    rig_deinit(&rig);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_kept),    CASE(test_later_is_right), CASE(test_table_first),
        CASE(test_bounded), CASE(test_lines),          CASE(test_garbage),
        CASE(test_links),   CASE(test_foreign),        CASE(test_no_file),
        CASE(test_engine),  CASE(test_others_news),    CASE(test_early_data_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
