/* SPDX-License-Identifier: MIT */
/*
 * The marks by which two shims know each other in a TCP handshake: their values, and how they are
 * set on sockets before the handshake and read back after it. All functions are async-signal-safe
 * and leave errno alone; `fd` is a TCP socket.
 */
#pragma once
#include <stdbool.h>

/*
 * An unprivileged process can put two things into the handshake, and read them back: the MSS option
 * and the window. Boxes on the way lower the MSS of SYNs, of SYN-ACKs or of both, and a mark that
 * is lost in one direction only would be worse than none. So the window carries the marks: only
 * boxes that end TCP altogether touch it. Linux makes the first window a multiple of the largest
 * segment that the socket itself would take (less the 12 bytes of timestamps where they are known
 * to be in use, as in a SYN-ACK), whatever a box makes of the MSS option behind it.
 *
 * First subflow: the sockets are the program's, so nothing but the MSS is set on them (TCP_MAXSEG),
 * and the window is the multiple that comes of it: of CONNECT in the SYN, of LISTEN in the SYN-ACK.
 * Where a receive buffer has been made so large that the window is the largest there is, 65535, the
 * window shows no mark. The receive buffer of a client is made smaller for the time of its
 * connect(), since its question has to arrive. With such a listener the MSS alone is the answer;
 * for that LISTEN lies below CONNECT, since a socket shows no MSS above its own.
 *
 * Joins: both sockets are an agent's. Their receive buffer is set so that the window is a number
 * that no buffer of a program, and no usual MTU, leads to.
 *
 * The values: CONNECT and LISTEN are odd, so that no link's MTU (1500, 1492, 1420, 1400, 1380,
 * 1360, 1280, ... less 40, 52 or 60) gives them, below the usual clamps of PPPoE and VPNs, and
 * prime, with and without timestamps, so that the window of a host with another MSS is no multiple
 * of them by chance. No usual window (65535, 64240, 65160, 29200, 8192, ...) is one.
 */
#define MPS_MARK_CONNECT 1319
#define MPS_MARK_LISTEN  1303
#define MPS_MARK_JOIN    1323
#define MPS_MARK_AGENT   1323
/* The MSS bounds segments in both directions: joins have a second pair for paths of large MTU
 * (jumbo frames, loopback). It fits an MTU of 8880 with IPv6. */
#define MPS_MARK_JOIN_LARGE  8820
#define MPS_MARK_AGENT_LARGE 8820

/* Windows in the SYNs of joins: multiples of each MSS that a join may have. */
#define MPS_MARK_JOIN_WINDOW       52920
#define MPS_MARK_JOIN_LARGE_WINDOW 44100
/* In SYN-ACKs of agents: the largest multiple of what a segment takes within this. */
#define MPS_MARK_AGENT_WINDOW 47000

static inline bool mps_mark_is_join(unsigned mark)
{
    return mark == MPS_MARK_JOIN || mark == MPS_MARK_JOIN_LARGE;
}

/* A receive buffer that is smaller than it was while the SYN is made. */
struct mps_marks_buffer {
    int space; /* what SO_RCVBUF said, halved; 0: nothing was changed */
    int lock;  /* SO_BUF_LOCK */
};

/*
 * Before connect(): the SYN will carry MPS_MARK_CONNECT, in its window, too. The caller leaves a
 * socket alone on which the program itself has set TCP_MAXSEG, and calls mps_marks_put_back with
 * the same `buffer` right after connect(). Without a `buffer` (NULL) the receive buffer is not
 * changed. 0; 1: the buffer is so large, or so small, that the window cannot show a mark, so there
 * is none; or a negative errno value.
 */
int mps_marks_prepare_connect(int fd, struct mps_marks_buffer *buffer);
void mps_marks_put_back(int fd, const struct mps_marks_buffer *buffer);

/*
 * Before or right after listen(): SYN-ACKs will carry MPS_MARK_LISTEN and accepted sockets keep
 * their SYN for mps_marks_accepted. 0 or a negative errno value.
 */
int mps_marks_prepare_listen(int fd);

/*
 * Before connect() of an agent: a join, `mark` MPS_MARK_JOIN or MPS_MARK_JOIN_LARGE. `room`: what
 * the MTU leaves for a segment; 0: unknown. A kernel before Linux 5.14 cannot set the window
 * without making it small for good (no SO_BUF_LOCK): there the SYN carries no mark, and 1 is
 * returned, as where `room` is too small. 0, 1 or a negative errno value.
 */
int mps_marks_prepare_join(int fd, unsigned mark, unsigned room);

/* Before listen() of an agent: SYN-ACKs will carry `mark`, MPS_MARK_AGENT or
 * MPS_MARK_AGENT_LARGE, and accepted sockets keep their SYN. 0 or a negative errno value. */
int mps_marks_prepare_agent(int fd, unsigned mark);

/*
 * After establishment: did the SYN-ACK carry `mark` (MPS_MARK_LISTEN; MPS_MARK_AGENT, which stands
 * for both of that kind)? For MPS_MARK_LISTEN also: has our own mark left this host as it was set,
 * so that the answer is one to our question? It has not if the MTU or a route's advmss is below the
 * mark, nor if the window was larger than a SYN can say.
 */
bool mps_marks_synack_is(int fd, unsigned mark);

/* What a look at a socket shows of a handshake that was to carry marks. */
enum mps_marks_seen {
    MPS_MARKS_HANDSHAKE, /* it is under way */
    MPS_MARKS_ANSWERED,  /* mps_marks_synack_is(MPS_MARK_LISTEN) and mps_marks_untouched */
    MPS_MARKS_REFUSED,   /* the SYN-ACK was marked, and the peer reset it before any data */
    MPS_MARKS_NATIVE,    /* anything else: it will never be one of ours */
};
enum mps_marks_seen mps_marks_look(int fd);

/* Before any handshake, or after one that failed? */
bool mps_marks_unconnected(int fd);

/* Established, no FIN seen, and not one byte of data queued, sent or received so far. */
bool mps_marks_untouched(int fd);

/*
 * On an accepted socket: the mark in the SYN that made it, MPS_MARK_CONNECT or MPS_MARK_JOIN
 * (either of that kind); 0 if there was none or the listener was not prepared. Asking releases the
 * kernel's copy of the SYN: a second call gives 0.
 */
unsigned mps_marks_saved_syn(int fd);

/*
 * The same, where the caller decides by it what becomes of the connection. A connection that was
 * made from a SYN cookie has no saved SYN; if its listener was prepared, the peer's SYN may have
 * been marked, and the peer may send HELLO. The result is MPS_MARK_CONNECT then, and the agent
 * looks at the first bytes. Call this once, right after accept().
 */
unsigned mps_marks_accepted(int fd);

/* The mark of a SYN in memory: IP header, extension headers if any, TCP header. */
unsigned mps_marks_of_syn(const unsigned char *syn, unsigned len);
