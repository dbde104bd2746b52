/* SPDX-License-Identifier: MIT */
/* Options: versions of the struct, refusals, and the words that the agent reads. */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include "api/options.h"
#include "config/options.h"
#include "core/paths/pm_list.h"
#include "core/sched/sched_list.h"

static void init(struct mptcpshim_options *opts)
{
    memset(opts, 0xa5, sizeof(*opts));
    mptcpshim_options_init(opts, sizeof(*opts));
}

static void test_defaults(void **state)
{
    struct mptcpshim_options opts, got;
    char words[64];

    init(&opts);
    assert_int_equal(api_options_get(&opts, &got), 0);
    assert_int_equal(api_options_words(&got, words, sizeof(words)), 0);
    assert_int_equal(api_options_get(NULL, &got), 0);
    assert_int_equal(got.size, sizeof(got));
    assert_int_equal(api_options_words(&got, words, sizeof(words)), 0);
}

static void test_sizes(void **state)
{
    struct {
        struct mptcpshim_options opts;
        char tail[16];
    } newer;
    struct mptcpshim_options got;

    memset(&newer, 0xa5, sizeof(newer));
    mptcpshim_options_init(&newer.opts, sizeof(newer));
    assert_int_equal(newer.tail[15], 0);
    newer.opts.max_subflows = 7;
    assert_int_equal(api_options_get(&newer.opts, &got), 0);
    assert_int_equal(got.max_subflows, 7);
    assert_int_equal(got.size, sizeof(got));
    newer.tail[15] = 1; /* a wish this library does not know */
    assert_int_equal(api_options_get(&newer.opts, &got), -EINVAL);
    newer.opts.size = sizeof(size_t);
    assert_int_equal(api_options_get(&newer.opts, &got), -EINVAL);
}

static void refuse(const struct mptcpshim_options *opts)
{
    struct mptcpshim_options got;

    memset(&got, 0x5a, sizeof(got));
    assert_int_equal(api_options_get(opts, &got), -EINVAL);
    assert_int_equal(got.flags, 0x5a5a5a5a);
}

static void test_refusals(void **state)
{
    struct mptcpshim_options opts;
    struct sockaddr_storage unix_address = {.ss_family = AF_UNIX};

    init(&opts);
    opts.flags = 0x80;
    refuse(&opts);
    opts.flags = MPTCPSHIM_OFF | MPTCPSHIM_REQUIRED;
    refuse(&opts);
    init(&opts);
    opts.scheduler = "";
    refuse(&opts);
    opts.scheduler = "minrtt local=10.0.0.1";
    refuse(&opts);
    opts.scheduler = "a-name-that-is-too-long";
    refuse(&opts);
    init(&opts);
    opts.path_manager = "a\nb";
    refuse(&opts);
    init(&opts);
    opts.fairness = "Auto";
    refuse(&opts);
    init(&opts);
    opts.n_local = 1;
    refuse(&opts);
    opts.local = &unix_address;
    refuse(&opts);
}

/* The library knows the words that the agent knows, and no others. */
static void test_names(void **state)
{
#define WORD(name)                          #name,
#define PURPOSE_WORD(NAME, word, scheduler) #word,
    static const char *const words[] = {MPS_SCHEDULERS(WORD) MPS_PATH_MANAGERS(WORD)
                                            MPS_PURPOSES(PURPOSE_WORD) "off",
                                        "auto",
                                        "strict",
                                        "fast",
                                        "default",
                                        "on"};
    static const char *const keys[] = {"scheduler", "pm", "fairness", "for"};
    static struct mps_options scratch;

    for (size_t i = 0; i < 4 * sizeof(words) / sizeof(words[0]); i++) {
        struct mptcpshim_options opts, got;
        char copy[32];

        init(&opts);
        snprintf(copy, sizeof(copy), "%s", words[i / 4]);
        if (i % 4 == 0)
            opts.scheduler = words[i / 4];
        else if (i % 4 == 1)
            opts.path_manager = words[i / 4];
        else if (i % 4 == 2)
            opts.fairness = words[i / 4];
        else
            opts.purpose = words[i / 4];
        assert_int_equal(api_options_get(&opts, &got) == 0,
                         mps_options_set(&scratch, keys[i % 4], copy) == NULL);
    }
}

static void test_nonsense(void **state)
{
    struct mptcpshim_options opts;
    struct sockaddr_storage local = {.ss_family = AF_INET};

    init(&opts);
    opts.max_subflows = 33;
    refuse(&opts);
    init(&opts);
    opts.local = &local;
    opts.n_local = 1;
    refuse(&opts); /* 0.0.0.0 */
    inet_pton(AF_INET, "224.0.0.1", &((struct sockaddr_in *)&local)->sin_addr);
    refuse(&opts);
    local.ss_family = AF_INET6;
    memset(&((struct sockaddr_in6 *)&local)->sin6_addr, 0, 16);
    refuse(&opts);
    memset(&opts, 0xa5, sizeof(opts)); /* never initialised */
    refuse(&opts);
}

static void test_words(void **state)
{
    struct sockaddr_storage local[2];
    struct mptcpshim_options opts;
    char words[128];
    const char *expected =
        " for=interactive scheduler=minrtt pm=pairs fairness=strict max-subflows=3"
        " local=127.0.0.2,2001:db8::7";
    size_t len = strlen(expected);

    memset(local, 0, sizeof(local));
    local[0].ss_family = AF_INET;
    inet_pton(AF_INET, "127.0.0.2", &((struct sockaddr_in *)&local[0])->sin_addr);
    local[1].ss_family = AF_INET6;
    inet_pton(AF_INET6, "2001:db8::7", &((struct sockaddr_in6 *)&local[1])->sin6_addr);
    init(&opts);
    opts.purpose = "interactive";
    opts.scheduler = "minrtt";
    opts.path_manager = "pairs";
    opts.fairness = "strict";
    opts.max_subflows = 3;
    opts.local = local;
    opts.n_local = 2;
    assert_int_equal(api_options_words(&opts, words, sizeof(words)), len);
    assert_memory_equal(words, expected, len);
    for (size_t size = 0; size <= len; size++)
        assert_int_equal(api_options_words(&opts, words, size), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_names),
        cmocka_unit_test(test_nonsense), cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
