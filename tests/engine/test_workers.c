/* SPDX-License-Identifier: MIT */
/* Inboxes, and a hub that gets fewer threads than it wants. Linked with --wrap=pthread_create. */
#include "rig.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include "engine/agent/hub.h"

static int threads_left; /* that can be had; negative: any number */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg)
{
    if (threads_left == 0)
        return EAGAIN;
    threads_left -= threads_left > 0;
    return __real_pthread_create(thread, attr, start, arg);
}

/* ---- inboxes ---- */

struct counted {
    struct mps_call call;
    struct mps_inbox *inbox;
    unsigned number, *next;
    unsigned again; /* post it so many times more */
};

static void run_counted(struct mps_call *call)
{
    struct counted *c = mps_container_of(call, struct counted, call);

    assert_int_equal(c->number, *c->next);
    ++*c->next;
    if (c->again > 0) {
        c->again--;
        c->number = *c->next;
        mps_inbox_post(c->inbox, &c->call);
    }
}

static void test_inbox(void **state)
{
    static struct counted c[MPS_INBOX_OFFERS + 2];
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct mps_inbox inbox;
    unsigned next = 0;

    mps_inbox_init(&inbox, loop, NULL, NULL);
    for (unsigned i = 0; i < MPS_INBOX_OFFERS + 2; i++)
        c[i] =
            (struct counted){.call.run = run_counted, .inbox = &inbox, .number = i, .next = &next};
    for (unsigned i = 0; i < MPS_INBOX_OFFERS; i++)
        assert_true(mps_inbox_offer(&inbox, &c[i].call));
    assert_false(mps_inbox_offer(&inbox, &c[MPS_INBOX_OFFERS].call));
    mps_inbox_post(&inbox, &c[MPS_INBOX_OFFERS].call);
    assert_int_equal(mps_inbox_waiting(&inbox), MPS_INBOX_OFFERS + 1);
    ev_run(loop, EVRUN_ONCE);
    assert_int_equal(next, MPS_INBOX_OFFERS + 1);
    assert_int_equal(mps_inbox_waiting(&inbox), 0);
    /* A call that posts itself does not keep the loop from its other work. */
    next = c[0].number = 0;
    c[0].again = 2;
    assert_true(mps_inbox_offer(&inbox, &c[0].call));
    for (unsigned i = 1; i <= 3; i++) {
        ev_run(loop, EVRUN_ONCE);
        assert_int_equal(next, i);
    }
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(next, 3);
    mps_inbox_deinit(&inbox);
    ev_loop_destroy(loop);
}

/* ---- workers ---- */

/* The workers have taken what the hub told them at the start. */
static bool soon_idle(const struct mps_hub *hub)
{
    for (unsigned i = 0; i < 1000 && !mps_hub_is_idle(hub); i++)
        poll(NULL, 0, 10);
    return mps_hub_is_idle(hub);
}

static void check_hub(int left, unsigned want_workers, bool want_threads, unsigned want_count)
{
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct mps_options opt;
    struct mps_hub hub;

    mps_options_init(&opt);
    opt.threads = 3;
    threads_left = left;
    assert_int_equal(mps_hub_init(&hub, loop, "00000000000000e1", &opt, NULL), 0);
    assert_int_equal(hub.n_workers, want_workers);
    assert_int_equal(mps_hub_has_threads(&hub), want_threads);
    assert_true(soon_idle(&hub));
    for (unsigned id = 0; id < 2 * want_count; id++) {
        struct mps_worker *w = mps_hub_owner(&hub, id);

        assert_ptr_equal(w, id % want_count < want_workers ? &hub.workers[id % want_count] : NULL);
    }
    /* They have nothing: each gets one in turn. */
    for (unsigned i = 0; i < 2 * want_workers; i++)
        assert_ptr_equal(mps_hub_choose(&hub), &hub.workers[(i + 1) % want_workers]);
    for (unsigned i = 0; i < want_workers; i++)
        assert_int_equal(hub.workers[i].engine.next_id % want_count, i);
    mps_hub_stop(&hub);
    mps_hub_deinit(&hub);
    ev_loop_destroy(loop);
}

static void test_threads_as_wanted(void **state)
{
    check_hub(-1, 3, true, 3);
}

static void test_fewer_threads(void **state)
{
    check_hub(2, 2, true, 3);
    check_hub(1, 1, true, 3);
}

static void test_no_thread(void **state)
{
    check_hub(0, 1, false, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inbox),
        cmocka_unit_test(test_threads_as_wanted),
        cmocka_unit_test(test_fewer_threads),
        cmocka_unit_test(test_no_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
