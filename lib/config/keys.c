/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <stddef.h>
#include <string.h>
#include "core/conn/conn.h"
#include "core/sched/sched.h"
#include "kinds.h"
#include "purpose.h"

static const char *const fairness[] = {
    [MPS_FAIR_AUTO] = "auto",
    [MPS_FAIR_OFF] = "off",
    [MPS_FAIR_STRICT] = "strict",
    NULL,
};

static const char *const integrity[] = {
    [MPS_INTEGRITY_AUTO] = "auto",
    [MPS_INTEGRITY_CONTROL] = "control",
    [MPS_INTEGRITY_FULL] = "full",
    NULL,
};

static const char *const purposes[] = {
#define PURPOSE_WORD(NAME, word, scheduler) [MPS_PURPOSE_##NAME] = #word,
    MPS_PURPOSES(PURPOSE_WORD) NULL,
};

static const char *const bind_means[] = {"any", "keep", NULL};

/* ---- the table ---- */

#define SECONDS_MAX 86400
#define PATTERNS    "patterns of interface names, as in glob(7), of at most 31 characters"
#define ADDRESSES   "IPv4 or IPv6 addresses"
#define NETWORKS    "addresses or ADDRESS/BITS"
#define PROGRAMS    "names of programs, without '/', of at most 31 bytes"
#define PORTS       "ports, 1 to 65535, or none"

#define MEMBER(place_, structure, member)                                                          \
    .place = (place_), .at = offsetof(structure, member), .size = sizeof(((structure *)0)->member)

/*
 * Where a value goes: a member of struct mps_options, of its struct mps_config, of a path's rule.
 */
#define TO(member)      MEMBER(MPS_KEY_OPTIONS, struct mps_options, member)
#define TO_CONN(member) MEMBER(MPS_KEY_OPTIONS, struct mps_options, conn.member)
#define TO_RULE(member) MEMBER(MPS_KEY_RULE, struct mps_path_rule, member)
#define TO_LIST(member, limit_)                                                                    \
    MEMBER(MPS_KEY_POLICY, struct mps_policy, member.item),                                        \
        .count_at = offsetof(struct mps_policy, member.n), .limit = (limit_)

/* What it may be. */
#define NUMBER(of_, min_, max_, unit_)                                                             \
    .kind = &mps_kind_number, .of = (of_), .min = (min_), .max = (max_), .unit = (unit_)
#define SECONDS_OF(unit_) NUMBER("seconds", 0, SECONDS_MAX, unit_)
#define CHOICE(words_)    .kind = &mps_kind_choice, .words = (words_)
#define LIST(kind_, of_)  .kind = &mps_kind_##kind_, .of = (of_)

#define IN(section_, name_) .section = (section_), .name = (name_)
/* It has its name among the words, too. */
#define KEY(section_, name_) IN(section_, name_), .word = (name_)
#define RUN(value_, help_)   .option = (value_), .help = (help_)

/* The order is that of `mptcpshim run --help`. */
static const struct mps_key keys[] = {
    {KEY("paths", "local"), RUN("ADDR[,ADDR...]", "use exactly these local addresses"),
     LIST(addresses, ADDRESSES), TO(locals), .count_at = offsetof(struct mps_options, n_locals),
     .limit = MPS_OPTIONS_LOCALS},
    {IN("paths", "include-interfaces"), LIST(names, PATTERNS),
     TO_LIST(include_interfaces, MPS_POLICY_LIST)},
    {IN("paths", "exclude-interfaces"), LIST(names, PATTERNS),
     TO_LIST(exclude_interfaces, MPS_POLICY_LIST)},
    {IN("paths", "include-prefixes"), LIST(prefixes, NETWORKS),
     TO_LIST(include_prefixes, MPS_POLICY_LIST)},
    {IN("paths", "exclude-prefixes"), LIST(prefixes, NETWORKS),
     TO_LIST(exclude_prefixes, MPS_POLICY_LIST)},
    {IN(MPS_SECTION_PATH, "backup"), .kind = &mps_kind_rule_flag, TO_RULE(backup)},
    {IN(MPS_SECTION_PATH, "weight"), NUMBER("", 1, MPS_WEIGHT_MAX, 1), TO_RULE(weight)},

    {KEY("connections", "for"), RUN("PURPOSE", "what the connections are for"), CHOICE(purposes),
     TO(purpose), .initial = "bulk"},
    {IN("connections", "scheduler"), .word = "scheduler", .live = true,
     RUN("NAME", "which path gets the next bytes"), .kind = &mps_kind_scheduler, TO(sched)},
    {IN("connections", "path-manager"), .word = "pm", .kind = &mps_kind_pm, TO_CONN(pm),
     .initial = "pairs"},
    {KEY("connections", "fairness"), RUN("MODE", "subflows at one bottleneck share one share"),
     CHOICE(fairness), TO_CONN(fairness), .initial = "auto"},
    {KEY("connections", "integrity"), RUN("MODE", "what nobody on the way can change unseen"),
     CHOICE(integrity), TO(integrity), .initial = "auto"},
    {KEY("connections", "max-subflows"), RUN("N", "paths per connection at most"),
     NUMBER("", 1, MPS_MAX_SUBFLOWS, 1), TO_CONN(max_subflows), .initial = "8"},
    {KEY("connections", "max-addresses"), NUMBER("", 0, MPS_OPTIONS_ADDRESSES, 1),
     TO_CONN(max_addrs), .initial = "8"},
    {KEY("connections", "keepalive"),
     RUN("S", "seconds of silence after which a path is asked, 0: never"), SECONDS_OF(MPS_SEC),
     TO_CONN(keepalive), .initial = "15"},
    {KEY("connections", "no-subflow-timeout"),
     RUN("S", "seconds that a connection waits for a path when it has none"), SECONDS_OF(MPS_SEC),
     TO_CONN(no_subflow_timeout), .initial = "60"},
    {KEY("connections", "bind"), CHOICE(bind_means), TO(bind_keep), .initial = "any"},

    {KEY("agent", "idle"), SECONDS_OF(1), TO(idle_s), .initial = "5"},
    /* The default is less than the 90 s after which systemd kills. */
    {KEY("agent", "stop-timeout"), SECONDS_OF(1), TO(stop_s), .initial = "60"},
    {KEY("agent", "memory"), RUN("MIB", "of the agent, above which buffers become small"),
     NUMBER("MiB", MPS_OPTIONS_MEMORY_MIN, MPS_OPTIONS_MEMORY_MAX, 1ul << 20), TO(memory)},
    {KEY("agent", "threads"), RUN("N", "of the agent, over which connections are spread"),
     NUMBER("", 1, MPS_OPTIONS_THREADS, 1), TO(threads)},
    {KEY("agent", "join-port"),
     RUN("N[-M]", "port for joins where the program's own cannot be shared"),
     .kind = &mps_kind_ports, TO(join_ports), .initial = "0"},
    {IN("agent", "announce"), LIST(addresses, ADDRESSES), TO_LIST(announce, MPS_POLICY_OUTSIDE)},
    {KEY("agent", "user"), .kind = &mps_kind_user, TO(user)},
    {KEY("agent", "marks"), .kind = &mps_kind_flag, TO(marks), .initial = "no"},
    {KEY("agent", "remember-peers"), RUN("YES|NO", "whether later runs know the peers of this one"),
     .kind = &mps_kind_flag, TO(remember_peers), .initial = "yes"},
    {IN("agent", "log"), .word = "verbose", RUN("FILE", "the agent's log, for debugging"),
     .kind = &mps_kind_file, TO(verbose)},
    {KEY("agent", "trace"), RUN("FILE", "what the connections do, and why"), .kind = &mps_kind_file,
     TO(trace)},
    /* The launcher's to the agent. */
    {.name = "peers-dir", .word = "peers-dir", .kind = &mps_kind_file, TO(peers_dir)},

    {KEY("peers", "psk"), RUN("FILE", "pre-shared keys, by peers"), .kind = &mps_kind_file,
     TO(psk)},
    {KEY("peers", "capable"), LIST(prefixes, NETWORKS), TO_LIST(capable, MPS_POLICY_CAPABLE)},
    {KEY("programs", "leave-alone"), LIST(names, PROGRAMS), TO_LIST(leave_alone, MPS_POLICY_LIST)},
    {KEY("programs", "bulk"), LIST(names, PROGRAMS), TO_LIST(bulk, MPS_POLICY_LIST)},
    {KEY("programs", "interactive"), LIST(names, PROGRAMS), TO_LIST(interactive, MPS_POLICY_LIST)},
    {KEY("programs", "handover"), LIST(names, PROGRAMS), TO_LIST(handover, MPS_POLICY_LIST)},
    {KEY("programs", "leave-ports"), LIST(port_list, PORTS),
     TO_LIST(leave_ports, MPS_POLICY_PORTS)},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

const struct mps_key *mps_key_at(unsigned i)
{
    return i < N_KEYS ? &keys[i] : NULL;
}

static bool is_in(const struct mps_key *key, const char *section)
{
    return key->section && strcmp(key->section, section) == 0;
}

const struct mps_key *mps_key_find(const char *section, const char *name)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (is_in(&keys[i], section) && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

const struct mps_key *mps_key_of_word(const char *word)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (keys[i].word && strcmp(keys[i].word, word) == 0)
            return &keys[i];
    }
    return NULL;
}

bool mps_key_section(const char *section)
{
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (is_in(&keys[i], section))
            return true;
    }
    return false;
}

/* ---- values ---- */

void mps_key_allowed(const struct mps_key *key, char ret[MPS_KEY_ALLOWED])
{
    key->kind->allowed(key, ret, MPS_KEY_ALLOWED);
}

const char *mps_key_choice(const struct mps_key *key, unsigned i)
{
    return key->kind->choice ? key->kind->choice(key, i) : NULL;
}

const char *mps_key_set(const struct mps_key *key, void *structure, char *value)
{
    return key->kind->set(key, structure, value);
}

bool mps_key_is_list(const struct mps_key *key)
{
    return key->kind->list;
}

void mps_key_clear(const struct mps_key *key, void *structure)
{
    *(unsigned *)((char *)structure + key->count_at) = 0;
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
