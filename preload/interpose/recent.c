/* SPDX-License-Identifier: MIT */
#include "recent.h"
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define ENTRIES 16 /* a power of two; a newer peer replaces an older one */

/* The upper half is the peer's hash, the lower one the time in ms; 0: free. One word each, so that
 * threads and signal handlers see whole entries. */
static _Atomic uint64_t entries[ENTRIES];

static uint32_t now_ms(void)
{
    struct timespec ts;

    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &ts) < 0)
        return 0;
    return (uint32_t)((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

/* FNV-1a. */
static uint32_t mix(uint32_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    while (len-- > 0)
        hash = (hash ^ *bytes++) * 16777619u;
    return hash;
}

static uint32_t hash_of(const struct sockaddr *addr)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
    uint32_t hash = 2166136261u;

    if (addr->sa_family == AF_INET) {
        hash = mix(hash, &in->sin_addr, sizeof(in->sin_addr));
        hash = mix(hash, &in->sin_port, sizeof(in->sin_port));
    } else {
        hash = mix(hash, &in6->sin6_addr, sizeof(in6->sin6_addr));
        hash = mix(hash, &in6->sin6_scope_id, sizeof(in6->sin6_scope_id));
        hash = mix(hash, &in6->sin6_port, sizeof(in6->sin6_port));
    }
    return hash | 1; /* never a free entry's */
}

void mps_recent_remember(const struct sockaddr *addr)
{
    const uint32_t hash = hash_of(addr);

    atomic_store_explicit(&entries[(hash >> 8) % ENTRIES], (uint64_t)hash << 32 | now_ms(),
                          memory_order_relaxed);
}

bool mps_recent_is_plain(const struct sockaddr *addr)
{
    const uint32_t hash = hash_of(addr);
    const uint64_t entry =
        atomic_load_explicit(&entries[(hash >> 8) % ENTRIES], memory_order_relaxed);

    return entry >> 32 == hash && now_ms() - (uint32_t)entry < MPS_RECENT_MS;
}
