/* SPDX-License-Identifier: MIT */
/*
 * Plain mode: a raw two-way pump between the application's end and one TCP connection, with TCP's
 * own half-close and reset. An accepted connection that waits for HELLO is in this mode, too, since
 * it is a relay that does not know yet whether it stays one.
 *
 * The peer sees a reset if this process ends in the middle: from mps_relay_own until the
 * application's end is passed on, the socket has SO_LINGER with 0. Lack of memory ends no
 * connection: what failed is tried again.
 *
 * A direction has a buffer only while bytes wait in it. While memory is short the buffer is small,
 * of which each connection is sure (account.h).
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/wire/opening.h"
#include "core/base/time.h"

struct mps_account;
struct mps_app;
struct mps_engine;
struct mps_meter;
struct mps_relay;

enum mps_relay_verdict {
    MPS_RELAY_GOES_ON,
    MPS_RELAY_HELLO, /* a HELLO came, and nothing was sent yet: take the socket and go on */
    MPS_RELAY_OVER,  /* both ends are closed, in order */
    MPS_RELAY_RESET, /* both ends are closed, not in order */
};

/*
 * Takes `fd` on success. `wake` is called with `user` when there may be something to do: run it.
 * `connecting`: fd is not connected yet. `guard`: the first bytes may be a HELLO; nothing goes to
 * the peer before `hold` ns have passed. NULL: no memory.
 */
struct mps_relay *mps_relay_new(struct mps_engine *eng, struct mps_account *account,
                                struct mps_app *app, int fd, bool connecting, bool guard,
                                mps_time_t hold, void (*wake)(void *user), void *user);

/* Closes what is still open, the peer's side with a reset. NULL is fine. */
struct mps_relay *mps_relay_free(struct mps_relay *relay);

/* Bytes of the application that go to the peer first. 0 or MPS_ENOMEM. */
int mps_relay_replay(struct mps_relay *relay, const uint8_t *p, size_t n);

/* Does bounded work; *ret_more: there is more to do. `linger_abort`: a close is an abort. */
enum mps_relay_verdict mps_relay_run(struct mps_relay *relay, bool linger_abort, bool *ret_more);

/*
 * The socket is to be reset if this process ends, also while the program is being told that it is
 * handed over. Only a guarded relay has to be told: if the hand-over fails, its socket stays the
 * program's, whose SO_LINGER the caller puts back. The socket of any other relay is ours from the
 * beginning.
 */
void mps_relay_own(struct mps_relay *relay);

/* After MPS_RELAY_HELLO, or when the hand-over has failed. */
int mps_relay_take_fd(struct mps_relay *relay);
const struct mps_opening *mps_relay_hello(const struct mps_relay *relay);

/* -1 when closed. */
int mps_relay_fd(const struct mps_relay *relay);
bool mps_relay_waiting(const struct mps_relay *relay);
/* Bytes of the application that the relay holds. */
uint64_t mps_relay_queued(const struct mps_relay *relay);
void mps_relay_bytes(const struct mps_relay *relay, uint64_t *ret_sent, uint64_t *ret_received);
void mps_relay_meters(const struct mps_relay *relay, struct mps_meter *ret_sending,
                      struct mps_meter *ret_receiving);
