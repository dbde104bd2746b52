/* SPDX-License-Identifier: MIT */
#include "early.h"
#include "core/base/err.h"

int mps_early_begin(struct mps_early *early, const struct mps_crypto *crypto)
{
    early->hash = crypto->hashing_begin(crypto->user);
    early->data = false;
    return early->hash ? 0 : MPS_ECRYPTO;
}

int mps_early_add(struct mps_early *early, const struct mps_crypto *crypto, const uint8_t *p,
                  size_t n)
{
    int r = early->hash ? crypto->hashing_add(crypto->user, early->hash, p, n) : MPS_ECRYPTO;

    if (r < 0)
        mps_early_deinit(early, crypto);
    return r;
}

int mps_early_end(struct mps_early *early, const struct mps_crypto *crypto,
                  uint8_t out[MPS_SHA256_LEN])
{
    struct mps_hashing *hash = early->hash;

    early->hash = NULL;
    return hash ? crypto->hashing_end(crypto->user, hash, out) : MPS_ECRYPTO;
}

void mps_early_deinit(struct mps_early *early, const struct mps_crypto *crypto)
{
    if (early->hash)
        (void)crypto->hashing_end(crypto->user, early->hash, NULL);
    early->hash = NULL;
}
