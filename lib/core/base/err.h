/* SPDX-License-Identifier: MIT */
/*
 * Result codes of the core and the engine.
 *
 * Convention, everywhere below preload/ and lib/api/: 0 is success; a negative MPS_E... code is
 * fatal for the object it was returned for and is passed up untouched; a positive value is a
 * condition that the function's own comment documents and that its caller handles on the spot.
 */
#pragma once

/* X(name, value, text) */
#define MPS_ERRORS(X)                                                                              \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(PROTO, -2, "malformed or unexpected frame")                                                  \
    X(VERSION, -3, "protocol version not supported")                                               \
    X(AUTH, -4, "authentication failed")                                                           \
    X(CREDIT, -5, "peer sent beyond its credit")                                                   \
    X(LIMIT, -6, "a configured limit is exhausted")                                                \
    X(CHECK, -7, "header check failed: framing lost")                                              \
    X(PAYLOAD, -8, "payload was changed on the way")                                               \
    X(TOKEN, -9, "unknown token")                                                                  \
    X(INVAL, -10, "argument out of range")                                                         \
    X(STATE, -11, "not possible in this state")                                                    \
    X(CRYPTO, -12, "cryptographic primitive failed")                                               \
    X(SYS, -13, "system call failed")                                                              \
    X(ADDR, -14, "address not usable")                                                             \
    X(MAC, -15, "frame is not the peer's")

enum mps_error {
#define X(name, value, text) MPS_E##name = (value),
    MPS_ERRORS(X)
#undef X
};

/* Text of a code, never NULL, static storage. */
const char *mps_strerror(int code);
