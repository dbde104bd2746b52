/* SPDX-License-Identifier: MIT */
#include "seal.h"
#include <string.h>
#include "auth.h"
#include "core/base/err.h"
#include "core/base/wipe.h"

void mps_seal_init(struct mps_seal *seal, const uint8_t key[MPS_MAC_KEY_LEN])
{
    memcpy(seal->key, key, MPS_MAC_KEY_LEN);
    seal->next = 0;
    seal->there = true;
}

void mps_seal_deinit(struct mps_seal *seal, const struct mps_crypto *crypto)
{
    if (seal->there)
        crypto->mac_forget(crypto->user, seal->key);
    mps_wipe(seal, sizeof(*seal));
}

int mps_seal_head(const struct mps_crypto *crypto, const struct mps_seal *seal, uint64_t number,
                  uint8_t *head, size_t len)
{
    const struct mps_span span = {head, len};

    return crypto->mac(crypto->user, seal->key, 2 * number, &span, 1, head + len);
}

int mps_seal_check_head(const struct mps_crypto *crypto, const struct mps_seal *seal,
                        uint64_t number, const uint8_t *head, size_t len)
{
    const struct mps_span span = {(uint8_t *)head, len};
    uint8_t want[MPS_MAC_LEN];
    int r = crypto->mac(crypto->user, seal->key, 2 * number, &span, 1, want);

    if (r < 0)
        return r;
    return mps_auth_equal(want, head + len, MPS_MAC_LEN) ? 0 : MPS_EMAC;
}

int mps_seal_payload(const struct mps_crypto *crypto, const struct mps_seal *seal, uint64_t number,
                     const struct mps_span *spans, unsigned n, uint8_t out[MPS_MAC_LEN])
{
    return crypto->mac(crypto->user, seal->key, 2 * number + 1, spans, n, out);
}

int mps_seal_check_payload(const struct mps_crypto *crypto, const struct mps_seal *seal,
                           uint64_t number, const uint8_t *payload, size_t len,
                           const uint8_t mac[MPS_MAC_LEN])
{
    const struct mps_span span = {(uint8_t *)payload, len};
    uint8_t want[MPS_MAC_LEN];
    int r = mps_seal_payload(crypto, seal, number, &span, 1, want);

    if (r < 0)
        return r;
    return mps_auth_equal(want, mac, MPS_MAC_LEN) ? 0 : MPS_EPAYLOAD;
}
