/* SPDX-License-Identifier: MIT */
/*
 * Questions to the agent about one of its connections, by the name of the application's end
 * (names.h). Async-signal-safe; errno is preserved.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include "config.h"
#include "message.h"
#include "names.h"

/* A connection as a program has it. */
struct mps_ho_conn {
    const struct mps_ho_config *config; /* NULL: nobody can be asked */
    const struct mps_ho_conn_name *name;
    int fd; /* the application's end */
};

/* About a listener. */
struct mps_ho_listener {
    enum mps_ho_op op; /* MPS_HO_LISTEN: the agent is started if need be; or MPS_HO_RECHECK */
    unsigned flags;
    int fd; /* MPS_HO_LISTEN */
    const struct sockaddr *local;
    socklen_t local_len;
    const char *words; /* options of what it accepts, not NUL-terminated */
    size_t words_len;  /* at most MPS_HO_DATA_MAX */
};

/* True if the agent says OK. */
bool mps_ho_ask_listener(const struct mps_ho_config *config, const struct mps_ho_listener *about);

/* MPS_HO_NONBLOCK if calls on fd must not block (O_NONBLOCK), else 0. */
unsigned mps_ho_no_wait(int fd);

/* Is fd the application's end of a connection? 1 and *ret; 0: any other socket; or -errno. */
int mps_ho_conn_of(int fd, struct mps_ho_conn_name *ret);

/*
 * TCP has no peer any more after a reset, or once both sides have sent their FINs, while the end
 * keeps its name. Is that the state of this end?
 */
bool mps_ho_conn_is_over(int fd);

/*
 * Ask (conn_id and flags of *req are filled in here); true if there is a reply. An agent that has
 * gone is not started again for a question: a new one would know nothing of the connection.
 */
bool mps_ho_ask(const struct mps_ho_conn *conn, struct mps_ho_request *req,
                struct mps_ho_reply *ret_reply);

/* The same with a descriptor that goes along, and stays the caller's. */
bool mps_ho_ask_with(const struct mps_ho_conn *conn, struct mps_ho_request *req, int fd,
                     struct mps_ho_reply *ret_reply);

/* The same for a descriptor, which is the caller's; *ret_fd: -1 if none came. */
bool mps_ho_ask_for(const struct mps_ho_conn *conn, struct mps_ho_request *req,
                    struct mps_ho_reply *ret_reply, int *ret_fd);

/*
 * MPS_HO_GETOPT and MPS_HO_SETOPT: 0, a negative errno value, MPS_HO_NO_REPLY, or MPS_HO_NOT_ITS:
 * the agent has nothing to do with this option. *len: room in value, then bytes there.
 */
#define MPS_HO_NO_REPLY 1
#define MPS_HO_NOT_ITS  2
int mps_ho_ask_getopt(const struct mps_ho_conn *conn, int level, int option, void *value,
                      socklen_t *len);
int mps_ho_ask_setopt(const struct mps_ho_conn *conn, int level, int option, const void *value,
                      socklen_t len);

/* The end fd shows a reset: the errno value that TCP would show, ECONNRESET unless the agent knows
 * better (the peer has not answered in time). */
int mps_ho_ask_error(const struct mps_ho_conn *conn);
