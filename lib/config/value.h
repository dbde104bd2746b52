/* SPDX-License-Identifier: MIT */
/*
 * Values as text. The functions return NULL and set *ret, or say why the text is no such value;
 * *ret is untouched then.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/addr.h"

/* Addresses whose first `bits` bits are those of `addr`; its other bits are zero. */
struct mps_prefix {
    struct mps_addr addr;
    uint8_t bits;
};

const char *mps_value_number(const char *text, unsigned long min, unsigned long max,
                             unsigned long *ret);
const char *mps_value_flag(const char *text, bool *ret); /* yes or no */
const char *mps_value_address(const char *text, struct mps_addr *ret);
const char *mps_value_prefix(const char *text, struct mps_prefix *ret);

bool mps_prefix_contains(const struct mps_prefix *prefix, const struct mps_addr *addr);

/*
 * The next element of a list separated by commas and blanks, NULL behind the last; *list moves on
 * and its text is changed.
 */
char *mps_value_next(char **list);
