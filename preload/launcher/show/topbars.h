/* SPDX-License-Identifier: MIT */
/* Rates as bars and histories, and the details of one connection, for topview.c. */
#pragma once
#include "frame.h"
#include "live.h"

/* `part` of `whole` as a bar. */
void mps_top_bar(struct mps_frame *frame, size_t column, size_t columns, enum mps_look look,
                 uint64_t part, uint64_t whole);

/*
 * The rates of the latest looks, the last one at the right. way -1: of both together. most: what
 * the full height stands for, 0: the highest of them.
 */
void mps_top_past(struct mps_frame *frame, size_t column, size_t columns, enum mps_look look,
                  const struct mps_live_past *past, int way, uint64_t most);

/* The highest of so many looks. */
uint64_t mps_top_past_most(const struct mps_live_past *past, int way, size_t looks);

void mps_top_details(struct mps_frame *frame, const struct mps_live_conn *connection);
