/* SPDX-License-Identifier: MIT */
/*
 * Scenarios for two processes, a server and a client, that look at TCP through the socket API.
 * What they observe they print; with and without the preload, on either side, the same must come
 * out (test_differential.c).
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct scenario {
    const char *name;
    void (*server)(int listener); /* NULL: serve one connection as an echo */
    void (*client)(const struct sockaddr_in *server);
    bool swaps; /* with the preload on both sides the connection is ours at both ends */
};

extern const struct scenario scenarios_connect[], scenarios_forms[], scenarios_accept[],
    scenarios_process[], scenarios_fortify[], scenarios_descriptor[], scenarios_signal[],
    scenarios_life[], scenarios_close[], scenarios_option[], scenarios_more_options[],
    scenarios_data[], scenarios_semantics[], scenarios_ends[], scenarios_sweep[],
    scenarios_binding[], scenarios_reuse[], scenarios_taken[], scenarios_urgent[];

/* names_exec, in the program that was executed: 0. */
int scenario_names_after_exec(int fd, int local_port, int peer_port);

/* A descriptor is made a file in the way of this name while it is handed over: 0. */
int scenario_reused(const char *way, int port);

const struct scenario *scenario_find(const char *name);
extern const struct scenario *const scenario_lists[];

/* An observation: a line of the transcript. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* End the process with a complaint if the condition does not hold. */
#define need(condition) need_or_quit((condition), #condition, __FILE__, __LINE__)
void need_or_quit(bool ok, const char *what, const char *file, int line);

/* Tell the driver whether fd is a connection of ours (not part of the transcript). */
void tell_swapped(int fd);

int peer_socket(int flags);                         /* AF_INET, SOCK_STREAM | flags */
int peer_connect(const struct sockaddr_in *server); /* blocking; does not return on failure */
int peer_accept(int listener);                      /* the same */
void peer_wait(int fd, short events);               /* poll() until one of them, at most 10 s */

/* Pass a descriptor over an AF_UNIX socket, and take one. */
void peer_pass(int over, int fd);
int peer_take(int over);

/* len bytes of a pattern that depends on seed and offset, all of them written. */
void send_pattern(int fd, uint64_t seed, size_t len);
/* Read exactly len bytes; true if they are the pattern. */
bool receive_pattern(int fd, uint64_t seed, size_t len);
/* Read to the end; true if it was exactly len bytes of the pattern. */
bool receive_all(int fd, uint64_t seed, size_t len);
/* Read and write back until the end, then half-close. */
void echo(int fd);

unsigned char pattern_byte(uint64_t seed, size_t offset);
const char *error_name(int error);
