/* SPDX-License-Identifier: MIT */
/* Transport addresses as the protocol sees them: family, address, port; no sockaddr. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mps_family {
    MPS_AF_NONE = 0,
    MPS_AF_INET = 4,
    MPS_AF_INET6 = 6,
};

struct mps_addr {
    uint8_t family; /* enum mps_family */
    uint16_t port;  /* host order, 0: none */
    uint8_t ip[16]; /* network order, the first 4 bytes for IPv4, the rest zero */
};

/* Identifier of an address within one connection, one space per host (RFC 6824 section 3.4). */
typedef uint8_t mps_addr_id_t;

/* Same family and address, the ports aside. */
bool mps_addr_same_ip(const struct mps_addr *a, const struct mps_addr *b);

/* Same family, address and port. */
bool mps_addr_equal(const struct mps_addr *a, const struct mps_addr *b);

/* 127.0.0.0/8 or ::1, also v4-mapped. */
bool mps_addr_is_loopback(const struct mps_addr *a);

/*
 * An address that means another host in each network: RFC 1918, RFC 6598, RFC 2544, RFC 4193,
 * site-local, and what leads to one of these through a translator (RFC 6052, RFC 8215, RFC 3056).
 */
bool mps_addr_is_private(const struct mps_addr *a);

/*
 * Whether a peer at `peer` may name `a` as another address of its own: no unspecified, multicast,
 * broadcast, link-local or v4-mapped address; loopback only if `peer` is loopback too; a private
 * address only if `peer` is private or loopback (RFC 6181 section 5; RFC 8684 section 5).
 */
bool mps_addr_is_sane_from(const struct mps_addr *a, const struct mps_addr *peer);

/*
 * As good as one host where somebody may have many addresses: an IPv4 address alone, all of one
 * IPv6 network of 64 bits. Ports do not count.
 */
bool mps_addr_same_host(const struct mps_addr *a, const struct mps_addr *b);

/* Number of leading address bits that are equal; 0 when the families differ. */
unsigned mps_addr_common_prefix(const struct mps_addr *a, const struct mps_addr *b);
