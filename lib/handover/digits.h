/* SPDX-License-Identifier: MIT */
/* Digits of names and of numbers in the environment and in /proc, where libc's functions must not
 * be called. */
#pragma once
#include <stddef.h>

/* The value of a hexadecimal digit, lower-case as all that we write; -1 for any other character. */
static inline int mps_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `bytes` bytes of p, two digits each, without a NUL; returns the end. */
static inline char *mps_hex_put(char *out, const unsigned char *p, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    return out;
}

/* Decimal, without a NUL; returns the end. Room for 10 digits. */
static inline char *mps_decimal_put(char *out, unsigned n)
{
    char reversed[10];
    int len = 0;

    do {
        reversed[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (len > 0)
        *out++ = reversed[--len];
    return out;
}

/* The whole text, which is digits only, and at most `max`; -1: it is anything else. */
static inline long long mps_decimal_value(const char *text, unsigned max)
{
    unsigned long long n = 0;

    if (*text == '\0')
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        n = n * 10 + (unsigned long long)(*text - '0');
        if (n > max)
            return -1;
    }
    return (long long)n;
}
