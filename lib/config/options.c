/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <string.h>
#include "core/conn/conn.h"
#include "core/paths/pm.h"
#include "core/sched/sched.h"
#include "value.h"

#define DEFAULT_IDLE_S 5
#define DEFAULT_STOP_S 60 /* less than the 90 s after which systemd kills */
#define SECONDS_MAX    86400

/* Words for others: the agent's main and the preloaded library. */
static const char *const elsewhere[] = {"config", "user-config", "capable", "leave-alone",
                                         "leave-ports"};

void mps_options_init(struct mps_options *opt)
{
    struct mps_config core;

    mps_config_init(&core);
    memset(opt, 0, sizeof(*opt));
    opt->idle_s = DEFAULT_IDLE_S;
    opt->stop_s = DEFAULT_STOP_S;
    opt->no_subflow_timeout = core.no_subflow_timeout;
    opt->keepalive = core.keepalive;
    opt->max_addresses = core.max_addrs;
    opt->remember_peers = true;
}

static const char *set_locals(struct mps_options *opt, char *value)
{
    struct mps_addr list[MPS_OPTIONS_LOCALS];
    unsigned n = 0;
    const char *why;
    char *item;

    while ((item = mps_value_next(&value))) {
        if (n == MPS_OPTIONS_LOCALS)
            return "too many addresses";
        why = mps_value_address(item, &list[n]);
        if (why)
            return why;
        n++;
    }
    if (n == 0)
        return "no address";
    memcpy(opt->locals, list, n * sizeof(list[0]));
    opt->n_locals = n;
    return NULL;
}

/* "N" or "N-M"; 0 is any port. */
static const char *set_join_ports(struct mps_options *opt, char *value)
{
    char *dash = strchr(value, '-');
    unsigned long first = 0, last = 0;
    const char *why;

    if (dash)
        *dash++ = '\0';
    why = mps_value_number(value, dash ? 1 : 0, 65535, &first);
    if (!why && dash)
        why = mps_value_number(dash, first, 65535, &last);
    if (why)
        return why;
    opt->join_ports.first = (uint16_t)first;
    opt->join_ports.last = (uint16_t)(dash ? last : first);
    return NULL;
}

static const char *set_number(struct mps_options *opt, const char *key, const char *value)
{
    unsigned long n = 0;
    const char *why;

    if (strcmp(key, "max-subflows") == 0) {
        why = mps_value_number(value, 1, MPS_MAX_SUBFLOWS, &n);
        opt->max_subflows = why ? opt->max_subflows : (unsigned)n;
    } else if (strcmp(key, "max-addresses") == 0) {
        why = mps_value_number(value, 0, MPS_OPTIONS_ADDRESSES, &n);
        opt->max_addresses = why ? opt->max_addresses : (unsigned)n;
    } else if (strcmp(key, "idle") == 0) {
        why = mps_value_number(value, 0, SECONDS_MAX, &n);
        opt->idle_s = why ? opt->idle_s : (unsigned)n;
    } else if (strcmp(key, "stop-timeout") == 0) {
        why = mps_value_number(value, 0, SECONDS_MAX, &n);
        opt->stop_s = why ? opt->stop_s : (unsigned)n;
    } else if (strcmp(key, "memory") == 0) {
        why = mps_value_number(value, MPS_OPTIONS_MEMORY_MIN, MPS_OPTIONS_MEMORY_MAX, &n);
        opt->memory = why ? opt->memory : (uint64_t)n << 20;
    } else if (strcmp(key, "threads") == 0) {
        why = mps_value_number(value, 1, MPS_OPTIONS_THREADS, &n);
        opt->threads = why ? opt->threads : (unsigned)n;
    } else if (strcmp(key, "no-subflow-timeout") == 0) {
        why = mps_value_number(value, 0, SECONDS_MAX, &n);
        opt->no_subflow_timeout = why ? opt->no_subflow_timeout : n * MPS_SEC;
    } else if (strcmp(key, "keepalive") == 0) {
        why = mps_value_number(value, 0, SECONDS_MAX, &n);
        opt->keepalive = why ? opt->keepalive : n * MPS_SEC;
    } else {
        why = "unknown key";
    }
    return why;
}

static bool is_elsewhere(const char *key)
{
    for (unsigned i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        if (strcmp(elsewhere[i], key) == 0)
            return true;
    }
    return false;
}

static const char *set_bind(struct mps_options *opt, const char *value)
{
    if (strcmp(value, "any") != 0 && strcmp(value, "keep") != 0)
        return "neither any nor keep";
    opt->bind_keep = *value == 'k';
    return NULL;
}

static const char *set_checksum(struct mps_options *opt, const char *value)
{
    static const char *const names[] = {
        [MPS_CHECKSUM_AUTO] = "auto", [MPS_CHECKSUM_OFF] = "off", [MPS_CHECKSUM_ON] = "on"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) == 0) {
            opt->checksum = (enum mps_checksum)i;
            return NULL;
        }
    }
    return "not auto, on or off";
}

static const char *set_path(char path[MPS_OPTIONS_PATH], const char *value)
{
    if (strlen(value) >= MPS_OPTIONS_PATH)
        return "path too long";
    memcpy(path, value, strlen(value) + 1);
    return NULL;
}

const char *mps_options_set(struct mps_options *opt, const char *key, char *value)
{
    if (is_elsewhere(key))
        return NULL;
    if (strcmp(key, "bind") == 0)
        return set_bind(opt, value);
    if (strcmp(key, "local") == 0)
        return set_locals(opt, value);
    if (strcmp(key, "scheduler") == 0) {
        const struct mps_sched_ops *ops = mps_sched_find(value);

        if (!ops)
            return "unknown scheduler";
        opt->sched = ops;
        return NULL;
    }
    if (strcmp(key, "pm") == 0) {
        const struct mps_pm_ops *ops = mps_pm_find(value);

        if (!ops)
            return "unknown path manager";
        opt->pm = ops;
        return NULL;
    }
    if (strcmp(key, "fairness") == 0)
        return mps_fairness_find(value, &opt->fairness) ? NULL : "not off, auto or strict";
    if (strcmp(key, "checksum") == 0)
        return set_checksum(opt, value);
    if (strcmp(key, "verbose") == 0)
        return set_path(opt->verbose, value);
    if (strcmp(key, "peers-dir") == 0)
        return set_path(opt->peers_dir, value);
    if (strcmp(key, "remember-peers") == 0)
        return mps_value_flag(value, &opt->remember_peers);
    if (strcmp(key, "join-port") == 0)
        return set_join_ports(opt, value);
    return set_number(opt, key, value);
}

static const char *apply_word(struct mps_options *opt, char *word)
{
    char *value = strchr(word, '=');

    if (!value)
        return "not of the form key=value";
    *value++ = '\0';
    return mps_options_set(opt, word, value);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

/* The next word of text[*at..len) in out; 0 behind the last, its length if it is too long. */
static size_t next_word(const char *text, size_t len, size_t *at, char out[MPS_OPTIONS_WORD])
{
    size_t start, n;

    while (*at < len && is_space(text[*at]))
        (*at)++;
    for (start = *at; *at < len && !is_space(text[*at]); (*at)++)
        ;
    n = *at - start;
    memcpy(out, text + start, n < MPS_OPTIONS_WORD ? n : MPS_OPTIONS_WORD - 1);
    out[n < MPS_OPTIONS_WORD ? n : MPS_OPTIONS_WORD - 1] = '\0';
    return n;
}

unsigned mps_options_parse(struct mps_options *opt, const char *text, size_t len,
                           void (*bad)(const char *word, const char *why))
{
    char word[MPS_OPTIONS_WORD], copy[MPS_OPTIONS_WORD];
    unsigned n_bad = 0;
    size_t at = 0, n;

    while ((n = next_word(text, len, &at, word)) > 0) {
        const char *why = "too long";

        memcpy(copy, word, sizeof(copy));
        if (n < sizeof(word))
            why = apply_word(opt, copy);
        if (!why)
            continue;
        n_bad++;
        if (bad)
            bad(word, why);
    }
    return n_bad;
}

bool mps_options_find(const char *text, size_t len, const char *key, char *ret, size_t size)
{
    char word[MPS_OPTIONS_WORD];
    size_t at = 0, n, key_len = strlen(key);
    bool found = false;

    while ((n = next_word(text, len, &at, word)) > 0) {
        if (n >= sizeof(word) || strncmp(word, key, key_len) != 0 || word[key_len] != '=' ||
            n - key_len - 1 >= size)
            continue;
        memcpy(ret, word + key_len + 1, n - key_len);
        found = true;
    }
    return found;
}
