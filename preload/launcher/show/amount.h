/* SPDX-License-Identifier: MIT */
/* Amounts as people read them, in at most 12 columns. */
#pragma once
#include <stdint.h>

#define MPS_AMOUNT 16

/* "12.3 MB" */
const char *mps_amount_bytes(uint64_t bytes, char ret[MPS_AMOUNT]);

/* "98.7 Mbit/s" of bytes per second */
const char *mps_amount_rate(uint64_t bytes, char ret[MPS_AMOUNT]);

/* "12s", "3m05s", "4h10m", "5d03h" */
const char *mps_amount_time(uint64_t us, char ret[MPS_AMOUNT]);

/* "0.3 ms", "24 ms", "1.2 s" */
const char *mps_amount_delay(uint64_t us, char ret[MPS_AMOUNT]);

/* "52%" and, of less than ten per cent of a loss, "0.12%"; "-" of nothing */
const char *mps_amount_share(uint64_t part, uint64_t whole, char ret[MPS_AMOUNT]);
const char *mps_amount_loss(uint64_t lost, uint64_t sent, char ret[MPS_AMOUNT]);
