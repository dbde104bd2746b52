/* SPDX-License-Identifier: MIT */
/*
 * What the test programs send: a fixed pseudo-random sequence with a period of STREAM_PERIOD
 * bytes, an odd number, so that no block of a power of two can stand for another unnoticed.
 */
#pragma once
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_PERIOD 4194301u
#define STREAM_BLOCK  262144u

/* The bytes from `offset` on; at least STREAM_BLOCK of them are valid. */
const uint8_t *stream_at(uint64_t offset);

/* Are these the bytes of the stream at `offset`? len <= STREAM_BLOCK. */
bool stream_matches(uint64_t offset, const uint8_t *data, size_t len);

double stream_now(void); /* seconds, monotone */

/* A TCP socket connected to, or listening on, address and port; exits with a message if not. */
int stream_connect(const char *address, const char *port, int buffer_bytes);
int stream_listen(const char *address, const char *port, int buffer_bytes);
