/* SPDX-License-Identifier: MIT */
/* In-order bytes for the application. */
#pragma once
#include "core/conn/state.h"

/* The application took n bytes: credit opens. */
void mps_deliver_done(struct mps_conn *c, size_t n, mps_time_t now);

/* It took n bytes that were never held. */
void mps_deliver_passed(struct mps_conn *c, size_t n, mps_time_t now);
