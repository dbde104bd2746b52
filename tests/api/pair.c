/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include "../lib/test.h"
#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_storage locals[2];

struct mptcpshim_options pair_options(unsigned flags)
{
    struct mptcpshim_options opts;

    mptcpshim_options_init(&opts, sizeof(opts));
    opts.flags = flags;
    opts.scheduler = "roundrobin";
    opts.local = locals;
    opts.n_local = 2;
    return opts;
}

void pair_listen(struct pair *p, unsigned flags)
{
    socklen_t len = sizeof(p->at);

    memset(&p->at, 0, sizeof(p->at));
    p->at.sin_family = AF_INET;
    p->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->opts = pair_options(flags);
    p->listener =
        mptcpshim_listen((struct sockaddr *)&p->at, sizeof(p->at), 5, SOCK_CLOEXEC, &p->opts);
    assert_true(p->listener >= 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&p->at, &len), 0);
}

int pair_connect(const struct pair *p)
{
    return mptcpshim_connect((const struct sockaddr *)&p->at, sizeof(p->at), SOCK_CLOEXEC,
                             &p->opts);
}

void pair_open(struct pair *p)
{
    pair_listen(p, 0);
    p->client = pair_connect(p);
    assert_true(p->client >= 0);
    p->server = mptcpshim_accept(p->listener, NULL, NULL, SOCK_CLOEXEC, &p->opts);
    assert_true(p->server >= 0);
}

void pair_close(struct pair *p)
{
    assert_int_equal(close(p->client), 0);
    assert_int_equal(close(p->server), 0);
    assert_int_equal(close(p->listener), 0);
}

void check_transfer(int from, int to)
{
    char out[20000], in[20000];

    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (char)(i * 7);
    memset(in, 0, sizeof(in));
    assert_int_equal(send(from, out, sizeof(out), 0), sizeof(out));
    assert_int_equal(recv(to, in, sizeof(in), MSG_WAITALL), sizeof(in));
    assert_memory_equal(in, out, sizeof(out));
}

bool wait_for(int fd, bool (*condition)(int r, const struct mptcpshim_stats *stats),
              struct mptcpshim_stats *ret)
{
    struct timespec pause = {.tv_nsec = 5000000};

    for (int ms = 0; ms < WAIT_MS; ms += 5) {
        int r = mptcpshim_get_stats(fd, ret);

        if (condition(r, ret))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

bool has_two_subflows(int r, const struct mptcpshim_stats *stats)
{
    return r == 0 && stats->subflows >= 2;
}

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static unsigned descriptors_before;

int pair_setup(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        locals[i].ss_family = AF_INET;
        ((struct sockaddr_in *)&locals[i])->sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
    }
    descriptors_before = open_descriptors();
    return 0;
}

int pair_teardown(void **state)
{
    return open_descriptors() == descriptors_before ? 0 : -1;
}
