/* SPDX-License-Identifier: MIT */
/*
 * Stands in for the cryptographic primitives where only their determinism matters: simulation and
 * fuzzing. The digests are no SHA-1, the agreement on a secret hides nothing; they depend on every
 * input bit, which is enough there.
 */
#pragma once
#include "core/base/crypto.h"
#include "prng.h"

/* The object that holds the random state must outlive the table. */
void simcrypto_init(struct mps_crypto *crypto, struct prng *rng);
