/* SPDX-License-Identifier: MIT */
/*
 * The agent's options: words key=value from the environment, and per connection from a request.
 *   local=A[,B...] scheduler=NAME pm=NAME max-subflows=N no-subflow-timeout=SECONDS idle=SECONDS
 *   join-port=N[-M] verbose=FILE
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/time.h"

struct mps_sched_ops;
struct mps_pm_ops;

struct mps_ports {
    uint16_t first, last; /* inclusive */
};

#define MPS_OPTIONS_LOCALS 16
#define MPS_OPTIONS_PATH   256

struct mps_options {
    struct mps_addr locals[MPS_OPTIONS_LOCALS]; /* none: whatever is usable */
    unsigned n_locals;
    const struct mps_sched_ops *sched; /* NULL: the default */
    const struct mps_pm_ops *pm;       /* NULL: the default */
    unsigned max_subflows;             /* 0: the default */
    mps_time_t no_subflow_timeout;     /* life of a connection without any subflow */
    unsigned idle_s;
    struct mps_ports join_ports;    /* first 0: ephemeral */
    char verbose[MPS_OPTIONS_PATH]; /* "": no log */
};

void mps_options_init(struct mps_options *opt);

/*
 * Apply the words of text[0..len). A bad word is reported to `bad` (may be NULL) with the reason
 * and skipped; the others count. Returns the number of bad words.
 */
unsigned mps_options_parse(struct mps_options *opt, const char *text, size_t len,
                           void (*bad)(const char *word, const char *why));
