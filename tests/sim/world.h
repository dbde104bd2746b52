/* SPDX-License-Identifier: MIT */
/* A whole simulation: network, client, server; and how it fails. */
#pragma once
#include <stdnoreturn.h>
#include "digest.h"
#include "host.h"

#define WORLD_MAX_SCRIPT 64

struct world;

/* Something that happens at a time: an outage, an address, an attack. */
struct world_step {
    mps_time_t at; /* after the start */
    void (*fn)(struct world *w, unsigned arg);
    unsigned arg;
};

struct world {
    struct simnet net;
    struct host host[2];
    struct prng rng; /* of the scenario */
    uint64_t seed;
    const char *name;
    bool verbose;
    struct digest digest;
    mps_time_t start, limit;
    struct world_step script[WORLD_MAX_SCRIPT];
    unsigned n_script;
    /* What must come out. */
    bool may_reset; /* either application may see a reset instead of the end of stream */
    bool must_reset;
};

/* Defaults: two links, both hosts' configuration, applications that write nothing. */
void world_init(struct world *w, const char *name, uint64_t seed, bool verbose);
void world_deinit(struct world *w);

void world_link(struct world *w, unsigned mbit, unsigned delay_ms, unsigned queue_kb,
                unsigned loss_permille);
void world_app(struct world *w, unsigned host, const struct app_params *params);

/* Run the step when the time has come. */
void world_at(struct world *w, mps_time_t at, void (*fn)(struct world *w, unsigned arg),
              unsigned arg);

/* Connect over link 0, announce all addresses. */
void world_start(struct world *w);

/* Until both ends are done, with all checks; then release everything and check for leaks. */
void world_run(struct world *w);

/* Time since the start, for reports. */
mps_time_t world_time(const struct world *w);

/* Print why, the state and how to run it again; exit. */
noreturn void world_fail(struct world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void world_say(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
