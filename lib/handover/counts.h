/* SPDX-License-Identifier: MIT */
/*
 * How many connections of a process tree stayed plain TCP, and why. Such connections never reach
 * the agent, and counting them may cost nothing; so all processes of a tree count in a page of
 * memory that they share, by one relaxed addition each. The page is a System V segment: its number
 * in the environment (MPS_ENV_COUNTS) outlives fork and exec, it needs no descriptor that a program
 * could close, and it works where AF_UNIX sockets are forbidden. The launcher makes the segment;
 * the agent, which attaches first, asks the kernel to remove it with the last process of the tree.
 *
 * Async-signal-safe; errno is preserved.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "names.h"

/* The word of each is mps_plain_reason_word; mptcpshim(1) says what it means. */
enum mps_plain_reason {
    MPS_PLAIN_NONE,
    MPS_PLAIN_PEER_UNMARKED,
    MPS_PLAIN_RECENT,
    MPS_PLAIN_LOOPBACK,
    MPS_PLAIN_LINK_LOCAL,
    MPS_PLAIN_NAMESPACE,
    MPS_PLAIN_LEFT_ALONE,
    MPS_PLAIN_OPTION,
    MPS_PLAIN_SHARED,
    MPS_PLAIN_USED_EARLY,
    MPS_PLAIN_NO_AGENT,
    MPS_PLAIN_AGENT_REFUSED,
    MPS_PLAIN_KNOWN,
    MPS_PLAIN_LISTENER,
    MPS_PLAIN_ELSEWHERE,
    MPS_PLAIN_NO_ANSWER,
    MPS_PLAIN_NO_HELLO,
    MPS_PLAIN_PEER_REFUSED,
    MPS_PLAIN_OTHER,
    MPS_PLAIN_REASONS, /* how many */
};

const char *mps_plain_reason_word(enum mps_plain_reason reason);

enum mps_counts_role { MPS_COUNTS_CLIENT, MPS_COUNTS_SERVER, MPS_COUNTS_ROLES };

#define MPS_ENV_COUNTS    "MPTCPSHIM_COUNTS" /* the segment's number, decimal */
#define MPS_HO_COUNTS_MAX 12                 /* with the NUL */

struct mps_counts {
    uint32_t magic, size;
    char agent_id[MPS_HO_ID_LEN];
    _Atomic uint32_t passed; /* how often listeners were passed on (preload/interpose/marking.h) */
    _Atomic uint32_t n[MPS_COUNTS_ROLES][MPS_PLAIN_REASONS]; /* modulo 2^32 */
};

/* A new segment for that agent's tree; its number, or -1. */
int mps_counts_create(const char *agent_id);

/*
 * The segment whose number the text is; NULL if there is none, or if it is not of this agent and
 * build.
 */
struct mps_counts *mps_counts_attach(const char *number, const char *agent_id);

/* Let it go with the last process that has attached. */
void mps_counts_remove(const char *number);

static inline void mps_counts_add(struct mps_counts *counts, enum mps_counts_role role,
                                  enum mps_plain_reason reason)
{
    if (counts)
        atomic_fetch_add_explicit(&counts->n[role][reason], 1, memory_order_relaxed);
}
