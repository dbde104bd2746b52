/* SPDX-License-Identifier: MIT */
/*
 * Whole lives of connections between two engines in this process: what test_sweep.c goes through.
 */
#pragma once
#include <stdbool.h>
#include "rig.h"
#include "stream.h"

#define LIVES_LOCALS "local=127.0.0.1,127.0.0.2 no-subflow-timeout=5"

struct world {
    struct rig rig;
    bool hubs;          /* are there */
    struct stream s[2]; /* from the client, from the server */
    bool shut[2], done[2];
    int tcp[2]; /* of peers without an agent */
    bool refused;
    unsigned step; /* of the life */
};

struct life {
    const char *name;
    bool (*begin)(struct world *w); /* false: refused */
    void (*step)(struct world *w);  /* what else happens; may be NULL */
    bool ends_early;                /* a program leaves before everything was read */
    bool lives_through;             /* a lack in the middle resets nothing */
};

bool stream_over(const struct stream *s);

extern const struct life lives[];
extern const unsigned n_lives;
