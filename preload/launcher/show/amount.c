/* SPDX-License-Identifier: MIT */
#include "amount.h"
#include <stdio.h>

static const char *scaled(double value, const char *unit, char ret[MPS_AMOUNT])
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z"};
    unsigned i = 0;

    /* 999.96 would be printed as 1000.0 */
    while (value >= (i == 0 ? 1000 : 999.95) && i < sizeof(prefixes) / sizeof(prefixes[0]) - 1) {
        value /= 1000;
        i++;
    }
    snprintf(ret, MPS_AMOUNT, i > 0 ? "%.1f %s%s" : "%.0f %s%s", value, prefixes[i], unit);
    return ret;
}

const char *mps_amount_bytes(uint64_t bytes, char ret[MPS_AMOUNT])
{
    return scaled((double)bytes, "B", ret);
}

const char *mps_amount_rate(uint64_t bytes, char ret[MPS_AMOUNT])
{
    return scaled((double)bytes * 8, "bit/s", ret);
}

const char *mps_amount_time(uint64_t us, char ret[MPS_AMOUNT])
{
    uint64_t s = us / 1000000;
    unsigned rest = (unsigned)(s % 60), minutes = (unsigned)(s / 60 % 60);

    if (s < 60)
        snprintf(ret, MPS_AMOUNT, "%us", rest);
    else if (s < 3600)
        snprintf(ret, MPS_AMOUNT, "%um%02us", minutes, rest);
    else if (s < 86400)
        snprintf(ret, MPS_AMOUNT, "%uh%02um", (unsigned)(s / 3600), minutes);
    else
        snprintf(ret, MPS_AMOUNT, "%ud%02uh", (unsigned)(s / 86400 % 1000000),
                 (unsigned)(s / 3600 % 24));
    return ret;
}

const char *mps_amount_delay(uint64_t us, char ret[MPS_AMOUNT])
{
    if (us < 9950)
        snprintf(ret, MPS_AMOUNT, "%.1f ms", (double)us / 1000);
    else if (us < 999500)
        snprintf(ret, MPS_AMOUNT, "%.0f ms", (double)us / 1000);
    else
        snprintf(ret, MPS_AMOUNT, "%.1f s", (double)us / 1e6);
    return ret;
}

const char *mps_amount_share(uint64_t part, uint64_t whole, char ret[MPS_AMOUNT])
{
    double share = whole > 0 ? 100 * (double)part / (double)whole : 0;

    /* Parts and sums are not taken at one moment. */
    snprintf(ret, MPS_AMOUNT, whole > 0 ? "%.0f%%" : "-", share > 100 ? 100 : share);
    return ret;
}

const char *mps_amount_loss(uint64_t lost, uint64_t sent, char ret[MPS_AMOUNT])
{
    double share = sent > 0 ? 100 * (double)lost / (double)sent : 0;

    if (share > 100)
        share = 100;
    snprintf(ret, MPS_AMOUNT, sent == 0 ? "-" : share < 9.95 ? "%.2f%%" : "%.0f%%", share);
    return ret;
}
