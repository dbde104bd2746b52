/* SPDX-License-Identifier: MIT */
/*
 * The client's early bytes: all that it sends between HELLO and FINISHED, by which it vouches for
 * them. Both hosts hash them, the client as they leave, the server as they come.
 * mptcpshim-protocol(7), "FINISHED".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/crypto.h"

struct mps_early {
    struct mps_hashing *hash; /* NULL: none, since it is not needed or has failed */
    bool data;                /* server: there was something of the program's in them */
};

/* 0, MPS_ECRYPTO. */
int mps_early_begin(struct mps_early *early, const struct mps_crypto *crypto);

/* 0, MPS_ECRYPTO: then there is no hash any more. */
int mps_early_add(struct mps_early *early, const struct mps_crypto *crypto, const uint8_t *p,
                  size_t n);

/* Gives the hash; it is over then. 0, MPS_ECRYPTO. */
int mps_early_end(struct mps_early *early, const struct mps_crypto *crypto,
                  uint8_t out[MPS_SHA256_LEN]);

void mps_early_deinit(struct mps_early *early, const struct mps_crypto *crypto);
