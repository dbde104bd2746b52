/* SPDX-License-Identifier: MIT */
/*
 * Which ends of applications (app.h) have something to do. libev shows too little of an AF_UNIX
 * socket and only by level, so they are in an edge-triggered epoll of our own, which libev watches
 * as one descriptor. An end for which a call failed for lack of memory is woken after a while,
 * since no event says when there is some again.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/list.h"

struct mps_appwatch {
    struct ev_loop *loop;
    ev_io io;
    int epfd;
    bool unwatched;          /* the loop could not watch it */
    struct mps_list starved; /* struct mps_appwatch_entry */
    ev_timer retry;
};

/* Part of what is watched. */
struct mps_appwatch_entry {
    /* EPOLL* bits, 0: memory may be there again. Must not end the watch of any entry. */
    void (*event)(struct mps_appwatch_entry *entry, uint32_t bits);
    struct mps_list starved_link;
};

/* 0 or MPS_ESYS. */
int mps_appwatch_init(struct mps_appwatch *watch, struct ev_loop *loop);
void mps_appwatch_deinit(struct mps_appwatch *watch);

/* Begin with `fd`: what comes in and the ends of both directions are told. False: no memory. */
bool mps_appwatch_add(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd,
                      void (*event)(struct mps_appwatch_entry *entry, uint32_t bits));

/* Tell of room for writing, too, or no more. False: no memory, as before. */
bool mps_appwatch_room(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd,
                       bool wanted);

/* A call failed for lack of memory. */
void mps_appwatch_starve(struct mps_appwatch *watch, struct mps_appwatch_entry *entry);

/* End it; `fd` stays open. */
void mps_appwatch_remove(struct mps_appwatch *watch, struct mps_appwatch_entry *entry, int fd);

/* Before the descriptor is closed, which takes it out of the epoll. */
void mps_appwatch_forget(struct mps_appwatch_entry *entry);
