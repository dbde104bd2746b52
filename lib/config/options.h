/* SPDX-License-Identifier: MIT */
/*
 * The agent's options: words key=value from the environment, and per connection from a request.
 *   local=A[,B...] scheduler=NAME pm=NAME fairness=off|auto|strict checksum=auto|on|off
 *   max-subflows=N max-addresses=N bind=any|keep
 *   no-subflow-timeout=SECONDS keepalive=SECONDS
 *   idle=SECONDS stop-timeout=SECONDS memory=MIB threads=N join-port=N[-M] verbose=FILE
 *   remember-peers=yes|no peers-dir=DIRECTORY
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/fair/couple.h"
#include "core/base/time.h"

struct mps_sched_ops;
struct mps_pm_ops;

/* Are payloads checked? */
enum mps_checksum {
    MPS_CHECKSUM_AUTO, /* where boxes can be: on paths of a millisecond and more */
    MPS_CHECKSUM_OFF,
    MPS_CHECKSUM_ON,
};

struct mps_ports {
    uint16_t first, last; /* inclusive */
};

#define MPS_OPTIONS_LOCALS 16
#define MPS_OPTIONS_PATH   256
#define MPS_OPTIONS_WORD   1024 /* longest word, and its NUL: the environment's value has no more */
#define MPS_OPTIONS_THREADS 16
#define MPS_OPTIONS_MEMORY_MIN 16u /* MiB */
#define MPS_OPTIONS_MEMORY_MAX (1u << 20)
#define MPS_OPTIONS_ADDRESSES 64 /* most of the peer's addresses that can be remembered */

struct mps_options {
    struct mps_addr locals[MPS_OPTIONS_LOCALS]; /* none: whatever is usable */
    unsigned n_locals;
    const struct mps_sched_ops *sched; /* NULL: the default */
    const struct mps_pm_ops *pm;       /* NULL: the default */
    enum mps_fairness fairness;
    enum mps_checksum checksum;
    unsigned max_subflows;             /* 0: the default */
    unsigned max_addresses;            /* of the peer, beside its first */
    bool bind_keep;                    /* a program that binds gets no other local address */
    mps_time_t no_subflow_timeout;     /* life of a connection without any subflow */
    mps_time_t keepalive;              /* a path silent for so long is probed, 0: never */
    unsigned idle_s;
    unsigned stop_s; /* how long an agent that is told to end goes on delivering */
    uint64_t memory;                /* bytes, above which the agent's buffers get small; 0: by RAM */
    unsigned threads;               /* of the agent, that carry data; 0: by the number of CPUs */
    struct mps_ports join_ports;    /* first 0: ephemeral */
    char verbose[MPS_OPTIONS_PATH]; /* "": no log */
    bool remember_peers;            /* for the agents that come later, in peers_dir */
    char peers_dir[MPS_OPTIONS_PATH]; /* "": none */
};

void mps_options_init(struct mps_options *opt);

/*
 * `key` is one of those above, or of a word that is meant for others (mptcpshim(1)) and changes
 * nothing here. NULL, or why the value is refused; *opt is as before then. `value` is changed.
 */
const char *mps_options_set(struct mps_options *opt, const char *key, char *value);

/*
 * Apply the words of text[0..len). A bad word is reported to `bad` (may be NULL) with the reason
 * and skipped; the others count. Returns the number of bad words.
 */
unsigned mps_options_parse(struct mps_options *opt, const char *text, size_t len,
                           void (*bad)(const char *word, const char *why));

/* The value of the last word `key`=... in ret; false if there is none that fits. */
bool mps_options_find(const char *text, size_t len, const char *key, char *ret, size_t size);
