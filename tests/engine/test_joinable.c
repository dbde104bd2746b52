/* SPDX-License-Identifier: MIT */
/* Which addresses that a peer names are joined, and which of them without a mark. */
#include "test.h"

#include <stdlib.h>
#include "config/settings.h"
#include "config/value.h"
#include "engine/agent/engine.h"
#include "engine/connection/mpconn_int.h"
#include "engine/joins/joinable.h"

#define NOW (1000 * MPS_SEC)

struct host {
    struct mps_engine eng;
    struct mps_view view;
    struct mps_settings settings;
    struct mps_pathmem pathmem;
    struct mps_claimants claimants;
    struct mps_appconn ac;
    struct mps_mpconn mp;
};

static struct mps_addr addr(const char *text, uint16_t port)
{
    struct mps_addr a = {.family = MPS_AF_NONE};

    assert_null(mps_value_address(text, &a));
    a.port = port;
    return a;
}

static void add(struct host *h, const char *address, uint8_t prefix_len)
{
    struct mps_netaddr_entry *e = &h->view.addresses.entry[h->view.addresses.n++];

    e->addr = addr(address, 0);
    e->prefix_len = prefix_len;
}

/* Two networks, a tunnel of one address, and a connection to `peer`, port 80. */
static struct host *new_host(const char *file, const char *peer)
{
    struct host *h = calloc(1, sizeof(*h));
    struct mps_settings_report report = {.bad = NULL};

    assert_non_null(h);
    mps_settings_init(&h->settings);
    mps_settings_read_text(&h->settings, "t", file, strlen(file), &report);
    assert_int_equal(report.n_bad, 0);
    mps_pathmem_init(&h->pathmem);
    mps_claimants_init(&h->claimants);
    add(h, "127.0.0.1", 8);
    add(h, "192.0.2.10", 24);
    add(h, "10.1.0.10", 16);
    add(h, "198.51.100.9", 32);
    add(h, "2001:db8::10", 64);
    h->eng.view = &h->view;
    h->eng.policy = &h->settings.policy;
    h->eng.pathmem = &h->pathmem;
    h->eng.claimants = &h->claimants;
    h->ac = (struct mps_appconn){.eng = &h->eng, .peer = addr(peer, 80)};
    h->mp = (struct mps_mpconn){.ac = &h->ac, .eng = &h->eng};
    h->mp.listed = mps_policy_capable(h->eng.policy, &h->ac.peer);
    mps_list_init(&h->mp.flows);
    return h;
}

static void free_host(struct host *h)
{
    mps_claimants_deinit(&h->claimants);
    mps_pathmem_deinit(&h->pathmem);
    free(h);
}

static bool joins(struct host *h, const char *remote, uint16_t port)
{
    struct mps_event ev = {.type = MPS_EV_OPEN, .remote = addr(remote, port)};
    bool claim;

    ev.local = addr(ev.remote.family == MPS_AF_INET ? "192.0.2.10" : "2001:db8::10", 0);
    return mps_joinable_avoid(&h->mp, &ev, &claim, NOW) == 0;
}

/* A peer from outside has no business within our networks. */
static void from_outside(void **state)
{
    struct host *h = new_host("", "203.0.113.1");

    assert_true(joins(h, "203.0.113.2", 80));
    assert_true(joins(h, "192.0.3.1", 80));
    assert_true(joins(h, "2001:db8:0:1::1", 80));
    assert_false(joins(h, "192.0.2.1", 80));
    assert_false(joins(h, "10.1.200.1", 80));
    assert_false(joins(h, "2001:db8::1", 80));
    assert_false(joins(h, "192.0.2.10", 80)); /* our own */
    assert_false(joins(h, "198.51.100.9", 80));
    free_host(h);
}

/* Two hosts that share several links: each address of the other's is near. */
static void from_inside(void **state)
{
    struct host *h = new_host("", "192.0.2.1");

    assert_true(joins(h, "10.1.200.1", 80));
    assert_true(joins(h, "2001:db8::1", 80));
    assert_true(joins(h, "203.0.113.2", 80));
    assert_false(joins(h, "192.0.2.10", 80)); /* our own */
    free_host(h);
}

static void from_this_host(void **state)
{
    struct host *h = new_host("", "127.0.0.1");

    assert_true(joins(h, "192.0.2.1", 80));
    assert_true(joins(h, "192.0.2.10", 80));
    free_host(h);
}

static void only_so_many(void **state)
{
    struct host *h = new_host("", "203.0.113.1");
    unsigned n = 0;

    for (uint16_t port = 1; port <= 200; port++)
        n += joins(h, "203.0.113.2", port);
    assert_int_equal(n, MPS_CLAIMANTS_BURST);
    assert_true(joins(h, "203.0.113.1", 80)); /* where the peer is */
    free_host(h);
}

static bool needs_mark(struct host *h, const char *remote, uint16_t port)
{
    struct mps_addr a = addr(remote, port);

    return mps_joinable_needs_mark(&h->mp, &a);
}

/* A list takes the place of marks for what is in it, not for what a listed peer names. */
static void marks(void **state)
{
    struct host *h = new_host("[peers]\ncapable = 203.0.113.1, 203.0.113.7\n", "203.0.113.1");

    assert_true(h->mp.listed);
    assert_false(needs_mark(h, "203.0.113.1", 7000));
    assert_false(needs_mark(h, "203.0.113.7", 7000));
    assert_true(needs_mark(h, "203.0.113.1", 80)); /* the program's port */
    assert_true(needs_mark(h, "203.0.113.7", 80));
    assert_true(needs_mark(h, "203.0.113.2", 7000));
    free_host(h);
    h = new_host("[peers]\ncapable = 203.0.113.7\n", "203.0.113.1");
    assert_true(needs_mark(h, "203.0.113.7", 7000));
    free_host(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_outside),   cmocka_unit_test(from_inside),
        cmocka_unit_test(from_this_host), cmocka_unit_test(only_so_many),
        cmocka_unit_test(marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
