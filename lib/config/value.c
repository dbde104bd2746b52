/* SPDX-License-Identifier: MIT */
#include "value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *mps_value_number(const char *text, unsigned long min, unsigned long max,
                             unsigned long *ret)
{
    char *end;
    unsigned long n;

    if (*text < '0' || *text > '9')
        return "not a number";
    errno = 0;
    n = strtoul(text, &end, 10);
    if (*end != '\0')
        return "not a number";
    if (errno != 0 || n < min || n > max)
        return "out of range";
    *ret = n;
    return NULL;
}

const char *mps_value_flag(const char *text, bool *ret)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return "neither yes nor no";
    *ret = *text == 'y';
    return NULL;
}

const char *mps_value_address(const char *text, struct mps_addr *ret)
{
    struct mps_addr a = {.family = MPS_AF_NONE};

    if (inet_pton(AF_INET, text, a.ip) == 1)
        a.family = MPS_AF_INET;
    else if (inet_pton(AF_INET6, text, a.ip) == 1)
        a.family = MPS_AF_INET6;
    else
        return "not an IP address";
    *ret = a;
    return NULL;
}

static void clear_behind(struct mps_prefix *prefix)
{
    for (unsigned i = prefix->bits; i < 128; i++)
        prefix->addr.ip[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

const char *mps_value_prefix(const char *text, struct mps_prefix *ret)
{
    char copy[64];
    struct mps_prefix p = {.bits = 0};
    size_t len = strcspn(text, "/");
    unsigned long bits, max;
    const char *why;

    if (len >= sizeof(copy))
        return "not an IP address";
    memcpy(copy, text, len);
    copy[len] = '\0';
    why = mps_value_address(copy, &p.addr);
    if (why)
        return why;
    bits = max = p.addr.family == MPS_AF_INET ? 32 : 128;
    if (text[len] == '/' && mps_value_number(text + len + 1, 0, max, &bits))
        return "not a prefix length";
    p.bits = (uint8_t)bits;
    clear_behind(&p);
    *ret = p;
    return NULL;
}

bool mps_prefix_contains(const struct mps_prefix *prefix, const struct mps_addr *addr)
{
    return prefix->addr.family == addr->family &&
           mps_addr_common_prefix(&prefix->addr, addr) >= prefix->bits;
}

char *mps_value_next(char **list)
{
    static const char separators[] = ", \t";
    char *item = *list + strspn(*list, separators);
    size_t len = strcspn(item, separators);

    if (len == 0)
        return NULL;
    *list = item + len + (item[len] != '\0');
    item[len] = '\0';
    return item;
}
