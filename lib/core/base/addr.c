/* SPDX-License-Identifier: MIT */
#include "addr.h"
#include <string.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t v6_loopback[16] = {[15] = 1};

static size_t ip_len(const struct mps_addr *a)
{
    switch (a->family) {
    case MPS_AF_INET:
        return 4;
    case MPS_AF_INET6:
        return 16;
    default:
        return 0;
    }
}

static bool is_v4_mapped(const struct mps_addr *a)
{
    return a->family == MPS_AF_INET6 && memcmp(a->ip, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool mps_addr_same_ip(const struct mps_addr *a, const struct mps_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, ip_len(a)) == 0;
}

bool mps_addr_equal(const struct mps_addr *a, const struct mps_addr *b)
{
    return mps_addr_same_ip(a, b) && a->port == b->port;
}

bool mps_addr_is_loopback(const struct mps_addr *a)
{
    if (a->family == MPS_AF_INET)
        return a->ip[0] == 127;
    if (is_v4_mapped(a))
        return a->ip[12] == 127;
    return a->family == MPS_AF_INET6 && memcmp(a->ip, v6_loopback, sizeof(v6_loopback)) == 0;
}

static bool is_private_v4(const uint8_t ip[4])
{
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
           (ip[0] == 192 && ip[1] == 168) || (ip[0] == 100 && (ip[1] & 0xc0) == 64) ||
           (ip[0] == 198 && (ip[1] & 0xfe) == 18);
}

/* Of 64:ff9b::/96, the prefix of NAT64 that every network may use (RFC 6052). */
static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

bool mps_addr_is_private(const struct mps_addr *a)
{
    static const uint8_t local_nat64[6] = {0, 0x64, 0xff, 0x9b, 0, 1}; /* RFC 8215 */
    const uint8_t *ip = a->ip;

    if (a->family == MPS_AF_INET)
        return is_private_v4(ip);
    if (a->family != MPS_AF_INET6)
        return false;
    if (memcmp(ip, nat64, sizeof(nat64)) == 0)
        return is_private_v4(ip + sizeof(nat64));
    if (ip[0] == 0x20 && ip[1] == 0x02) /* 6to4, RFC 3056 */
        return is_private_v4(ip + 2);
    return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0) ||
           memcmp(ip, local_nat64, sizeof(local_nat64)) == 0;
}

static bool is_sane_v4(const uint8_t ip[4])
{
    if (ip[0] == 0)
        return false; /* "this network", RFC 1122 section 3.2.1.3 */
    if (ip[0] == 169 && ip[1] == 254)
        return false;   /* link-local */
    return ip[0] < 224; /* no multicast, class E, broadcast */
}

static bool is_sane_v6(const struct mps_addr *a)
{
    static const uint8_t unspecified[16];

    if (memcmp(a->ip, unspecified, sizeof(unspecified)) == 0 || is_v4_mapped(a))
        return false;
    if (memcmp(a->ip, nat64, sizeof(nat64)) == 0)
        return is_sane_v4(a->ip + sizeof(nat64)) && a->ip[sizeof(nat64)] != 127;
    if (a->ip[0] == 0xff)
        return false;                                        /* multicast */
    return !(a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80); /* link-local */
}

bool mps_addr_is_sane_from(const struct mps_addr *a, const struct mps_addr *peer)
{
    if (mps_addr_is_loopback(a) && !mps_addr_is_loopback(peer))
        return false;
    if (mps_addr_is_private(a) && !mps_addr_is_private(peer) && !mps_addr_is_loopback(peer))
        return false;
    switch (a->family) {
    case MPS_AF_INET:
        return is_sane_v4(a->ip);
    case MPS_AF_INET6:
        return is_sane_v6(a);
    default:
        return false;
    }
}

unsigned mps_addr_common_prefix(const struct mps_addr *a, const struct mps_addr *b)
{
    unsigned bits = 0;

    if (a->family != b->family)
        return 0;
    for (size_t i = 0; i < ip_len(a); i++) {
        uint8_t diff = a->ip[i] ^ b->ip[i];

        if (diff == 0) {
            bits += 8;
            continue;
        }
        for (; !(diff & 0x80); diff = (uint8_t)(diff << 1))
            bits++;
        break;
    }
    return bits;
}

bool mps_addr_same_host(const struct mps_addr *a, const struct mps_addr *b)
{
    if (a->family == MPS_AF_INET6)
        return mps_addr_common_prefix(a, b) >= 64;
    return mps_addr_same_ip(a, b);
}
