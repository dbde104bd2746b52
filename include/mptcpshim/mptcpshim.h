/* SPDX-License-Identifier: MIT */
/*
 * libmptcpshim: multipath TCP connections for programs that ask for them.
 *
 * A connection between two ends that run the shim (this library, or a program under
 * "mptcpshim run") is carried by several TCP connections, its subflows. To any other peer it is
 * plain TCP. In both cases the program holds an ordinary stream descriptor: read, write, send,
 * recv, shutdown, poll, select, epoll, sendfile, dup, fork and close work on it as on TCP.
 *
 * The abstract API of RFC 6897 is covered like this:
 *   TCP_MULTIPATH_ENABLE    MPTCPSHIM_OFF before, mptcpshim_is_multipath() after
 *   TCP_MULTIPATH_ADD       mptcpshim_options.local before connecting or listening,
 *                           mptcpshim_add_address() after
 *   TCP_MULTIPATH_REMOVE    mptcpshim_remove_address()
 *   TCP_MULTIPATH_SUBFLOWS  mptcpshim_subflows()
 *   TCP_MULTIPATH_CONNID    mptcpshim_stats.token
 *
 * Conventions. Functions return -1 and set errno on failure, unless they say otherwise; on success
 * errno is untouched. Structures and arrays that are passed in are read during the call only.
 * Every function may be called from several threads at once; none may be called from a signal
 * handler. Signals do not interrupt a call, except where EINTR is listed.
 *
 * The protocol runs in an agent, a process that the first call that needs it starts and that ends
 * by itself. Data that a program has written is delivered even if the program exits.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MPTCPSHIM_EXPORT __attribute__((visibility("default")))

/* ---- options ---- */

/*
 * No multipath for this connection or listener: plain TCP, unmarked (RFC 6897 section 5.3.1,
 * TCP_MULTIPATH_ENABLE set to false).
 */
#define MPTCPSHIM_OFF 0x1u

/*
 * Plain TCP is not acceptable. mptcpshim_connect and mptcpshim_adopt fail with EPROTONOSUPPORT,
 * mptcpshim_accept resets such a connection and takes the next one. A blocking mptcpshim_connect
 * has the peer's answer before it returns; the others judge by the TCP handshake alone, and a peer
 * that then does not answer as a shim makes the connection plain TCP after all, which
 * mptcpshim_is_multipath() tells.
 */
#define MPTCPSHIM_REQUIRED 0x2u

/*
 * What a program wishes for one connection or listener. Call mptcpshim_options_init first, then
 * set what differs from the defaults; the defaults are those of MPTCPSHIM_OPTIONS in the
 * environment (mptcpshim(1)). Nothing needs to be freed. A NULL pointer instead of a structure
 * means the defaults, everywhere.
 */
struct mptcpshim_options {
    size_t size;               /* set by mptcpshim_options_init */
    unsigned int flags;        /* MPTCPSHIM_OFF or MPTCPSHIM_REQUIRED */
    unsigned int max_subflows; /* at most so many at a time; 0: default; 1: no second path */
    const char *scheduler;     /* name of a packet scheduler, mptcpshim(1); NULL: default */
    const char *path_manager;  /* name of a path manager, mptcpshim(1); NULL: default */
    /*
     * Use exactly these local addresses (RFC 6897 section 5.3.2), at most 16; ports are ignored.
     * n_local 0: all suitable ones. A client connects from the first one of the destination's
     * family. Names that are none of those, more than 32 subflows, addresses that no connection can
     * start from, and a size that no structure has are refused with EINVAL.
     */
    const struct sockaddr_storage *local;
    size_t n_local;
    const char *fairness; /* "off", "auto" or "strict", mptcpshim(1); NULL: default */
    const char
        *purpose; /* "bulk", "interactive" or "handover", mptcpshim(1), --for; NULL: default */
};

/*
 * Fill in the defaults. `size` is sizeof(struct mptcpshim_options) as the program was compiled, so
 * that programs and libraries of different age fit together. Never fails.
 */
MPTCPSHIM_EXPORT void mptcpshim_options_init(struct mptcpshim_options *opts, size_t size);

/* ---- connections ---- */

/*
 * A new stream socket, connected to `addr` (AF_INET or AF_INET6). `flags`: SOCK_CLOEXEC and
 * SOCK_NONBLOCK as in socket(2).
 *
 * Returns a descriptor that the caller closes. Without SOCK_NONBLOCK it is connected, by multipath
 * if the peer runs the shim. With SOCK_NONBLOCK the connection may be in progress: wait until the
 * descriptor is writable, then call mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, opts) before any other
 * use; without that call it stays plain TCP.
 *
 * errno: EINVAL (options, flags), EAFNOSUPPORT (family), EPROTONOSUPPORT (MPTCPSHIM_REQUIRED and
 * the peer has no shim), and those of socket(2), bind(2) and connect(2), EINTR among them.
 */
MPTCPSHIM_EXPORT int mptcpshim_connect(const struct sockaddr *addr, socklen_t len, int flags,
                                       const struct mptcpshim_options *opts);

/*
 * A listening socket at `addr` (AF_INET or AF_INET6; port 0: any free port), with SO_REUSEADDR
 * set. `backlog` as in listen(2), `flags` as in mptcpshim_connect. It is a real TCP listener: poll
 * and epoll work on it, and plain peers connect to it as to any other.
 *
 * Returns a descriptor that the caller closes.
 *
 * errno: EINVAL, EAFNOSUPPORT, EPROTONOSUPPORT (MPTCPSHIM_REQUIRED and no agent could be started),
 * and those of socket(2), bind(2) and listen(2), EADDRINUSE among them.
 */
MPTCPSHIM_EXPORT int mptcpshim_listen(const struct sockaddr *addr, socklen_t len, int backlog,
                                      int flags, const struct mptcpshim_options *opts);

/*
 * The next connection of a listener made by mptcpshim_listen or mptcpshim_adopt. `addr`, `len`:
 * where to store the peer's address, both may be NULL, as in accept(2). `flags` as in accept4(2);
 * the listener's own O_NONBLOCK decides whether the call waits. Pass the listener's options again;
 * they may differ from connection to connection.
 *
 * Returns a descriptor that the caller closes. accept(2) on the same listener returns connections
 * too, which mptcpshim_adopt(fd, MPTCPSHIM_SERVER, opts) then makes multipath.
 *
 * errno: EINVAL, and those of accept(2), EAGAIN and EINTR among them.
 */
MPTCPSHIM_EXPORT int mptcpshim_accept(int listener, struct sockaddr *addr, socklen_t *len,
                                      int flags, const struct mptcpshim_options *opts);

/* ---- sockets that the program makes itself ---- */

#define MPTCPSHIM_CLIENT   1 /* it called connect */
#define MPTCPSHIM_SERVER   2 /* it came from accept */
#define MPTCPSHIM_LISTENER 3

/*
 * Make a TCP socket ready for multipath before its handshake: a MPTCPSHIM_CLIENT before connect(),
 * a MPTCPSHIM_LISTENER after bind() and before listen(). It asks for a particular TCP_MAXSEG, and
 * on a listener sets TCP_SAVE_SYN and SO_REUSEPORT, the latter so that the agent can take further
 * subflows at the same port. With MPTCPSHIM_OFF it does nothing.
 *
 * Returns 0. errno: EINVAL (options, role), and those of setsockopt(2).
 */
MPTCPSHIM_EXPORT int mptcpshim_prepare(int fd, int role, const struct mptcpshim_options *opts);

/*
 * Turn a TCP descriptor into a multipath one, under the same number. What was set on it is kept:
 * O_NONBLOCK, FD_CLOEXEC, O_ASYNC and its owner, options of SOL_SOCKET; and for MPTCPSHIM_CLIENT
 * the registrations with epoll (at most 8, made in this process under this number). Copies by
 * dup(2) still mean the TCP socket: adopt first.
 *
 * MPTCPSHIM_CLIENT: prepared, connected, nothing sent or received yet. MPTCPSHIM_SERVER: accepted
 * from an adopted listener, nothing sent or received yet. MPTCPSHIM_LISTENER: bound and listening;
 * the number keeps its TCP socket. One that was not prepared, or has SO_REUSEPORT from the program,
 * is served too: further subflows then use another port of the host.
 *
 * Returns 1 if it is a multipath connection (or listener) now or was before, 0 if it stays plain
 * TCP, unharmed.
 *
 * errno: EINVAL (options, role, not listening), EBADF, ENOTSOCK, EPROTOTYPE (not a TCP socket),
 * EPROTONOSUPPORT (MPTCPSHIM_REQUIRED and it stays plain TCP), EINPROGRESS (not connected yet), for
 * MPTCPSHIM_CLIENT the error of a failed connect; and two after which the caller can only close:
 * ECONNRESET (the agent failed, or MPTCPSHIM_OFF was given for a MPTCPSHIM_SERVER whose peer
 * expects multipath; such a peer comes back as plain TCP), ECONNABORTED (not a connection for the
 * program but a subflow that strayed).
 */
MPTCPSHIM_EXPORT int mptcpshim_adopt(int fd, int role, const struct mptcpshim_options *opts);

/* ---- looking at a connection ---- */

/*
 * Is this descriptor a multipath connection (RFC 6897 section 5.3.1)? 1: yes, also while it has
 * one subflow only. 0: plain TCP, or a multipath connection that fell back to it. The descriptor
 * may have been inherited or received from another process.
 *
 * errno: EBADF, ENOTSOCK, ENOTCONN (a multipath connection that is over).
 */
MPTCPSHIM_EXPORT int mptcpshim_is_multipath(int fd);

/*
 * The addresses of the connection's first subflow, for its whole life, also when that subflow is
 * gone (RFC 6897 section 4.3.2). As getsockname(2) and getpeername(2), also on plain TCP, where
 * they are just these. (On a multipath descriptor getsockname(2) itself gives an AF_UNIX address,
 * except under "mptcpshim run".) Returns 0. errno: those of getsockname(2) and getpeername(2).
 */
MPTCPSHIM_EXPORT int mptcpshim_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
MPTCPSHIM_EXPORT int mptcpshim_getpeername(int fd, struct sockaddr *addr, socklen_t *len);

/*
 * setsockopt(2) and getsockopt(2) of the connection: on a multipath descriptor, which is an AF_UNIX
 * socket, those of TCP and IP act on all subflows. On any other descriptor just these. errno:
 * theirs, and ENOPROTOOPT (no such option, or one that belongs to a single TCP connection),
 * ENOTCONN (the connection is over), EINVAL (`len` is more than any option has), EFAULT (NULL).
 */
MPTCPSHIM_EXPORT int mptcpshim_setsockopt(int fd, int level, int option, const void *value,
                                          socklen_t len);
MPTCPSHIM_EXPORT int mptcpshim_getsockopt(int fd, int level, int option, void *value,
                                          socklen_t *len);

#define MPTCPSHIM_PLAIN       0 /* plain TCP, from the start or by fallback */
#define MPTCPSHIM_OPENING     1 /* waiting for the peer's answer; or a subflow: not usable yet */
#define MPTCPSHIM_ESTABLISHED 2
#define MPTCPSHIM_CLOSING     3
#define MPTCPSHIM_CLOSED      4

#define MPTCPSHIM_SUBFLOW_BACKUP 0x1u /* to be used only when no other works */
#define MPTCPSHIM_SUBFLOW_STALE  0x2u /* no progress lately; its data is sent on others */
#define MPTCPSHIM_SUBFLOW_RESTS  0x4u /* shares a bottleneck with another, which carries for both */

/* One subflow. Bytes are the application's; what is repeated on another one counts there, too. */
struct mptcpshim_subflow {
    uint32_t id;    /* 0: the first one; never reused within the connection */
    uint32_t flags; /* MPTCPSHIM_SUBFLOW_* */
    int32_t state;  /* MPTCPSHIM_OPENING ... MPTCPSHIM_CLOSED */
    uint32_t rtt_us, rtt_var_us, min_rtt_us; /* microseconds, 0: unknown */
    uint64_t bytes_sent, bytes_received;
    uint64_t bytes_reinjected;   /* of bytes_sent: repetitions of what another subflow carried */
    uint64_t rate;               /* bytes per second that TCP thinks it could send */
    uint64_t cwnd;               /* congestion window in bytes */
    uint64_t in_flight, notsent; /* bytes in the kernel: not yet acknowledged, not yet sent */
    struct sockaddr_storage local, remote;
    uint64_t send_rate, receive_rate; /* bytes per second, measured over the last two seconds */
    uint64_t reserved[6];             /* zero */
};

/*
 * The subflows of a connection (RFC 6897 section 5.3.4), the first `n` of them in `list`, which
 * may be NULL if `n` is 0. Returns how many there are, possibly more than `n`: 0 on plain TCP, 1 on
 * a multipath connection that fell back to it.
 *
 * errno: EBADF, ENOTSOCK, ENOTCONN (the connection is over), ENOMEM, EPROTO (an agent of another
 * version).
 */
MPTCPSHIM_EXPORT int mptcpshim_subflows(int fd, struct mptcpshim_subflow *list, unsigned int n);

/* Counters of a connection. On plain TCP that has been so from the start everything is zero. */
struct mptcpshim_stats {
    int32_t state;              /* MPTCPSHIM_PLAIN ... MPTCPSHIM_CLOSED */
    int32_t role;               /* MPTCPSHIM_CLIENT or MPTCPSHIM_SERVER */
    uint32_t token, peer_token; /* locally unique numbers (RFC 6897 section 5.3.5) */
    uint32_t subflows;
    uint32_t reserved0;
    char scheduler[16];                  /* NUL-terminated */
    uint64_t bytes_sent, bytes_received; /* each byte counted once */
    uint64_t bytes_acked;                /* of bytes_sent: have reached the peer's shim */
    uint64_t bytes_reinjected;           /* repeated on another subflow */
    uint64_t snd_queued;                 /* bytes taken from the program, not yet sent */
    uint64_t credit_left;                /* bytes the peer lets us send */
    uint64_t rcv_queued;                 /* bytes received, in order, not yet read */
    uint64_t rcv_out_of_order;           /* bytes received behind a hole */
    uint64_t send_rate, receive_rate;    /* of all subflows together, repetitions included */
    uint64_t reserved[6];                /* zero */
};

/* Returns 0; errno as mptcpshim_subflows. */
MPTCPSHIM_EXPORT int mptcpshim_get_stats(int fd, struct mptcpshim_stats *stats);

/* ---- changing a connection ---- */

/*
 * Another packet scheduler from now on; its name as in mptcpshim_options. Returns 0.
 *
 * errno: EINVAL (no such scheduler), EOPNOTSUPP (plain TCP, or another socket), ENOTCONN (the
 * connection is over), ENOMEM, EBADF, ENOTSOCK.
 */
MPTCPSHIM_EXPORT int mptcpshim_set_scheduler(int fd, const char *scheduler);

/*
 * A local address that this connection uses from now on, besides the others (RFC 6897 section
 * 5.3.2, TCP_MULTIPATH_ADD), or no longer (section 5.3.3, TCP_MULTIPATH_REMOVE): its subflows are
 * left at once, and the peer is told. `local`: AF_INET or AF_INET6, whose port is ignored. An
 * address may be added although a configuration file leaves it out, but not one that the user has
 * deleted while the agent runs (mptcpshim(1), path). Subflows follow as the path manager wants
 * them; mptcpshim_events() tells of them. Returns 0.
 *
 * errno: EINVAL (no address that a connection can start from), EADDRNOTAVAIL (not one of this host,
 * or the connection cannot use it), EBUSY (to be removed, and there would be none left), ENOSPC
 * (more than 64 addresses were changed), and those of mptcpshim_set_scheduler.
 */
MPTCPSHIM_EXPORT int mptcpshim_add_address(int fd, const struct sockaddr *local, socklen_t len);
MPTCPSHIM_EXPORT int mptcpshim_remove_address(int fd, const struct sockaddr *local, socklen_t len);

/*
 * Paths from a local address of this connection: to be used only while no other works (`backup` 1)
 * or like the others (0), which the peer is told, too; their share in what is sent, for schedulers
 * that go by weights, 1 to 100. What was set here goes before files and what the user has set for
 * all connections. Returns 0; errno: EINVAL (address, backup, weight), and those of
 * mptcpshim_add_address.
 */
MPTCPSHIM_EXPORT int mptcpshim_set_backup(int fd, const struct sockaddr *local, socklen_t len,
                                          int backup);
MPTCPSHIM_EXPORT int mptcpshim_set_weight(int fd, const struct sockaddr *local, socklen_t len,
                                          unsigned int weight);

/* ---- events of a connection ---- */

#define MPTCPSHIM_EVENT_OTHER             0  /* not known to this library: to be ignored */
#define MPTCPSHIM_EVENT_ESTABLISHED       1  /* both ends have the shim */
#define MPTCPSHIM_EVENT_PLAIN             2  /* it is plain TCP from here on: `reason` */
#define MPTCPSHIM_EVENT_CLOSED            3  /* it is over: `reason` */
#define MPTCPSHIM_EVENT_SUBFLOW_UP        4  /* it carries data */
#define MPTCPSHIM_EVENT_SUBFLOW_DOWN      5  /* it has ended: `reason`, `error` */
#define MPTCPSHIM_EVENT_SUBFLOW_FAILED    6  /* the same, and it never was up */
#define MPTCPSHIM_EVENT_SUBFLOW_STALE     7  /* it makes no progress: others carry what it held */
#define MPTCPSHIM_EVENT_SUBFLOW_RECOVERED 8  /* it makes progress again */
#define MPTCPSHIM_EVENT_SUBFLOW_PRIORITY  9  /* it is a backup now, or no longer: `flags` */
#define MPTCPSHIM_EVENT_ADDRESS_ANNOUNCED 10 /* an address is offered to the other end */
#define MPTCPSHIM_EVENT_ADDRESS_REMOVED   11 /* an address is no longer there */
#define MPTCPSHIM_EVENT_LOST              12 /* nothing but `lost` */

#define MPTCPSHIM_EVENT_BY_PEER 0x100u /* in `flags`: the peer's priority, or address */

struct mptcpshim_event {
    int32_t type;     /* MPTCPSHIM_EVENT_* */
    uint32_t flags;   /* MPTCPSHIM_SUBFLOW_BACKUP, MPTCPSHIM_EVENT_BY_PEER */
    uint32_t subflow; /* of the subflow's events: its id, as in struct mptcpshim_subflow */
    uint32_t lost;    /* so many events right before this one were lost */
    int32_t error;    /* an errno value, how its TCP connection ended; 0: none, or not known */
    char reason[36];  /* a word of mptcpshim(1), EVENTS; NUL-terminated, "" if there is none */
    /* Of the subflow, or of the connection; of an address that came or went, only that. */
    struct sockaddr_storage local, remote;
    uint64_t reserved[4]; /* zero */
};

/*
 * A descriptor from which the connection's events are read, by mptcpshim_next_event() only. poll(2)
 * and epoll(7) say when there are any. What holds already comes first: an event for the connection,
 * if it is established or plain, and one for each subflow that is up. `flags`: SOCK_CLOEXEC and
 * SOCK_NONBLOCK. Any process that has the connection may call this, at most 4 times altogether.
 *
 * A program that does not read holds up nobody: at least 64 events wait for it, those for which
 * there is no room are lost, and `lost` of the next one tells how many: of the next event that
 * happens, or of a MPTCPSHIM_EVENT_LOST as soon as there is room. mptcpshim_subflows() then tells
 * how it is.
 *
 * Returns the descriptor, which the caller closes, whatever becomes of the connection. errno:
 * EINVAL (flags), ENOBUFS (too many watch it), EOPNOTSUPP (plain TCP from the start, or another
 * socket), ENOTCONN (the connection is over), ENOMEM, EMFILE, ENFILE, EBADF, ENOTSOCK.
 */
MPTCPSHIM_EXPORT int mptcpshim_events(int fd, int flags);

/*
 * The next event, in `event`, of which `size` is sizeof(struct mptcpshim_event) as the program was
 * compiled. Without SOCK_NONBLOCK it waits for one. Returns 1; 0 if there will be none any more,
 * since the connection is over, or its agent is gone.
 *
 * errno: EAGAIN (SOCK_NONBLOCK, and there is none), EINTR, EINVAL (size), EPROTO (an agent of
 * another version), EBADF.
 */
MPTCPSHIM_EXPORT int mptcpshim_next_event(int events, struct mptcpshim_event *event, size_t size);

/* ---- about the library ---- */

/* "MAJOR.MINOR.PATCH" of the library that is running. */
MPTCPSHIM_EXPORT const char *mptcpshim_version(void);

/* What an errno value means after a call of this library; static text, never NULL. */
MPTCPSHIM_EXPORT const char *mptcpshim_strerror(int error);

/*
 * 1 if this process runs under the preload ("mptcpshim run"), where plain socket calls make
 * multipath connections too; 0 if not. Both may be used side by side: a descriptor is handed to
 * the agent once, by whichever comes first.
 */
MPTCPSHIM_EXPORT int mptcpshim_preload_active(void);

#ifdef __cplusplus
}
#endif
