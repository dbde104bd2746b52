/* SPDX-License-Identifier: MIT */
/*
 * A simulated application at one end of a connection: what it writes and reads, when, and the
 * check of every byte. A byte's value depends on its position and its writer, so that a lost,
 * repeated or moved byte shows.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/conn/conn.h"
#include "prng.h"

struct app_params {
    uint64_t total;     /* bytes to write, then FIN */
    uint64_t write_max; /* bytes per write at most; sizes are random up to it */
    uint64_t read_max;
    unsigned pause_permille; /* chance of a pause after a write or a read */
    mps_time_t pause_max;
    mps_time_t first_write, first_read; /* after the start */
    bool write_after_eof;               /* half-close the other way: answers when all was read */
    uint64_t question, answer;          /* so many bytes to write for so many read; 0: not so */
    bool no_fin;                        /* keeps its direction open until the peer's FIN */
    uint64_t abort_at;                  /* bytes written; 0: never */
    bool unchecked;                     /* the bytes are any: where only the time counts */
    uint64_t close_at; /* bytes read, then close with whatever is still coming; 0: never */
};

struct app {
    struct app_params p;
    struct prng rng;
    uint64_t out_seed, in_seed; /* of the patterns */
    uint64_t written, read;
    mps_time_t next_write, next_read;
    unsigned pauses;
    bool fin, eof, closed, aborted;
};

/* Nothing went wrong: NULL. Else what. */
typedef const char *app_verdict;

void app_init(struct app *app, const struct app_params *params, mps_time_t now, uint64_t seed,
              uint64_t out_seed, uint64_t in_seed);

uint8_t app_pattern(uint64_t seed, uint64_t pos);

/*
 * Do what can be done now. *ret_moved: something was. `peer_written`: what the other application
 * wrote before its FIN; the end of stream must come exactly there.
 */
app_verdict app_run(struct app *app, struct mps_conn *conn, mps_time_t now, const struct app *peer,
                    bool *ret_moved);

/* The end of the stream alone, as a connection that is over still shows it. */
app_verdict app_look_for_end(struct app *app, const struct mps_conn *conn, const struct app *peer,
                             bool *ret_moved);

/* Bytes that it gets around the core. */
app_verdict app_take(struct app *app, const uint8_t *bytes, size_t n, const struct app *peer);

/* When it wants to act next by itself, MPS_NEVER if not. */
mps_time_t app_deadline(const struct app *app, mps_time_t now);
