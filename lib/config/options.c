/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/conn.h"
#include "core/pm.h"
#include "core/sched.h"

#define DEFAULT_IDLE_S 5
#define SECONDS_MAX    86400
#define WORD_MAX       512

void mps_options_init(struct mps_options *opt)
{
    struct mps_config core;

    mps_config_init(&core);
    memset(opt, 0, sizeof(*opt));
    opt->idle_s = DEFAULT_IDLE_S;
    opt->no_subflow_timeout = core.no_subflow_timeout;
}

/* NULL, or why the value is not a number of min..max. */
static const char *number(const char *value, unsigned long min, unsigned long max,
                          unsigned long *ret)
{
    char *end;
    unsigned long n;

    if (*value < '0' || *value > '9')
        return "not a number";
    errno = 0;
    n = strtoul(value, &end, 10);
    if (*end != '\0')
        return "not a number";
    if (errno != 0 || n < min || n > max)
        return "out of range";
    *ret = n;
    return NULL;
}

static const char *set_locals(struct mps_options *opt, char *value)
{
    struct mps_addr list[MPS_OPTIONS_LOCALS];
    unsigned n = 0;
    char *save = NULL;

    for (char *p = strtok_r(value, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        struct mps_addr *a = &list[n];

        if (n == MPS_OPTIONS_LOCALS)
            return "too many addresses";
        memset(a, 0, sizeof(*a));
        if (inet_pton(AF_INET, p, a->ip) == 1)
            a->family = MPS_AF_INET;
        else if (inet_pton(AF_INET6, p, a->ip) == 1)
            a->family = MPS_AF_INET6;
        else
            return "not an IP address";
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
    why = number(value, dash ? 1 : 0, 65535, &first);
    if (!why && dash)
        why = number(dash, first, 65535, &last);
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
        why = number(value, 1, MPS_MAX_SUBFLOWS, &n);
        opt->max_subflows = why ? opt->max_subflows : (unsigned)n;
    } else if (strcmp(key, "idle") == 0) {
        why = number(value, 0, SECONDS_MAX, &n);
        opt->idle_s = why ? opt->idle_s : (unsigned)n;
    } else if (strcmp(key, "no-subflow-timeout") == 0) {
        why = number(value, 0, SECONDS_MAX, &n);
        opt->no_subflow_timeout = why ? opt->no_subflow_timeout : n * MPS_SEC;
    } else {
        why = "unknown key";
    }
    return why;
}

static const char *set(struct mps_options *opt, const char *key, char *value)
{
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
    if (strcmp(key, "verbose") == 0) {
        if (strlen(value) >= sizeof(opt->verbose))
            return "path too long";
        memcpy(opt->verbose, value, strlen(value) + 1);
        return NULL;
    }
    if (strcmp(key, "join-port") == 0)
        return set_join_ports(opt, value);
    return set_number(opt, key, value);
}

static const char *apply_word(struct mps_options *opt, const char *word)
{
    char copy[WORD_MAX], *value;

    if (strlen(word) >= sizeof(copy))
        return "too long";
    memcpy(copy, word, strlen(word) + 1);
    value = strchr(copy, '=');
    if (!value)
        return "not of the form key=value";
    *value++ = '\0';
    return set(opt, copy, value);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

unsigned mps_options_parse(struct mps_options *opt, const char *text, size_t len,
                           void (*bad)(const char *word, const char *why))
{
    unsigned n_bad = 0;
    size_t i = 0;

    while (i < len) {
        char word[WORD_MAX];
        const char *why;
        size_t start, n;

        while (i < len && is_space(text[i]))
            i++;
        for (start = i; i < len && !is_space(text[i]); i++)
            ;
        n = i - start;
        if (n == 0)
            break;
        if (n >= sizeof(word)) {
            n = sizeof(word) - 1;
            why = "too long";
            memcpy(word, text + start, n);
            word[n] = '\0';
        } else {
            memcpy(word, text + start, n);
            word[n] = '\0';
            why = apply_word(opt, word);
        }
        if (why) {
            n_bad++;
            if (bad)
                bad(word, why);
        }
    }
    return n_bad;
}
