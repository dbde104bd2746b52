/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "crypto.h"
#include "faultmem.h"
#include "core/base/err.h"
#include "core/conn/token.h"

#define N 3000

static void collision_and_removal(void **state)
{
    struct mps_token_table table;
    struct faultmem fm;
    int a, b;

    faultmem_init(&fm);
    mps_token_init(&table, &fm.mem);
    assert_null(mps_token_find(&table, 5));
    assert_null(mps_token_remove(&table, 5));
    assert_int_equal(mps_token_insert(&table, 5, &a), 0);
    assert_int_equal(mps_token_insert(&table, 5, &b), MPS_TOKEN_TAKEN);
    assert_ptr_equal(mps_token_find(&table, 5), &a);
    assert_int_equal(mps_token_insert(&table, 6, NULL), MPS_EINVAL);
    assert_ptr_equal(mps_token_remove(&table, 5), &a);
    assert_null(mps_token_remove(&table, 5));
    assert_int_equal(mps_token_insert(&table, 5, &b), 0);
    assert_ptr_equal(mps_token_find(&table, 5), &b);
    mps_token_deinit(&table);
    assert_null(mps_token_find(&table, 5));
    assert_int_equal(fm.live, 0);
}

/* Tokens that share their place, in a run that goes around the end of the table. */
static void crowded_place(void **state)
{
    struct mps_token_table table;
    struct faultmem fm;
    uint32_t tokens[8];
    int values[8];

    faultmem_init(&fm);
    for (unsigned first = 0; first < 8; first++) {
        mps_token_init(&table, &fm.mem);
        for (uint32_t i = 0; i < 8; i++) {
            tokens[i] = i << 16 | (i < 5 ? 14u : 15u);
            assert_int_equal(mps_token_insert(&table, tokens[i], &values[i]), 0);
        }
        for (unsigned gone = 0; gone < 8; gone++) {
            unsigned out = (first + 3 * gone) % 8;

            assert_ptr_equal(mps_token_remove(&table, tokens[out]), &values[out]);
            for (unsigned i = 0; i < 8; i++) {
                bool removed = false;

                for (unsigned j = 0; j <= gone; j++)
                    removed |= (first + 3 * j) % 8 == i;
                assert_ptr_equal(mps_token_find(&table, tokens[i]), removed ? NULL : &values[i]);
            }
        }
        assert_int_equal(table.n_used, 0);
        mps_token_deinit(&table);
    }
    assert_int_equal(fm.live, 0);
}

/* Random insertions and removals against a plain array. Few tokens, so that they repeat. */
static void against_model(void **state)
{
    static char model[N]; /* its addresses are the values */
    static bool in[N];
    struct mps_token_table table;
    struct faultmem fm;
    uint64_t rng = 42;
    size_t n = 0;

    faultmem_init(&fm);
    mps_token_init(&table, &fm.mem);
    for (int step = 0; step < 60000; step++) {
        uint32_t i = (uint32_t)(test_random(&rng) >> 32) % N;
        uint32_t token = i * 0x9e3779b1u; /* spread, but one-to-one */

        if (test_random(&rng) >> 62) {
            assert_int_equal(mps_token_insert(&table, token, &model[i]),
                             in[i] ? MPS_TOKEN_TAKEN : 0);
            n += !in[i];
            in[i] = true;
        } else {
            assert_ptr_equal(mps_token_remove(&table, token), in[i] ? &model[i] : NULL);
            n -= in[i];
            in[i] = false;
        }
        assert_int_equal(table.n_used, n);
    }
    for (uint32_t i = 0; i < N; i++)
        assert_ptr_equal(mps_token_find(&table, i * 0x9e3779b1u), in[i] ? &model[i] : NULL);
    mps_token_deinit(&table);
    assert_int_equal(fm.live, 0);
}

/* A failed growth leaves the table as it was. */
static void no_memory(void **state)
{
    struct mps_token_table table;
    struct faultmem fm;
    static int values[100];
    unsigned n = 0;

    faultmem_init(&fm);
    mps_token_init(&table, &fm.mem);
    for (uint32_t i = 0; i < 100; i++) {
        int err;

        faultmem_arm(&fm, 1);
        err = mps_token_insert(&table, i * 7, &values[i]);
        if (faultmem_failed(&fm)) {
            n++;
            assert_int_equal(err, MPS_ENOMEM);
            assert_null(mps_token_find(&table, i * 7));
            assert_int_equal(mps_token_insert(&table, i * 7, &values[i]), 0);
        } else {
            assert_int_equal(err, 0);
        }
        for (uint32_t j = 0; j <= i; j++)
            assert_ptr_equal(mps_token_find(&table, j * 7), &values[j]);
    }
    assert_int_equal(n, 5); /* 16, 32, 64, 128 and 256 slots, at most 3/4 of them used */
    assert_int_equal(table.n_slots, 256);
    mps_token_deinit(&table);
    assert_int_equal(fm.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collision_and_removal),
        cmocka_unit_test(crowded_place),
        cmocka_unit_test(against_model),
        cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
