/* SPDX-License-Identifier: MIT */
/*
 * Configuration files: whatever they are, every list stays within its bounds, errors name lines
 * that are there, and what was said about one reading is said about the next.
 */
#include <string.h>
#include "check.h"
#include "config/settings.h"
#include "core/conn/conn.h"

struct tally {
    unsigned lines; /* of the text */
    unsigned n, sum;
};

static void note(void *user, const struct mps_settings_error *e)
{
    struct tally *t = user;
    char text[128];

    CHECK(e->line >= 1 && e->line <= t->lines);
    CHECK(e->why[0] != '\0' && strcmp(e->file, "fuzz") == 0);
    mps_settings_error_text(e, text, sizeof(text));
    CHECK(strlen(text) < sizeof(text));
    t->n++;
    t->sum += e->line * 31 + (unsigned)strlen(e->value);
}

static void check_names(const struct mps_names *names)
{
    CHECK(names->n <= MPS_POLICY_LIST);
    for (unsigned i = 0; i < names->n; i++)
        CHECK(memchr(names->item[i], '\0', sizeof(names->item[i])) && names->item[i][0]);
}

static void check_prefixes(const struct mps_prefixes *prefixes, unsigned max)
{
    CHECK(prefixes->n <= max);
    for (unsigned i = 0; i < prefixes->n; i++) {
        unsigned bits = prefixes->item[i].addr.family == MPS_AF_INET ? 32 : 128;

        CHECK(prefixes->item[i].bits <= bits);
        CHECK(mps_prefix_contains(&prefixes->item[i], &prefixes->item[i].addr));
    }
}

static void check_settings(const struct mps_settings *s)
{
    CHECK(s->options.n_locals <= MPS_OPTIONS_LOCALS);
    CHECK(s->options.conn.max_subflows <= MPS_MAX_SUBFLOWS);
    CHECK(s->options.conn.max_addrs <= MPS_OPTIONS_ADDRESSES);
    CHECK(s->options.join_ports.first <= s->options.join_ports.last);
    check_names(&s->policy.include_interfaces);
    check_names(&s->policy.exclude_interfaces);
    check_names(&s->policy.leave_alone);
    check_prefixes(&s->policy.include_prefixes, MPS_POLICY_LIST);
    check_prefixes(&s->policy.exclude_prefixes, MPS_POLICY_LIST);
    check_prefixes(&s->policy.capable, MPS_POLICY_CAPABLE);
    CHECK(s->policy.announce.n <= MPS_POLICY_OUTSIDE);
    CHECK(s->policy.n_paths <= MPS_POLICY_LIST);
    for (unsigned i = 0; i < s->policy.n_paths; i++)
        CHECK(s->policy.paths[i].weight <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct mps_settings settings, again;
    const struct mps_addr addr = {.family = MPS_AF_INET, .ip = {10, 0, 0, 1}};
    struct tally t = {.lines = 1}, t2;
    struct mps_settings_report report = {.bad = note, .user = &t};
    unsigned weight = 1;
    bool backup = false;

    for (size_t i = 0; i < len; i++)
        t.lines += data[i] == '\n';
    t2 = t;
    mps_settings_init(&settings);
    mps_settings_read_text(&settings, "fuzz", (const char *)data, len, &report);
    CHECK(report.n_bad == t.n);
    check_settings(&settings);
    mps_policy_admits(&settings.policy, "eth0", &addr);
    mps_policy_path(&settings.policy, "eth0", &addr, &backup, &weight);
    CHECK(weight >= 1);
    report.user = &t2;
    mps_settings_init(&again);
    mps_settings_read_text(&again, "fuzz", (const char *)data, len, &report);
    CHECK(t.n == t2.n && t.sum == t2.sum);
    CHECK(memcmp(&settings, &again, sizeof(settings)) == 0);
    return 0;
}
