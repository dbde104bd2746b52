/* SPDX-License-Identifier: MIT */
/*
 * Joins of the peer's that are not confirmed: anybody may have sent them who saw the token, which
 * travels in the clear. They have few places, within the limit of subflows, and when these are
 * taken the largest crowd gives one up (core/base/crowd.h), so that whoever knows no key keeps
 * nobody out for long who does.
 */
#pragma once
#include "state.h"

#define MPS_HALF_OPEN_MAX 8u /* joins whose peer is not authenticated yet, at a time */

/* A join of the host's own source does not end one that is younger: it may well be honest. */
#define MPS_HALF_OPEN_FRESH (250 * MPS_MSEC)

bool mps_halfopen_is(const struct mps_subflow *sf);

/* The join proves the keys: others that wanted its number end. */
void mps_halfopen_confirmed(struct mps_subflow *sf, mps_time_t now);

/* Is there a place for a join from `remote`, or does another one give way now? */
bool mps_halfopen_place(struct mps_conn *c, const struct mps_addr *remote, mps_time_t now);
