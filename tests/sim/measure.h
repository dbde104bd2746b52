/* SPDX-License-Identifier: MIT */
/* Measurements of whole connections in the simulator (measure.c), row by row. */
#pragma once
#include "world.h"

#define MEASURE_LINKS 3

struct measure_link {
    double mbit;
    unsigned delay_ms, queue_kb, loss_permille;
    const struct simlink_record *record; /* NULL: the rate is always the same */
};

struct measure_row {
    const char *name;
    struct measure_link links[MEASURE_LINKS];
    unsigned n_links;
    uint64_t rcv_buf;   /* the receiver's, at most; 0: the default */
    unsigned share;     /* this link's traffic runs over link 0, too; 0: none's */
    unsigned rivals;    /* TCP connections over link 0 */
    bool apart_first;   /* it shares only after `change` */
    unsigned change;    /* seconds: from then on that is the other way round; 0: never */
    unsigned spoiled;   /* seconds: link 0's addresses lose 3 % of their own from then on */
    unsigned weak;      /* seconds: link 0 has a tenth of its rate from then on; 0: never */
    unsigned off_every; /* seconds: the last link is cut for one, as often; 0: never */
    unsigned seconds;
};

/* NULL-named entry behind the last. */
extern const struct measure_row measure_links[], measure_fair[];

/* One line of output: ROW SEED METRIC VALUE. */
void measure_say(const struct measure_row *row, uint64_t seed, const char *metric, double value);

/* measure_links.c: a transfer; blocks, each written when the one before has arrived. */
void measure_bulk(const struct measure_row *row, uint64_t seed);
void measure_blocks(const struct measure_row *row, uint64_t seed, uint64_t block);

/* measure_fair.c: a transfer beside others, and who rests. */
void measure_shares(const struct measure_row *row, uint64_t seed);

/* The row's links in a new world: delays, queues and rates differ a little by the seed. */
void measure_world(struct world *w, const struct measure_row *row, uint64_t seed);
