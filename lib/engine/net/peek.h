/* SPDX-License-Identifier: MIT */
/*
 * The opening message at the head of a fresh connection, looked at by MSG_PEEK: bytes that are
 * not ours stay in the socket, so there is nothing to replay.
 */
#pragma once
#include <stddef.h>
#include "core/wire/opening.h"

/* Positive results; MPS_OPENING_MORE and MPS_OPENING_FOREIGN are further ones. */
#define MPS_PEEK_LACK 9 /* could not look, for lack of memory: nothing was changed */
#define MPS_PEEK_EOF  8 /* the peer ended before a whole magic; what came is in the socket */

/*
 * 0: *ret is the message, and it is consumed; the bytes behind it are still in the socket.
 * Negative: a message of ours that is broken, or ends too early (MPS_EPROTO, MPS_ECHECK,
 * MPS_EVERSION), or MPS_ESYS.
 * On MPS_OPENING_MORE *ret_have bytes of the message are there, and the socket becomes readable
 * again only when more has come (SO_RCVLOWAT); every other result but 0 and MPS_PEEK_LACK undoes
 * that.
 */
int mps_peek_opening(int fd, struct mps_opening *ret, size_t *ret_have);

/* After MPS_OPENING_MORE: no more is waited for, so the socket is readable again. */
void mps_peek_give_up(int fd);

/*
 * Nobody serves the connection. If a whole HELLO is there, the peer hears of that by REFUSE, so
 * that it may send again what came with HELLO, and the connection is reset; the descriptor stays
 * open. If not, nothing happens: it may be no peer of ours.
 */
void mps_peek_turn_away(int fd);

/* REFUSE with `reason`, and nothing else. False: it did not go out. */
bool mps_peek_say_refuse(int fd, enum mps_reason reason);

/* Best effort REFUSE with `reason`, then close; the peer sees FIN behind it. */
void mps_peek_refuse(int fd, enum mps_reason reason);
