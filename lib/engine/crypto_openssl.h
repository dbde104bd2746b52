/* SPDX-License-Identifier: MIT */
/* The core's cryptographic effects by OpenSSL and getrandom(2), and its memory by calloc(3). */
#pragma once
#include "core/crypto.h"
#include "core/mem.h"

extern const struct mps_crypto mps_crypto_openssl;
extern const struct mps_mem mps_mem_libc;

/*
 * OpenSSL sets itself up at its first use, which takes some milliseconds: do that now, so that no
 * connection waits for it.
 */
void mps_crypto_openssl_warm_up(void);
