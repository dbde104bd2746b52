/* SPDX-License-Identifier: MIT */
/*
 * The abstract AF_UNIX name of a handed-over connection (message.h). It carries the connection's
 * TCP addresses, so that getsockname() and getpeername() need no table. Async-signal-safe.
 */
#pragma once
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MPS_AGENT_ID_LEN 16 /* hexadecimal digits */

struct mps_name {
    char agent_id[MPS_AGENT_ID_LEN + 1]; /* NUL-terminated */
    uint64_t conn_id;
    struct sockaddr_storage local, peer; /* AF_INET or AF_INET6, scope and flow info not kept */
};

/* The agent's own name. Returns the length for bind() and connect(). */
socklen_t mps_name_agent(const char agent_id[MPS_AGENT_ID_LEN], struct sockaddr_un *ret);

/* Returns the length for bind(), or 0 if an address is neither IPv4 nor IPv6. */
socklen_t mps_name_make(const struct mps_name *name, struct sockaddr_un *ret);

/* 0, or -ENOTSOCK if `un` is no name of a connection; *ret is untouched then. */
int mps_name_parse(const struct sockaddr_un *un, socklen_t len, struct mps_name *ret);

/* The name of this descriptor: 0, or -ENOTSOCK, -EBADF, ... if it is no handed-over connection. */
int mps_name_of(int fd, struct mps_name *ret);

/* As getsockname() stores an address: *len is the room before, the address' full length after. */
void mps_name_store(const struct sockaddr_storage *from, void *addr, socklen_t *len);
