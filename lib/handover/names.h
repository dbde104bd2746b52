/* SPDX-License-Identifier: MIT */
/* Abstract AF_UNIX names of agents and connections; the layout is in message.h. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MPS_HO_ID_LEN 16 /* hexadecimal digits of an agent id */

/* What a connection's name says. */
struct mps_ho_conn_name {
    char agent_id[MPS_HO_ID_LEN + 1];
    uint64_t conn_id;
    struct sockaddr_storage local, peer; /* sockaddr_in or sockaddr_in6, as the TCP socket had */
};

/*
 * Is this exactly MPS_HO_ID_LEN hexadecimal digits (then NUL)? Lower-case: ids are parts of names,
 * and two names are the same to the letter only.
 */
bool mps_ho_id_valid(const char *id);

/*
 * An abstract name of two parts; returns the address length for bind() and connect(), 0 if it is
 * too long.
 */
socklen_t mps_ho_abstract_name(const char *prefix, const char *rest, struct sockaddr_un *ret);

/* The agent's listening name; returns the address length for bind() and connect(). */
socklen_t mps_ho_agent_name(const char *agent_id, struct sockaddr_un *ret);

/* The same of the name where connections are handed over. */
socklen_t mps_ho_end_name(const char *agent_id, struct sockaddr_un *ret);

/*
 * The name of the application's end of a connection. local and peer are AF_INET or AF_INET6
 * addresses as getsockname() and getpeername() gave them for the TCP socket (an IPv6 socket with
 * an IPv4 peer has ::ffff: addresses and keeps them). Returns the
 * address length for bind(), 0 if an address is of another family.
 */
socklen_t mps_ho_conn_name(const char *agent_id, uint64_t conn_id, const struct sockaddr *local,
                           const struct sockaddr *peer, struct sockaddr_un *ret);

/* False if the address is not a connection's name (ret is untouched then). */
bool mps_ho_conn_name_parse(const struct sockaddr_un *un, socklen_t len,
                            struct mps_ho_conn_name *ret);

/* Length of the sockaddr that the address holds: AF_INET or AF_INET6, else 0. */
socklen_t mps_ho_sockaddr_len(const struct sockaddr_storage *ss);
