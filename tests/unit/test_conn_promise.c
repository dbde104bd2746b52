/* SPDX-License-Identifier: MIT */
/* What a peer has a right to, and that nothing is lost where it gets no more than that. */
#include "pair.h"
#include "core/conn/state.h"

struct told {
    bool short_of; /* no connection gets more than it is sure of */
    uint64_t promised, most;
};

static struct told told;

static bool may(void *user, size_t bytes, bool needed)
{
    return needed || !told.short_of;
}

/* Both ends share the memory; the server alone has anything to receive. */
static void promise(void *user, uint64_t bytes)
{
    told.promised = bytes;
    if (bytes > told.most)
        told.most = bytes;
}

static void begin(struct pair *p)
{
    told = (struct told){.short_of = false};
    pair_init(p);
    p->chunk = 8000;
    p->patient = true;
    p->fm.mem.may = may;
    p->fm.mem.promise = promise;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[SERVER].n_up, 2);
}

/*
 * For a program that does not read, the receiver keeps what it is sure of, and a frame, where it
 * gets no more, and its window where it does; and in the end all comes.
 */
static void keep(bool short_of, uint64_t least, uint64_t most)
{
    struct pair *p = malloc(sizeof(*p));

    begin(p);
    told.short_of = short_of;
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = 2000000;
    pair_run(p, 5 * MPS_SEC);
    assert_in_range(p->end[SERVER].conn->rx.reasm.allocated, least, most);
    assert_int_equal(p->end[SERVER].n_sf_close + p->end[CLIENT].n_sf_close, 0);
    p->end[SERVER].stopped = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 60 * MPS_SEC);
    assert_true(pair_complete(p));
    pair_free(p);
    free(p);
}

static void keeps_no_more(void **state)
{
    keep(true, 1000, MPS_SURE_BYTES + MPS_REASM_RESERVE);
    keep(false, 200000, 2000000);
}

/* What may still come is told, less what is there. */
static void promises_are_told(void **state)
{
    struct pair *p = malloc(sizeof(*p));

    begin(p);
    assert_int_equal(told.most, MPS_SURE_BYTES);
    assert_int_equal(told.promised, MPS_SURE_BYTES);
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = 20000;
    pair_settle(p);
    assert_int_equal(mps_reasm_in_order(&p->end[SERVER].conn->rx.reasm), 20000);
    assert_in_range(p->end[SERVER].conn->rx.promised, 1, MPS_SURE_BYTES - 20000);
    p->end[SERVER].stopped = false;
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[SERVER].conn->rx.promised, MPS_SURE_BYTES);
    pair_free(p);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_no_more),
        cmocka_unit_test(promises_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
