/* SPDX-License-Identifier: MIT */
#include "kinds.h"

#include <stdio.h>
#include <string.h>
#include "core/paths/pm.h"
#include "core/sched/sched.h"

#define TOO_MANY "too many"

static void *member(const struct mps_key *key, void *structure)
{
    return (char *)structure + key->at;
}

/* ---- numbers ---- */

static const char *set_number(const struct mps_key *key, void *structure, char *value)
{
    unsigned long n;
    const char *why = mps_value_number(value, key->min, key->max, &n);

    if (why)
        return why;
    if (key->size == sizeof(uint64_t))
        *(uint64_t *)member(key, structure) = (uint64_t)n * key->unit;
    else
        *(unsigned *)member(key, structure) = (unsigned)(n * key->unit);
    return NULL;
}

static void number_allowed(const struct mps_key *key, char *ret, size_t size)
{
    snprintf(ret, size, "a number%s%s, %lu to %lu", *key->of ? " of " : "", key->of, key->min,
             key->max);
}

const struct mps_kind mps_kind_number = {.set = set_number, .allowed = number_allowed};

/* "N" or "N-M"; 0 is any port. */
static const char *set_ports(const struct mps_key *key, void *structure, char *value)
{
    struct mps_ports *ports = member(key, structure);
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
    ports->first = (uint16_t)first;
    ports->last = (uint16_t)(dash ? last : first);
    return NULL;
}

static void ports_allowed(const struct mps_key *key, char *ret, size_t size)
{
    snprintf(ret, size, "a port, 0 to 65535, or a range FIRST-LAST");
}

const struct mps_kind mps_kind_ports = {.set = set_ports, .allowed = ports_allowed};

/* ---- choices ---- */

/* "a, b or c" */
static void choice_allowed(const struct mps_key *key, char *ret, size_t size)
{
    const char *word;
    size_t len = 0;

    for (unsigned i = 0; len < size && (word = mps_key_choice(key, i)); i++) {
        const char *before = i == 0 ? "" : mps_key_choice(key, i + 1) ? ", " : " or ";

        len += (size_t)snprintf(ret + len, size - len, "%s%s", before, word);
    }
}

static bool find_choice(const struct mps_key *key, const char *value, unsigned *ret)
{
    const char *word;

    for (unsigned i = 0; (word = mps_key_choice(key, i)); i++) {
        if (strcmp(word, value) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static const char *word_choice(const struct mps_key *key, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (!key->words[k])
            return NULL;
    }
    return key->words[i];
}

static const char *set_choice(const struct mps_key *key, void *structure, char *value)
{
    unsigned i;

    if (!find_choice(key, value, &i))
        return "unknown value";
    if (key->size == sizeof(bool))
        *(bool *)member(key, structure) = i == 1;
    else
        *(unsigned *)member(key, structure) = i;
    return NULL;
}

const struct mps_kind mps_kind_choice = {
    .set = set_choice,
    .allowed = choice_allowed,
    .choice = word_choice,
};

static const char *scheduler_choice(const struct mps_key *key, unsigned i)
{
    return mps_sched_at(i) ? mps_sched_at(i)->name : NULL;
}

static const char *set_scheduler(const struct mps_key *key, void *structure, char *value)
{
    const struct mps_sched_ops *ops = mps_sched_find(value);

    if (!ops)
        return "unknown scheduler";
    *(const struct mps_sched_ops **)member(key, structure) = ops;
    return NULL;
}

const struct mps_kind mps_kind_scheduler = {
    .set = set_scheduler,
    .allowed = choice_allowed,
    .choice = scheduler_choice,
};

static const char *pm_choice(const struct mps_key *key, unsigned i)
{
    return mps_pm_at(i) ? mps_pm_at(i)->name : NULL;
}

static const char *set_pm(const struct mps_key *key, void *structure, char *value)
{
    const struct mps_pm_ops *ops = mps_pm_find(value);

    if (!ops)
        return "unknown path manager";
    *(const struct mps_pm_ops **)member(key, structure) = ops;
    return NULL;
}

const struct mps_kind mps_kind_pm = {
    .set = set_pm,
    .allowed = choice_allowed,
    .choice = pm_choice,
};

static const char *flag_choice(const struct mps_key *key, unsigned i)
{
    return i == 0 ? "yes" : i == 1 ? "no" : NULL;
}

static const char *set_flag(const struct mps_key *key, void *structure, char *value)
{
    return mps_value_flag(value, member(key, structure));
}

const struct mps_kind mps_kind_flag = {
    .set = set_flag,
    .allowed = choice_allowed,
    .choice = flag_choice,
};

static const char *set_rule_flag(const struct mps_key *key, void *structure, char *value)
{
    struct mps_rule_flag *flag = member(key, structure);
    const char *why = mps_value_flag(value, &flag->on);

    flag->said |= !why;
    return why;
}

const struct mps_kind mps_kind_rule_flag = {
    .set = set_rule_flag,
    .allowed = choice_allowed,
    .choice = flag_choice,
};

/* ---- files ---- */

static const char *set_file(const struct mps_key *key, void *structure, char *value)
{
    if (value[0] != '/')
        return "not an absolute path";
    if (strlen(value) >= key->size)
        return "too long";
    memcpy(member(key, structure), value, strlen(value) + 1);
    return NULL;
}

static void file_allowed(const struct mps_key *key, char *ret, size_t size)
{
    snprintf(ret, size, "an absolute path of at most %zu bytes", key->size - 1);
}

const struct mps_kind mps_kind_file = {.set = set_file, .allowed = file_allowed};

/* ---- users ---- */

static const char *set_user(const struct mps_key *key, void *structure, char *value)
{
    if (value[0] == '\0' || strpbrk(value, " \t/:"))
        return "not a user";
    if (strlen(value) >= key->size)
        return "too long";
    memcpy(member(key, structure), value, strlen(value) + 1);
    return NULL;
}

static void user_allowed(const struct mps_key *key, char *ret, size_t size)
{
    snprintf(ret, size, "the name or number of a user, of at most %zu bytes", key->size - 1);
}

const struct mps_kind mps_kind_user = {.set = set_user, .allowed = user_allowed};

/* ---- lists ---- */

static void list_allowed(const struct mps_key *key, char *ret, size_t size)
{
    snprintf(ret, size, "at most %u %s", key->limit, key->of);
}

/* The place of the next element; NULL: no more. */
static void *place(const struct mps_key *key, void *structure, size_t size)
{
    unsigned *n = (unsigned *)((char *)structure + key->count_at);

    return *n < key->limit ? (char *)member(key, structure) + size * (*n)++ : NULL;
}

static const char *add_address(const struct mps_key *key, void *structure, char *value)
{
    struct mps_addr addr, *to;
    const char *why = mps_value_address(value, &addr);

    if (why)
        return why;
    to = place(key, structure, sizeof(*to));
    if (!to)
        return TOO_MANY;
    *to = addr;
    return NULL;
}

const struct mps_kind mps_kind_addresses = {
    .list = true,
    .set = add_address,
    .allowed = list_allowed,
};

static const char *add_prefix(const struct mps_key *key, void *structure, char *value)
{
    struct mps_prefix prefix, *to;
    const char *why = mps_value_prefix(value, &prefix);

    if (why)
        return why;
    to = place(key, structure, sizeof(*to));
    if (!to)
        return TOO_MANY;
    *to = prefix;
    return NULL;
}

const struct mps_kind mps_kind_prefixes = {
    .list = true,
    .set = add_prefix,
    .allowed = list_allowed,
};

static const char *add_name(const struct mps_key *key, void *structure, char *value)
{
    char *to;

    if (strchr(value, '/'))
        return "has a '/'";
    if (strlen(value) > MPS_POLICY_NAME_LEN)
        return "too long";
    to = place(key, structure, MPS_POLICY_NAME_LEN + 1);
    if (!to)
        return TOO_MANY;
    memcpy(to, value, strlen(value) + 1);
    return NULL;
}

const struct mps_kind mps_kind_names = {.list = true, .set = add_name, .allowed = list_allowed};

/* "none" stands for an empty list, which otherwise means that nothing is said. */
static const char *add_port(const struct mps_key *key, void *structure, char *value)
{
    struct mps_port_list *list = member(key, structure);
    unsigned long port = 0;
    const char *why = strcmp(value, "none") == 0 ? NULL : mps_value_number(value, 1, 65535, &port);
    uint16_t *to = NULL;

    if (!why && port != 0 && !(to = place(key, structure, sizeof(*to))))
        why = TOO_MANY;
    if (to)
        *to = (uint16_t)port;
    list->said |= !why;
    return why;
}

const struct mps_kind mps_kind_port_list = {
    .list = true,
    .set = add_port,
    .allowed = list_allowed,
};
