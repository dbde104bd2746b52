/* SPDX-License-Identifier: MIT */
/*
 * A borrowed run of bytes: the core's word for struct iovec, which belongs to the system headers.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct mps_span {
    uint8_t *p;
    size_t n;
};
