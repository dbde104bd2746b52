/* SPDX-License-Identifier: MIT */
/*
 * Listeners under the preload, with an agent that takes all of them: what the tests of marking
 * have in common. They run themselves again under the preload.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The first bytes of an opening. */
extern const uint8_t marking_magic[8];

/* A socket that is bound to a port of loopback and does not block; the other listens. */
int bound_new(void);
int listener_new(void);

bool is_marked(int fd);
bool is_filtered(int fd);

/* A client's socket, connected by system calls of its own. */
int dial(int listener);

enum waiting { BY_POLL, BY_PPOLL, BY_SELECT, BY_PSELECT, BY_EPOLL, WAYS };

/* Looks whether a connection is there, which is not so; by epoll, only registers. */
void wait_by(enum waiting way, int fd);

/* How many servers' connections are counted as plain because they are accepted elsewhere. */
uint32_t elsewhere(void);

/* main() of such a test: `run` runs its tests under the preload and returns the status. */
int marking_main(int argc, char **argv, int (*run)(void));
