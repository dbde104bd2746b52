/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <stddef.h>
#include <string.h>
#include "core/sched/sched.h"

/* ---- setters ---- */

static const char *set_option(struct mps_settings *settings, const struct mps_key *key,
                              struct mps_path_rule *rule, char *value)
{
    return mps_options_set(&settings->options, key->option, value);
}

static const char *set_log(struct mps_settings *settings, const struct mps_key *key,
                           struct mps_path_rule *rule, char *value)
{
    if (value[0] != '/')
        return "not an absolute path";
    return mps_options_set(&settings->options, key->option, value);
}

/* ---- lists ---- */

static unsigned *count_of(struct mps_settings *settings, const struct mps_key *key)
{
    return (unsigned *)((char *)settings + key->count_at);
}

void mps_key_clear(struct mps_settings *settings, const struct mps_key *key)
{
    *count_of(settings, key) = 0;
}

/* The place of the next element; NULL: no more. */
static void *place(struct mps_settings *settings, const struct mps_key *key, size_t size)
{
    unsigned *n = count_of(settings, key);

    return *n < key->max ? (char *)settings + key->at + size * (*n)++ : NULL;
}

static const char *add_address(struct mps_settings *settings, const struct mps_key *key,
                               struct mps_path_rule *rule, char *value)
{
    struct mps_addr addr, *to;
    const char *why = mps_value_address(value, &addr);

    if (why)
        return why;
    to = place(settings, key, sizeof(*to));
    if (!to)
        return "too many";
    *to = addr;
    return NULL;
}

static const char *add_prefix(struct mps_settings *settings, const struct mps_key *key,
                              struct mps_path_rule *rule, char *value)
{
    struct mps_prefix prefix, *to;
    const char *why = mps_value_prefix(value, &prefix);

    if (why)
        return why;
    to = place(settings, key, sizeof(*to));
    if (!to)
        return "too many";
    *to = prefix;
    return NULL;
}

static const char *add_name(struct mps_settings *settings, const struct mps_key *key,
                            struct mps_path_rule *rule, char *value)
{
    char *to;

    if (strchr(value, '/'))
        return "has a '/'";
    if (strlen(value) > MPS_POLICY_NAME_LEN)
        return "too long";
    to = place(settings, key, MPS_POLICY_NAME_LEN + 1);
    if (!to)
        return "too many";
    memcpy(to, value, strlen(value) + 1);
    return NULL;
}

/* "none" stands for an empty list, which otherwise means that nothing is said. */
static const char *add_port(struct mps_settings *settings, const struct mps_key *key,
                            struct mps_path_rule *rule, char *value)
{
    unsigned long port = 0;
    const char *why = strcmp(value, "none") == 0 ? NULL : mps_value_number(value, 1, 65535, &port);
    uint16_t *to = NULL;

    if (!why && port != 0 && !(to = place(settings, key, sizeof(*to))))
        why = "too many";
    if (to)
        *to = (uint16_t)port;
    settings->policy.leave_ports.said |= !why;
    return why;
}

/* ---- sections of paths ---- */

static const char *set_backup(struct mps_settings *settings, const struct mps_key *key,
                              struct mps_path_rule *rule, char *value)
{
    const char *why = mps_value_flag(value, &rule->backup);

    rule->has_backup |= !why;
    return why;
}

static const char *set_weight(struct mps_settings *settings, const struct mps_key *key,
                              struct mps_path_rule *rule, char *value)
{
    unsigned long n;
    const char *why = mps_value_number(value, 1, MPS_WEIGHT_MAX, &n);

    if (!why)
        rule->weight = (unsigned)n;
    return why;
}

/* ---- the table ---- */

#define SECONDS  "a number of seconds, 0 to 86400"
#define PATTERNS "at most 32 patterns of interface names, as in glob(7), of at most 31 characters"
#define NETWORKS "at most 32 addresses or ADDRESS/BITS"

#define OPTION(section, name, allowed, option)                                                     \
    {section, name, allowed, set_option, option, 0, 0, 0}
#define LIST(section, name, allowed, add, member, limit)                                           \
    {section,                                                                                      \
     name,                                                                                         \
     allowed,                                                                                      \
     add,                                                                                          \
     NULL,                                                                                         \
     offsetof(struct mps_settings, policy.member.item),                                            \
     offsetof(struct mps_settings, policy.member.n),                                               \
     limit}

static const struct mps_key keys[] = {
    OPTION("connections", "scheduler", "ecf, minrtt, roundrobin, redundant or backup", "scheduler"),
    OPTION("connections", "path-manager", "pairs or fullmesh", "pm"),
    OPTION("connections", "fairness", "off, auto or strict", "fairness"),
    OPTION("connections", "checksum", "auto, on or off", "checksum"),
    OPTION("connections", "max-subflows", "a number, 1 to 32", "max-subflows"),
    OPTION("connections", "max-addresses", "a number, 0 to 64", "max-addresses"),
    OPTION("connections", "no-subflow-timeout", SECONDS, "no-subflow-timeout"),
    OPTION("connections", "keepalive", SECONDS, "keepalive"),
    OPTION("connections", "bind", "any or keep", "bind"),
    OPTION("agent", "idle", SECONDS, "idle"),
    OPTION("agent", "stop-timeout", SECONDS, "stop-timeout"),
    OPTION("agent", "memory", "MiB, 16 to 1048576", "memory"),
    OPTION("agent", "threads", "a number, 1 to 16", "threads"),
    OPTION("agent", "remember-peers", "yes or no", "remember-peers"),
    OPTION("agent", "join-port", "a port, 0 to 65535, or a range FIRST-LAST", "join-port"),
    LIST("agent", "announce", "at most 8 IPv4 or IPv6 addresses", add_address, announce,
         MPS_POLICY_OUTSIDE),
    {"agent", "log", "an absolute path of at most 255 bytes", set_log, "verbose", 0, 0, 0},
    {"paths", "local", "at most 16 IPv4 or IPv6 addresses", add_address, "local",
     offsetof(struct mps_settings, options.locals), offsetof(struct mps_settings, options.n_locals),
     MPS_OPTIONS_LOCALS},
    LIST("paths", "include-interfaces", PATTERNS, add_name, include_interfaces, MPS_POLICY_LIST),
    LIST("paths", "exclude-interfaces", PATTERNS, add_name, exclude_interfaces, MPS_POLICY_LIST),
    LIST("paths", "include-prefixes", NETWORKS, add_prefix, include_prefixes, MPS_POLICY_LIST),
    LIST("paths", "exclude-prefixes", NETWORKS, add_prefix, exclude_prefixes, MPS_POLICY_LIST),
    {MPS_SECTION_PATH, "backup", "yes or no", set_backup, NULL, 0, 0, 0},
    {MPS_SECTION_PATH, "weight", "a number, 1 to 100", set_weight, NULL, 0, 0, 0},
    LIST("peers", "capable", "at most 16 addresses or ADDRESS/BITS", add_prefix, capable,
         MPS_POLICY_CAPABLE),
    LIST("programs", "leave-alone", "at most 32 names of programs, without '/', of at most 31 bytes",
         add_name, leave_alone, MPS_POLICY_LIST),
    LIST("programs", "leave-ports", "at most 32 ports, 1 to 65535, or none", add_port, leave_ports,
         MPS_POLICY_PORTS),
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

const struct mps_key *mps_key_at(unsigned i)
{
    return i < N_KEYS ? &keys[i] : NULL;
}

const struct mps_key *mps_key_find(const char *section, const char *name)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

bool mps_key_section(const char *section)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (strcmp(keys[i].section, section) == 0)
            return true;
    }
    return false;
}

const char *mps_key_option_allowed(const char *option)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (keys[i].option && strcmp(keys[i].option, option) == 0)
            return keys[i].allowed;
    }
    return "";
}

const char *mps_key_path_rule(struct mps_policy *policy, const char *name,
                              struct mps_path_rule **ret)
{
    struct mps_path_rule rule = {.weight = 0};

    if (mps_value_prefix(name, &rule.prefix) != NULL) {
        if (strchr(name, '/'))
            return "not a prefix";
        if (*name == '\0')
            return "no interface or prefix";
        if (strlen(name) > MPS_POLICY_NAME_LEN)
            return "too long";
        memcpy(rule.interface, name, strlen(name) + 1);
    }
    if (policy->n_paths == MPS_POLICY_LIST)
        return "too many sections of this kind";
    *ret = &policy->paths[policy->n_paths++];
    **ret = rule;
    return NULL;
}
