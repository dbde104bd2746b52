/* SPDX-License-Identifier: MIT */
/*
 * Fairness knows subflows by their slot and by plain values only, and answers with a mask of slots:
 * nothing in this folder but fairness.c depends on the connection.
 */
#pragma once

#define MPS_FAIR_SLOTS 32
