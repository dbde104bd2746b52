/* SPDX-License-Identifier: MIT */
/*
 * The agent's options: words key=value from the environment, and per connection from a request.
 * keys.c has the words, their defaults and what their values may be.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/conn/conn.h"
#include "purpose.h"

/* What carries MACs? */
enum mps_integrity {
    MPS_INTEGRITY_AUTO,    /* payloads, too, on paths of a millisecond and more */
    MPS_INTEGRITY_CONTROL, /* all but payloads */
    MPS_INTEGRITY_FULL,
};

struct mps_psks;

struct mps_ports {
    uint16_t first, last; /* inclusive */
};

#define MPS_OPTIONS_LOCALS     16
#define MPS_OPTIONS_PATH       256
#define MPS_OPTIONS_USER       33
#define MPS_OPTIONS_WORD       1024 /* longest word, and its NUL: the environment's value has no more */
#define MPS_OPTIONS_THREADS    16
#define MPS_OPTIONS_MEMORY_MIN 16u /* MiB */
#define MPS_OPTIONS_MEMORY_MAX (1u << 20)
#define MPS_OPTIONS_ADDRESSES  64 /* most of the peer's addresses that can be remembered */

struct mps_options {
    struct mps_addr locals[MPS_OPTIONS_LOCALS]; /* none: whatever is usable */
    unsigned n_locals;
    struct mps_config conn; /* what the core has a member for */
    enum mps_purpose purpose;
    const struct mps_sched_ops *sched; /* NULL: that of the purpose */
    enum mps_integrity integrity;
    bool bind_keep; /* a program that binds gets no other local address */
    unsigned idle_s;
    unsigned stop_s;             /* how long an agent that is told to end goes on delivering */
    uint64_t memory;             /* bytes, above which the agent's buffers get small; 0: by RAM */
    unsigned threads;            /* of the agent, that carry data; 0: by the number of CPUs */
    struct mps_ports join_ports; /* first 0: ephemeral */
    char psk[MPS_OPTIONS_PATH];  /* file of pre-shared keys (psks.h), "": none */
    const struct mps_psks *psks; /* what is in it, NULL: none; read by the agent's main */
    char verbose[MPS_OPTIONS_PATH];   /* "": no log */
    char trace[MPS_OPTIONS_PATH];     /* "": none */
    char user[MPS_OPTIONS_USER];      /* of an agent that root starts; "": the usual one */
    bool marks;                       /* what that agent keeps for SO_MARK */
    bool remember_peers;              /* for the agents that come later, in peers_dir */
    char peers_dir[MPS_OPTIONS_PATH]; /* "": none */
};

void mps_options_init(struct mps_options *opt);

/*
 * `word` is one of those, or one that is meant for others (mptcpshim(1)) and changes nothing here.
 * NULL, or why the value is refused; *opt is as before then. `value` is changed.
 */
const char *mps_options_set(struct mps_options *opt, const char *word, char *value);

/* What the value of that word may be, for people, "" if there is no such one. */
void mps_options_allowed(const char *word, char *ret, size_t size);

/*
 * Apply the words of text[0..len). A bad word is reported to `bad` (may be NULL) with the reason
 * and skipped; the others count. Returns the number of bad words.
 */
unsigned mps_options_parse(struct mps_options *opt, const char *text, size_t len,
                           void (*bad)(const char *word, const char *why));

/* The value of the last word `key`=... in ret; false if there is none that fits. */
bool mps_options_find(const char *text, size_t len, const char *key, char *ret, size_t size);
