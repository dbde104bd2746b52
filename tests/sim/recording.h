/* SPDX-License-Identifier: MIT */
/*
 * A link as somebody recorded it, read from a file of tests/bench/replay's form: one rate in Mbit/s
 * a line, for each period of time. Comments may hold settings, as `# period=0.2 delay=30
 * queue=512`; behind the file's name there may be others, which come first:
 *
 *     FILE[,period=S][,delay=MS][,queue=KIB][,up=FILE]
 *
 * `up`: from the client to the server; else FILE is for both directions. Defaults: 1 s, 20 ms one
 * way, 256 KiB. A rate below 0.05 Mbit/s is an outage, in which what is in the queue waits.
 */
#pragma once
#include "simlink.h"

#define RECORDING_MAX 8192 /* periods */

struct recording {
    char name[64];                   /* the file's, without folder and ending */
    struct simlink_record record[2]; /* from the client, from the server */
    struct simlink_params params;    /* without the record */
};

/* False: said on stderr why not. `begin`: the time at which the recording begins. */
bool recording_load(const char *text, mps_time_t begin, struct recording *ret);
void recording_free(struct recording *r);

bool recording_is_out(const struct recording *r, mps_time_t at);

/* Bytes that the link offers to one direction, packet headers included. */
uint64_t recording_offers(const struct recording *r, unsigned dir, mps_time_t from, mps_time_t to);
