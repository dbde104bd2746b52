/* SPDX-License-Identifier: MIT */
/*
 * Socket options of one connection: recorded, put on every subflow's socket of now and later,
 * readable back. Subflow sockets always have TCP_NODELAY, whatever the record says, since the
 * frames on them are complete when they are written.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MPS_SOCKOPTS_MAX      32
#define MPS_SOCKOPTS_DATA_MAX 32

struct mps_sockopt {
    int level, name;
    socklen_t len;
    uint8_t data[MPS_SOCKOPTS_DATA_MAX];
};

/* All zero: nothing recorded. */
struct mps_sockopts {
    struct mps_sockopt *item; /* as many as are needed: most connections have one or two */
    unsigned n, room;
    bool plain;        /* plain TCP: options go to the socket as they are */
    bool linger_abort; /* SO_LINGER with l_linger 0: a close is an abort */
};

void mps_sockopts_deinit(struct mps_sockopts *opts);

/* Start from the options of the handed-over socket. */
void mps_sockopts_inherit(struct mps_sockopts *opts, int fd);

/*
 * The SO_LINGER that the program had set on the socket that was handed over, if any, again on fd.
 */
void mps_sockopts_give_linger(const struct mps_sockopts *opts, int fd);

/* All recorded options to a new socket, as far as they are permitted. */
void mps_sockopts_apply(const struct mps_sockopts *opts, int fd);

/*
 * Would other sockets of the agent go the way of the one that was handed over? Not if that has a
 * SO_MARK and the agent may not set it (the key `marks`).
 */
bool mps_sockopts_can_follow(const struct mps_sockopts *opts);

/* The recorded SO_MAX_PACING_RATE in bytes per second, 0: none. */
uint64_t mps_sockopts_pacing(const struct mps_sockopts *opts);

/* A recorded value of an int, `fallback` if there is none. */
int mps_sockopts_int(const struct mps_sockopts *opts, int level, int name, int fallback);

/*
 * The connection's sockets are fds[0..n_fds). Both return 0, an errno value or
 * MPS_PERMITTED_ELSEWHERE. *len: room in data, then bytes there. `proof`: as in permitted.h.
 */
int mps_sockopts_set(struct mps_sockopts *opts, const int *fds, unsigned n_fds, int level, int name,
                     const void *data, size_t len, int proof);
int mps_sockopts_get(const struct mps_sockopts *opts, const int *fds, unsigned n_fds, int level,
                     int name, void *data, size_t *len);
