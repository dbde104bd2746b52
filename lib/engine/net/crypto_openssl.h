/* SPDX-License-Identifier: MIT */
/* The core's cryptographic effects by OpenSSL and getrandom(2). */
#pragma once
#include "core/base/crypto.h"

extern const struct mps_crypto mps_crypto_openssl;

/*
 * OpenSSL sets itself up at its first use, which takes some milliseconds: do that now, so that no
 * connection waits for it.
 */
void mps_crypto_openssl_warm_up(void);
