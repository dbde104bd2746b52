/* SPDX-License-Identifier: MIT */
#include "crypto_openssl.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include "core/base/err.h"
#include "engine/show/log.h"

static int random_bytes(void *user, void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return MPS_ECRYPTO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int sha1(void *user, const void *data, size_t len, uint8_t out[MPS_SHA1_LEN])
{
    return EVP_Digest(data, len, out, NULL, EVP_sha1(), NULL) == 1 ? 0 : MPS_ECRYPTO;
}

static int hmac_sha1(void *user, const void *key, size_t key_len, const void *data, size_t len,
                     uint8_t out[MPS_SHA1_LEN])
{
    unsigned n = 0;

    if (!HMAC(EVP_sha1(), key, (int)key_len, data, len, out, &n) || n != MPS_SHA1_LEN)
        return MPS_ECRYPTO;
    return 0;
}

const struct mps_crypto mps_crypto_openssl = {
    .random = random_bytes,
    .sha1 = sha1,
    .hmac_sha1 = hmac_sha1,
};

void mps_crypto_openssl_warm_up(void)
{
    uint8_t out[MPS_SHA1_LEN];

    if (sha1(NULL, "", 0, out) < 0 || hmac_sha1(NULL, "", 0, "", 0, out) < 0)
        mps_log("crypto: SHA-1 does not work");
}
