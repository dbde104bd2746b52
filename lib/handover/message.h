/* SPDX-License-Identifier: MIT */
/*
 * What the preload, the library and the launcher say to the agent: one request and one reply on a
 * SOCK_SEQPACKET connection to the agent's abstract socket, descriptors by SCM_RIGHTS. Same host,
 * same build: native byte order; `version` guards against a mix of builds.
 *
 * A TCP connection is handed over (mps_ho_hands_over) on a SOCK_STREAM connection to another name
 * of the agent, and if the agent takes it, that very connection carries its data from there on: its
 * near end is the application's end. The last byte of the request stays unread there (engine's
 * connection/app.h says why), and the reply is no more than its head, MPS_HO_HEAD_LEN.
 *
 * Names (abstract AF_UNIX, first byte 0):
 *   agent       "mptcpshim/" agent-id(16 hex)
 *   ends        "mptcpshim-end/" agent-id: the agent's, for connections that are handed over
 *   monitor     "mptcpshim-monitor/" anything: listens; an agent of the same user that starts later
 *               connects to it and sends events as after MPS_HO_MONITOR
 *   connection  "mptcpshim/" agent-id "/" connection-id(16 hex) "/" local peer
 *               where local and peer are MPS_HO_NAME_ADDR bytes each: family(4|6)
 *               port(2, big endian) ip(16) scope-id(4).
 * The application's end of a connection is bound to the connection name by who handed it over, so
 * that the addresses need no table and survive fork, exec, dup and SCM_RIGHTS.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MPS_HO_MAGIC          0x4d505348u
#define MPS_HO_VERSION        1
#define MPS_HO_SECRET_LEN     16
#define MPS_HO_DATA_MAX       1024
#define MPS_HO_WORDS_MAX      (MPS_HO_DATA_MAX - 1) /* of options: the last byte stays unread */
#define MPS_HO_NAME_PREFIX    "mptcpshim/"
#define MPS_HO_END_PREFIX     "mptcpshim-end/"
#define MPS_HO_NAME_ADDR      23 /* bytes per address in a connection's name */
#define MPS_HO_MONITOR_PREFIX "mptcpshim-monitor/"
#define MPS_HO_EVENT_MAX      2048 /* a monitor's packet is shorter */

/* Environment of the process tree, set by the launcher (or by libmptcpshim for itself). */
#define MPS_ENV_AGENT                                                                              \
    "MPTCPSHIM_AGENT"                          /* agent-id(16 hex):secret(32 hex):uid(decimal),
                                                 hexadecimal digits in lower case */
#define MPS_ENV_PROGRAM "MPTCPSHIM_AGENT_PATH" /* the agent's executable */
#define MPS_ENV_OPTIONS "MPTCPSHIM_OPTIONS"    /* key=value words for the agent, see mptcpshim(1) */

enum mps_ho_op {
    MPS_HO_PING = 1,      /* is the agent there? */
    MPS_HO_CONNECTED = 2, /* fd: established TCP socket whose SYN-ACK was marked; local, peer set;
                             conn_id: its SO_COOKIE, or 0. Another socket is refused with ESTALE.
                             OK: conn_id, and `buffer` of the application's end. AGAIN_PLAIN: keep
                             the TCP socket. */
    MPS_HO_ACCEPTED = 3,  /* fd: accepted TCP socket whose SYN was marked; replies as above, but on
                             anything but OK the caller resets the connection (the peer, which had
                             no reply, comes back plain). */
    MPS_HO_LISTEN = 4,    /* fd: listening TCP socket, SO_REUSEPORT set by the caller if `flags` has
                             MPS_HO_STEER: take joins for its address and port while it lives */
    MPS_HO_RECHECK = 5,   /* a bind to `local` met EADDRINUSE: drop steering listeners whose
                             application listener is gone. OK: something was dropped, try again. */
    MPS_HO_SETOPT = 6,    /* conn_id, level, name, data. fd, if the option may need a privilege: a
                             socket on which the caller has set it (engine/connection/permitted.h) */
    MPS_HO_GETOPT = 7, /* conn_id, level, name, len wanted; reply data. SO_ERROR: why a connection
                             that was reset ended, also after its end; 0: by a reset */
    MPS_HO_STATUS = 8, /* reply fd: a memfd with the JSON array of mptcpshim-status */
    MPS_HO_CONN_STATUS = 9, /* conn_id; reply fd: a memfd with that connection's JSON object */
    MPS_HO_MONITOR = 10,    /* fd: one end of a SOCK_SEQPACKET pair; from now on each event is sent
                               to it as one packet, a JSON object (mptcpshim(1), EVENTS) */
    MPS_HO_PATHS = 20,      /* reply fd: a memfd with the JSON array of mptcpshim path list */
    MPS_HO_PATH = 21,       /* data: "add|del|set ADDRESS|INTERFACE [backup=yes|no] [weight=N]".
                               ERROR: the reply's data is a text for the user */
    MPS_HO_LEAVE = 23, /* the caller is the first process of the agent's PID namespace, which ends
                               with it: deliver what is written, and end. OK, as long as there is
                               something to deliver; the name is free when all is done. ERROR: it
                               is not that process. */
    MPS_HO_CONN_SET = 22, /* data: "TOKEN|ID scheduler=NAME"; reply as above */
    MPS_HO_CONN_OWN = 30, /* conn_id; data: "scheduler=NAME", or as to PATH, for this connection
                             only. ERROR: EINVAL; EOPNOTSUPP: it is plain TCP; EADDRNOTAVAIL: it
                             cannot use the address; EBUSY: it has no other; ENOSPC: it has changed
                             too many; ENOTCONN, ENOMEM */
    MPS_HO_WATCH = 31, /* conn_id; fd: one end of a SOCK_SEQPACKET pair; what is so is told there,
                          and from then on each event of the connection, as to monitors, and its
                          end by that of the pair. What did not fit is counted by an event "lost".
                          ERROR: ENOTCONN, ENOBUFS: too many watch it, EINVAL, ENOMEM */
    MPS_HO_KERNELINFO = 32, /* conn_id; reply fd: a memfd with a struct mps_kernelinfo
                               (kernelinfo.h). ERROR: ENOTCONN; EOPNOTSUPP: it is plain TCP */
};

/* A level of GETOPT: name is SIOCOUTQ or SIOCOUTQNSD, an int comes back. */
#define MPS_HO_LEVEL_IOCTL (-1)

#define MPS_HO_STEER    0x0001u /* LISTEN: the port may be shared with a steering listener */
#define MPS_HO_NONBLOCK 0x0002u /* the application's call must not block: client.h */
#define MPS_HO_BOUND                                                                               \
    0x0004u /* CONNECTED, ACCEPTED, under bind=keep: the program had bound the
                                   socket, or the listener, to an address */

struct mps_ho_request {
    uint32_t magic;
    uint16_t version;
    uint16_t op; /* enum mps_ho_op */
    uint8_t secret[MPS_HO_SECRET_LEN];
    uint64_t conn_id;
    uint32_t flags;
    int32_t level, name; /* SETOPT, GETOPT */
    uint32_t len;        /* bytes in data; GETOPT: wanted */
    struct sockaddr_storage local, peer;
    uint8_t data[MPS_HO_DATA_MAX]; /* options "key=value" words for CONNECTED, ACCEPTED, LISTEN */
};

enum mps_ho_status {
    MPS_HO_OK = 0,
    MPS_HO_AGAIN_PLAIN = 1, /* leave it plain TCP */
    MPS_HO_ERROR = 2,       /* `error` is an errno value */
    MPS_HO_OK_PLAIN = 3,    /* to CONNECTED: OK, but plain TCP from here on, over a new connection,
                               since the peer refuses marked ones: do not mark the next one */
    MPS_HO_ELSEWHERE = 4,   /* to SETOPT, GETOPT: not one of the agent's options. What the kernel
                               says to the caller is for a TCP socket of the caller's to find out. */
};

struct mps_ho_reply {
    uint32_t magic;
    uint16_t version;
    uint16_t status; /* enum mps_ho_status */
    union {
        int32_t error;  /* MPS_HO_ERROR */
        int32_t buffer; /* to CONNECTED, ACCEPTED: SO_SNDBUF of the end, see sndbuf.h */
    };
    uint32_t len;
    uint64_t conn_id;
    uint8_t data[MPS_HO_DATA_MAX];
};

#define MPS_HO_HEAD_LEN offsetof(struct mps_ho_reply, data)

/* Does a request of this kind hand a TCP connection over? */
static inline bool mps_ho_hands_over(unsigned op)
{
    return op == MPS_HO_CONNECTED || op == MPS_HO_ACCEPTED;
}

/* CONNECTED, ACCEPTED: has the agent taken the connection? */
static inline bool mps_ho_taken(const struct mps_ho_reply *reply)
{
    return reply->status == MPS_HO_OK || reply->status == MPS_HO_OK_PLAIN;
}

/* The agent serves programs of 32 and of 64 bits: no member may move. */
_Static_assert(sizeof(struct mps_ho_request) == 1328 &&
                   offsetof(struct mps_ho_request, data) == 304,
               "the same request in 32 and 64 bits");
_Static_assert(sizeof(struct mps_ho_reply) == 1048 && offsetof(struct mps_ho_reply, data) == 24,
               "the same reply in 32 and 64 bits");
