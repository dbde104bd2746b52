/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "core/conn/ctrlq.h"
#include "core/base/err.h"
#include "faultmem.h"

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static int push(struct mps_ctrlq_tx *q)
{
    uint32_t csn = mps_ctrlq_tx_next_csn(q);

    return mps_ctrlq_tx_push(q, (const uint8_t *)&csn, sizeof(csn));
}

/* Send the next entry on `slot`; returns the CSN that its bytes hold. */
static uint32_t send_next(struct mps_ctrlq_tx *q, unsigned slot)
{
    struct mps_ctrlq_entry *e = mps_ctrlq_tx_next(q);
    uint32_t csn;

    assert_non_null(e);
    memcpy(&csn, e->bytes, sizeof(csn));
    assert_int_equal(csn, e->csn);
    assert_int_equal(e->len, sizeof(csn));
    mps_ctrlq_tx_sent(q, e, slot);
    return csn;
}

static int accept(struct mps_ctrlq_rx *q, uint32_t csn)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_PRIO, .csn = csn, .prio.subflow_id = csn * 3};

    return mps_ctrlq_rx_accept(q, &ctrl);
}

static void test_tx(void **state)
{
    uint8_t big[MPS_CTRL_MAX_LEN + 1] = {0};
    struct mps_ctrlq_tx q;
    struct faultmem fm;

    faultmem_init(&fm);
    mps_ctrlq_tx_init(&q, &fm.mem);
    assert_null(mps_ctrlq_tx_next(&q));
    assert_int_equal(mps_ctrlq_tx_push(&q, big, 0), MPS_EINVAL);
    assert_int_equal(mps_ctrlq_tx_push(&q, big, sizeof(big)), MPS_EINVAL);
    assert_int_equal(mps_ctrlq_tx_ack(&q, 0), 0);
    assert_int_equal(mps_ctrlq_tx_ack(&q, 1), MPS_EPROTO);
    for (int i = 0; i < 4; i++)
        assert_int_equal(push(&q), 0);
    assert_int_equal(mps_ctrlq_tx_ack(&q, 1), MPS_EPROTO); /* never sent */
    assert_int_equal(send_next(&q, 0), 0);
    assert_int_equal(send_next(&q, 1), 1);
    assert_int_equal(send_next(&q, 0), 2);
    mps_ctrlq_tx_slot_lost(&q, 0);
    mps_ctrlq_tx_slot_lost(&q, 31);
    assert_int_equal(send_next(&q, 1), 0);
    assert_int_equal(mps_ctrlq_tx_ack(&q, 2), 0);
    assert_int_equal(mps_ctrlq_tx_ack(&q, 1), 0); /* an old one */
    assert_int_equal(q.n, 2);
    assert_int_equal(mps_ctrlq_tx_ack(&q, 3), 0); /* waits again, but was sent before */
    assert_int_equal(send_next(&q, 2), 3);
    assert_null(mps_ctrlq_tx_next(&q));
    assert_int_equal(mps_ctrlq_tx_ack(&q, 4), 0);
    assert_int_equal(mps_ctrlq_tx_push(&q, big, MPS_CTRL_MAX_LEN), 0);
    assert_int_equal(mps_ctrlq_tx_next(&q)->len, MPS_CTRL_MAX_LEN);
    mps_ctrlq_tx_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static void test_tx_bounds(void **state)
{
    struct mps_ctrlq_tx q;
    struct faultmem fm;

    faultmem_init(&fm);
    mps_ctrlq_tx_init(&q, &fm.mem);
    for (int i = 0; i < MPS_CTRLQ_TX_LIMIT; i++)
        assert_int_equal(push(&q), 0);
    assert_int_equal(push(&q), MPS_ELIMIT);
    for (int i = 0; i < MPS_CTRLQ_WINDOW; i++)
        assert_int_equal(send_next(&q, 0), i);
    assert_null(mps_ctrlq_tx_next(&q));
    assert_int_equal(mps_ctrlq_tx_ack(&q, 1), 0);
    assert_int_equal(send_next(&q, 0), MPS_CTRLQ_WINDOW);
    assert_null(mps_ctrlq_tx_next(&q));
    assert_int_equal(push(&q), 0);
    mps_ctrlq_tx_deinit(&q);
    assert_int_equal(fm.live, 0);

    /* The last CSN is 2^32 - 2. */
    q.next_csn = q.acked = q.sent_end = UINT32_MAX - 1;
    assert_int_equal(push(&q), 0);
    assert_int_equal(push(&q), MPS_ELIMIT);
    assert_int_equal(send_next(&q, 0), UINT32_MAX - 1);
    assert_int_equal(mps_ctrlq_tx_ack(&q, UINT32_MAX), 0);
    assert_int_equal(q.n, 0);
    mps_ctrlq_tx_deinit(&q);
}

static void test_rx(void **state)
{
    struct mps_ctrlq_rx q;
    struct mps_ctrl ctrl;
    struct faultmem fm;

    faultmem_init(&fm);
    mps_ctrlq_rx_init(&q, &fm.mem);
    assert_false(mps_ctrlq_rx_next_ready(&q, &ctrl));
    assert_int_equal(accept(&q, 2), 0);
    assert_int_equal(accept(&q, 1), 0);
    assert_int_equal(accept(&q, 2), 0);
    assert_int_equal(fm.live, 2);
    assert_int_equal(mps_ctrlq_rx_expected(&q), 0);
    assert_false(mps_ctrlq_rx_next_ready(&q, &ctrl));
    assert_int_equal(accept(&q, 0), 0);
    assert_int_equal(mps_ctrlq_rx_expected(&q), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(mps_ctrlq_rx_next_ready(&q, &ctrl));
        assert_int_equal(ctrl.csn, i);
        assert_int_equal(ctrl.prio.subflow_id, 3 * i);
    }
    assert_false(mps_ctrlq_rx_next_ready(&q, &ctrl));
    assert_int_equal(accept(&q, 1), 0);
    assert_int_equal(fm.live, 0);
    assert_int_equal(accept(&q, 3 + MPS_CTRLQ_WINDOW), MPS_EPROTO);
    assert_int_equal(accept(&q, UINT32_MAX), MPS_EPROTO);
    assert_int_equal(accept(&q, 2 + MPS_CTRLQ_WINDOW), 0);
    mps_ctrlq_rx_deinit(&q);
    assert_int_equal(fm.live, 0);

    q.delivered = q.expected = UINT32_MAX - 1;
    assert_int_equal(accept(&q, UINT32_MAX), MPS_EPROTO);
    assert_int_equal(accept(&q, UINT32_MAX - 1), 0);
    assert_true(mps_ctrlq_rx_next_ready(&q, &ctrl));
    assert_int_equal(mps_ctrlq_rx_expected(&q), UINT32_MAX);
    mps_ctrlq_rx_deinit(&q);
}

/* ---- both ends, with slots that reorder, repeat and die ---- */

#define SLOTS    3
#define PIPE_MAX 64

struct pipes {
    uint32_t csn[SLOTS][PIPE_MAX];
    unsigned n[SLOTS];
};

static void pipe_take(struct pipes *p, unsigned slot, struct mps_ctrlq_rx *rx)
{
    unsigned i = rnd(p->n[slot]); /* any of them: harsher than a real subflow */

    assert_int_equal(accept(rx, p->csn[slot][i]), 0);
    if (rnd(5)) /* else it comes once more */
        p->csn[slot][i] = p->csn[slot][--p->n[slot]];
}

static void test_model(void **state)
{
    for (uint64_t round = 1; round <= 50; round++) {
        struct pipes p = {0};
        struct mps_ctrlq_tx tx;
        struct mps_ctrlq_rx rx;
        struct faultmem fm;
        uint32_t got = 0, steps = 0;

        seed = round;
        faultmem_init(&fm);
        mps_ctrlq_tx_init(&tx, &fm.mem);
        mps_ctrlq_rx_init(&rx, &fm.mem);
        while (got < 500) {
            unsigned slot = rnd(SLOTS), what = rnd(20);
            struct mps_ctrl ctrl;

            assert_true(++steps < 100000);
            if (what < 5 && mps_ctrlq_tx_next_csn(&tx) < 500)
                assert_true(push(&tx) == 0 || tx.n == MPS_CTRLQ_TX_LIMIT);
            else if (what < 11 && mps_ctrlq_tx_next(&tx) && p.n[slot] < PIPE_MAX)
                p.csn[slot][p.n[slot]++] = send_next(&tx, slot);
            else if (what < 17 && p.n[slot])
                pipe_take(&p, slot, &rx);
            else if (what < 19)
                assert_int_equal(mps_ctrlq_tx_ack(&tx, rnd(mps_ctrlq_rx_expected(&rx) + 1)), 0);
            else if (rnd(3) == 0) {
                mps_ctrlq_tx_slot_lost(&tx, slot);
                p.n[slot] = 0;
            }
            while (mps_ctrlq_rx_next_ready(&rx, &ctrl))
                assert_int_equal(ctrl.csn, got++);
            if (rnd(4) == 0)
                assert_int_equal(mps_ctrlq_tx_ack(&tx, mps_ctrlq_rx_expected(&rx)), 0);
        }
        assert_int_equal(mps_ctrlq_tx_ack(&tx, 500), 0);
        assert_int_equal(fm.live, 0);
        mps_ctrlq_tx_deinit(&tx);
        mps_ctrlq_rx_deinit(&rx);
    }
}

static void test_no_memory(void **state)
{
    struct mps_ctrlq_tx tx;
    struct mps_ctrlq_rx rx;
    struct mps_ctrl ctrl;
    struct faultmem fm;

    faultmem_init(&fm);
    mps_ctrlq_tx_init(&tx, &fm.mem);
    mps_ctrlq_rx_init(&rx, &fm.mem);
    faultmem_arm(&fm, 1);
    assert_int_equal(push(&tx), MPS_ENOMEM);
    assert_int_equal(mps_ctrlq_tx_next_csn(&tx), 0);
    assert_null(mps_ctrlq_tx_next(&tx));
    faultmem_arm(&fm, 1);
    assert_int_equal(accept(&rx, 1), MPS_ENOMEM);
    assert_int_equal(accept(&rx, 1), 0);
    /* The next one is taken without memory, once. */
    faultmem_arm(&fm, 1);
    fm.fail_after = true;
    assert_int_equal(accept(&rx, 0), 0);
    assert_int_equal(mps_ctrlq_rx_expected(&rx), 2);
    assert_int_equal(accept(&rx, 2), MPS_ENOMEM);
    assert_true(mps_ctrlq_rx_next_ready(&rx, &ctrl));
    assert_int_equal(ctrl.csn, 0);
    assert_int_equal(accept(&rx, 2), MPS_ENOMEM);
    assert_true(mps_ctrlq_rx_next_ready(&rx, &ctrl));
    assert_int_equal(ctrl.csn, 1);
    assert_false(mps_ctrlq_rx_next_ready(&rx, &ctrl));
    assert_int_equal(fm.live, 0);
    assert_int_equal(accept(&rx, 2), 0);
    mps_ctrlq_tx_deinit(&tx);
    mps_ctrlq_rx_deinit(&rx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tx),    cmocka_unit_test(test_tx_bounds), cmocka_unit_test(test_rx),
        cmocka_unit_test(test_model), cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
