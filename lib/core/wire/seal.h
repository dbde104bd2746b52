/* SPDX-License-Identifier: MIT */
/*
 * The MACs of frames. mptcpshim-protocol(7), "Sealed frames": the frames of one direction of a
 * subflow are numbered from 0 under each key; the head of frame n is under the number 2 n, its
 * payload under 2 n + 1.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/crypto.h"

/* One direction of a subflow. */
struct mps_seal {
    uint8_t key[MPS_MAC_KEY_LEN];
    uint64_t next; /* number of the next frame */
    bool there;    /* there is a key */
};

void mps_seal_init(struct mps_seal *seal, const uint8_t key[MPS_MAC_KEY_LEN]);
void mps_seal_deinit(struct mps_seal *seal, const struct mps_crypto *crypto);

/* The MAC of frame `number` goes behind the `len` bytes of its head. */
int mps_seal_head(const struct mps_crypto *crypto, const struct mps_seal *seal, uint64_t number,
                  uint8_t *head, size_t len);

/* The same is looked at: 0, MPS_EMAC, MPS_ECRYPTO. */
int mps_seal_check_head(const struct mps_crypto *crypto, const struct mps_seal *seal,
                        uint64_t number, const uint8_t *head, size_t len);

int mps_seal_payload(const struct mps_crypto *crypto, const struct mps_seal *seal, uint64_t number,
                     const struct mps_span *spans, unsigned n, uint8_t out[MPS_MAC_LEN]);

/* 0, MPS_EPAYLOAD, MPS_ECRYPTO. */
int mps_seal_check_payload(const struct mps_crypto *crypto, const struct mps_seal *seal,
                           uint64_t number, const uint8_t *payload, size_t len,
                           const uint8_t mac[MPS_MAC_LEN]);
