/* SPDX-License-Identifier: MIT */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): of heads always, of payloads if negotiated. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * CRC of data[0..len) appended to what `crc` covers; 0 to start. So the CRC of a run in pieces is
 * crc = mps_crc32c(0, a, na); crc = mps_crc32c(crc, b, nb); ...
 */
uint32_t mps_crc32c(uint32_t crc, const void *data, size_t len);

/* The same without the processor's CRC instruction: for other processors, and to test against. */
uint32_t mps_crc32c_portable(uint32_t crc, const void *data, size_t len);
