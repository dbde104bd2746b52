/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <stdlib.h>
#include <string.h>
#include "core/base/constants.h"
#include "core/base/err.h"

/* Eighths of the limit: see memory.h. */
#define MORE 6
#define FULL 7
#define ALL  8

/* Of the limit: */
#define PEER_PART       2 /* one peer has half of it at most, */
#define CONNECTION_PART 4 /* one connection a quarter */

/* So many first windows fit into what is left before memory counts as scarce. */
#define FIRST_WINDOWS 128

/* ---- peers ---- */

static struct mps_addr key_of(const struct mps_addr *addr)
{
    struct mps_addr key = {.family = addr->family};

    memcpy(key.ip, addr->ip, addr->family == MPS_AF_INET ? 4 : 8);
    return key;
}

static struct mps_memory_peer **row_of(struct mps_memory *memory, const struct mps_addr *key)
{
    uint32_t hash = key->family;

    for (size_t i = 0; i < sizeof(key->ip); i++)
        hash = hash * 31 + key->ip[i];
    return &memory->peers[(hash ^ hash >> 16) % MPS_MEMORY_PEER_ROWS];
}

static struct mps_memory_peer *peer_of(struct mps_memory *memory, const struct mps_addr *addr)
{
    struct mps_addr key = key_of(addr);
    struct mps_memory_peer **row = row_of(memory, &key), *peer;

    for (peer = *row; peer; peer = peer->next) {
        if (mps_addr_same_ip(&peer->addr, &key))
            return peer;
    }
    peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->addr = key;
    peer->next = *row;
    *row = peer;
    memory->used += mps_memory_size(peer);
    return peer;
}

static void forget_unused(struct mps_memory *memory, struct mps_memory_peer *peer)
{
    struct mps_memory_peer **at = row_of(memory, &peer->addr);

    if (peer->connections > 0)
        return;
    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    memory->used -= mps_memory_size(peer);
    free(peer);
}

/* ---- bytes ---- */

void mps_account_add(struct mps_account *account, int64_t bytes)
{
    account->used += (uint64_t)bytes;
    account->peer->used += (uint64_t)bytes;
    account->memory->used += (uint64_t)bytes;
}

void mps_account_promise(struct mps_account *account, uint64_t bytes)
{
    uint64_t more = bytes - account->promised; /* may be below 0: it is added only */

    account->promised += more;
    account->peer->promised += more;
    account->memory->promised += more;
}

static void *count(struct mps_account *account, void *p)
{
    mps_account_add(account, (int64_t)mps_memory_size(p));
    return p;
}

static void *zeroed(void *user, size_t size)
{
    return count(user, calloc(1, size));
}

/* Payloads alone are so large that they could be too much: the rest is bounded by numbers. */
static void *raw(void *user, size_t size)
{
    struct mps_account *account = user;

    if (account->memory->used + size > account->memory->limit)
        return NULL;
    return count(account, malloc(size));
}

static void release(void *user, void *p)
{
    struct mps_account *account = user;

    mps_account_add(account, -(int64_t)mps_memory_size(p));
    free(p);
}

/* ---- what there is room for ---- */

/* Would the peer have more than `part` eighths of what a peer may have? */
static bool is_above(const struct mps_account *account, unsigned part, uint64_t more)
{
    const struct mps_memory_peer *peer = account->peer;

    return mps_memory_is_above(account->memory, part, more) ||
           peer->used + peer->promised + more > account->memory->limit / PEER_PART / 8 * part;
}

static bool scarce(void *user)
{
    const struct mps_account *account = user;

    return mps_memory_is_scarce(account->memory) || is_above(account, ALL / 2, 0);
}

bool mps_account_may(const struct mps_account *account, uint64_t bytes, bool needed)
{
    uint64_t most = account->memory->limit / CONNECTION_PART;

    if (needed)
        return !is_above(account, ALL, bytes);
    return account->used + bytes <= most && !is_above(account, MORE, bytes);
}

bool mps_account_takes_join(const struct mps_account *account)
{
    return !is_above(account, FULL, 0);
}

uint64_t mps_account_most(const struct mps_account *account, uint64_t wanted)
{
    uint64_t most = account->memory->limit / CONNECTION_PART;

    return wanted < most ? wanted : most;
}

uint64_t mps_account_first_window(const struct mps_account *account, uint64_t wanted)
{
    const struct mps_memory *memory = account->memory;
    uint64_t taken = memory->used + memory->promised, half = memory->limit / 2, window;

    if (memory->tight || taken >= half)
        return MPS_INITIAL_CREDIT_MIN;
    window = (half - taken) / FIRST_WINDOWS;
    if (window > wanted)
        window = wanted;
    return window > MPS_INITIAL_CREDIT_MIN ? window : MPS_INITIAL_CREDIT_MIN;
}

/* ---- life ---- */

static bool may(void *user, size_t bytes, bool needed)
{
    return mps_account_may(user, bytes, needed);
}

static void promise(void *user, uint64_t bytes)
{
    mps_account_promise(user, bytes);
}

int mps_account_open(struct mps_account *account, struct mps_memory *memory,
                     const struct mps_addr *peer)
{
    *account = (struct mps_account){
        .mem = {.alloc = zeroed,
                .alloc_raw = raw,
                .free = release,
                .scarce = scarce,
                .may = may,
                .promise = promise,
                .user = account},
        .memory = memory,
        .peer = peer_of(memory, peer),
    };
    if (!account->peer) {
        account->memory = NULL;
        return MPS_ENOMEM;
    }
    if (is_above(account, FULL, MPS_SURE_BYTES)) {
        memory->refused++;
        forget_unused(memory, account->peer);
        account->memory = NULL;
        return MPS_ELIMIT;
    }
    account->peer->connections++;
    mps_account_promise(account, MPS_SURE_BYTES);
    return 0;
}

void mps_account_close(struct mps_account *account)
{
    if (!account->memory)
        return;
    mps_account_promise(account, 0);
    mps_account_add(account, -(int64_t)account->used);
    account->peer->connections--;
    forget_unused(account->memory, account->peer);
    account->memory = NULL;
}
