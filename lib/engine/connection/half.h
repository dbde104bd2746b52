/* SPDX-License-Identifier: MIT */
/* One direction of a relay (relay.h): bytes read and not yet written, and what passed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/meter.h"
#include "engine/agent/account.h"

struct mps_half {
    uint8_t *buf;
    size_t cap, at, len;
    bool eof;       /* the source ended; what is buffered is still to be written */
    bool fin;       /* the end was passed on */
    bool urgent;    /* the last byte buffered is */
    uint64_t bytes; /* that passed */
    struct mps_meter meter;
};

/* Nothing is buffered. */
bool mps_half_is_empty(const struct mps_half *h);

/* Room for what is read next, in buf[0..cap); only while it is empty. False: no memory. */
bool mps_half_reserve(struct mps_half *h, struct mps_account *account);

/* Put n bytes behind what is buffered, whatever its size. 0 or MPS_ENOMEM. */
int mps_half_append(struct mps_half *h, struct mps_account *account, const uint8_t *p, size_t n);

/* How much of it may be passed on at once: an urgent byte goes alone, and *ret_urgent says so. */
size_t mps_half_next(const struct mps_half *h, bool *ret_urgent);

/* n of the next bytes were passed on. */
void mps_half_passed(struct mps_half *h, size_t n, mps_time_t now);

/* Nothing is read for the moment: an empty buffer is given back. */
void mps_half_rest(struct mps_half *h, struct mps_account *account);

void mps_half_deinit(struct mps_half *h, struct mps_account *account);
