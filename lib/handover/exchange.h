/* SPDX-License-Identifier: MIT */
/*
 * The hand-over: a TCP socket goes to the agent, and the application's end of a connection takes
 * its number, with all that the program had set on it (carry.h) and where it had registered it
 * (epolls.h). For all that intercept calls or are called for it: the preload, the library.
 *
 * Async-signal-safe, by direct system calls; errno is preserved. The caller blocks all signals, so
 * that no handler of the program meets the number half-way. Some 4 KiB of stack.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "carry.h"
#include "config.h"
#include "counts.h"
#include "epolls.h"
#include "message.h"

enum mps_exchange_result {
    MPS_EXCHANGE_DONE,   /* fd is the application's end now */
    MPS_EXCHANGE_PLAIN,  /* fd is the TCP socket it was, untouched, and may stay that */
    MPS_EXCHANGE_BROKEN, /* the connection was reset: the agent may have used it */
    MPS_EXCHANGE_GONE,   /* the number is no longer that socket's, and may be anything */
};

/*
 * What differs between the callers: who else may use the number meanwhile, and where it is
 * registered. A member may be NULL. `user` is the exchange's.
 */
struct mps_exchange_ops {
    /* The settings beyond carry.h go from the old socket to the new one. */
    void (*settings)(void *user, int from, int to);
    /* From here on nothing but system calls that return at once. False: the number is another's. */
    bool (*commit)(void *user);
    /* Take the registrations of fd (mps_epolls_take). */
    void (*registrations)(void *user, int fd, struct mps_epolls *ret);
};

struct mps_exchange {
    const struct mps_ho_config *config;
    const struct mps_exchange_ops *ops;
    void *user;
    enum mps_ho_op op; /* MPS_HO_CONNECTED or MPS_HO_ACCEPTED */
    unsigned flags;  /* MPS_HO_BOUND; MPS_HO_NONBLOCK if the program's call must not block although
                        fd may */
    uint64_t cookie; /* mps_exchange_cookie of the socket that is meant */
    const char *words; /* options of this connection, not NUL-terminated */
    size_t words_len;  /* at most MPS_HO_WORDS_MAX */

    /* Out. */
    enum mps_plain_reason why; /* why it stays plain TCP */
    bool lent;         /* a silent agent has a copy of the socket: what closes fd has to end the
                          connection, too */
    bool peer_refuses; /* the agent says so: marked connections to it are of no use */
};

/*
 * Hand fd over. If the agent goes away before it has read or sent anything, another one is tried,
 * a few times, since one that ends may still be there for some milliseconds.
 */
enum mps_exchange_result mps_exchange(struct mps_exchange *self, int fd);

/*
 * The last step alone: `end` takes the number of fd. DONE, GONE, or BROKEN if the kernel refuses;
 * the caller closes `end`.
 */
enum mps_exchange_result mps_exchange_put(const struct mps_exchange *self, int fd, int end,
                                          const struct mps_carry *carry);

/* SO_COOKIE of a socket, which the kernel never uses twice; 0 if there is none. */
uint64_t mps_exchange_cookie(int fd);

/* End the TCP connection by a reset, whoever else holds the socket. fd stays open. */
void mps_exchange_reset(int fd);
