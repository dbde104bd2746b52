/* SPDX-License-Identifier: MIT */
#include "permitted.h"

#include <errno.h>
#include <limits.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "engine/net/netns.h"
#include "handover/message.h"

/* Of newer kernels than the headers. */
#define RTO_MAX_MS     44
#define RTO_MIN_US     45
#define DELACK_MAX_US  46
#define IS_MPTCP       43
#define FRAGSIZE       25 /* IP_RECVFRAGSIZE */
#define RFC4884        26 /* IP_RECVERR_RFC4884 */
#define PORT_RANGE     51 /* IP_LOCAL_PORT_RANGE */
#define PROTOCOL       52 /* IP_PROTOCOL */
#define RFC4884_V6     31
#define FREEBIND_V6    78
#define TRANSPARENT_V6 75
#define ORIGINAL_DST   80 /* of both */

enum use {
    SET_AND_GET,
    GET_ONLY,
    PRIVILEGED, /* to be set; the range is what anybody may set, max < min: nothing */
};

struct row {
    int level, name;
    enum use use;
    size_t least, most; /* bytes of the value */
    long min, max;      /* of a value that is an int */
};

/* The kernel cuts what is longer than the option, and so may the program leave it. */
#define LONG MPS_HO_DATA_MAX

#define ANY                   INT_MIN, INT_MAX
#define NUMBER                SET_AND_GET, sizeof(int), LONG, ANY
#define WITHIN(min, max)      SET_AND_GET, sizeof(int), LONG, min, max
#define BYTE                  SET_AND_GET, 1, LONG, ANY /* IP takes one byte, too */
#define BYTE_WITHIN(min, max) SET_AND_GET, 1, LONG, min, max
#define OPAQUE(least, most)   SET_AND_GET, least, most, ANY
#define READ                  GET_ONLY, 0, 0, ANY
#define NOBODY                1, 0

static const struct row rows[] = {
    {SOL_SOCKET, SO_KEEPALIVE, NUMBER},
    {SOL_SOCKET, SO_OOBINLINE, NUMBER},
    {SOL_SOCKET, SO_RCVBUF, NUMBER},
    {SOL_SOCKET, SO_SNDBUF, NUMBER},
    {SOL_SOCKET, SO_RCVLOWAT, NUMBER},
    {SOL_SOCKET, SO_LINGER, OPAQUE(sizeof(struct linger), LONG)},
    {SOL_SOCKET, SO_RCVTIMEO, OPAQUE(sizeof(struct timeval), LONG)},
    {SOL_SOCKET, SO_SNDTIMEO, OPAQUE(sizeof(struct timeval), LONG)},
    {SOL_SOCKET, SO_MAX_PACING_RATE, OPAQUE(sizeof(uint32_t), LONG)},
    {SOL_SOCKET, SO_PRIORITY, PRIVILEGED, sizeof(int), LONG, 0, 6},
    {SOL_SOCKET, SO_MARK, PRIVILEGED, sizeof(int), LONG, NOBODY},

    {IPPROTO_TCP, TCP_NODELAY, NUMBER},
    {IPPROTO_TCP, TCP_MAXSEG, NUMBER},
    {IPPROTO_TCP, TCP_CORK, NUMBER},
    {IPPROTO_TCP, TCP_KEEPIDLE, NUMBER},
    {IPPROTO_TCP, TCP_KEEPINTVL, NUMBER},
    {IPPROTO_TCP, TCP_KEEPCNT, NUMBER},
    {IPPROTO_TCP, TCP_SYNCNT, NUMBER},
    {IPPROTO_TCP, TCP_LINGER2, NUMBER},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, NUMBER},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, NUMBER},
    {IPPROTO_TCP, TCP_QUICKACK, NUMBER},
    {IPPROTO_TCP, TCP_CONGESTION, OPAQUE(1, LONG)},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, NUMBER},
    {IPPROTO_TCP, TCP_THIN_DUPACK, NUMBER},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, NUMBER},
    {IPPROTO_TCP, TCP_FASTOPEN, NUMBER},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, NUMBER},
    {IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, NUMBER},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, NUMBER},
    {IPPROTO_TCP, TCP_SAVE_SYN, NUMBER},
    {IPPROTO_TCP, TCP_INQ, NUMBER},
    {IPPROTO_TCP, TCP_TX_DELAY, NUMBER},
    {IPPROTO_TCP, RTO_MAX_MS, NUMBER},
    {IPPROTO_TCP, RTO_MIN_US, NUMBER},
    {IPPROTO_TCP, DELACK_MAX_US, NUMBER},
    {IPPROTO_TCP, TCP_TIMESTAMP, PRIVILEGED, sizeof(int), LONG, NOBODY},
    {IPPROTO_TCP, TCP_INFO, READ},
    {IPPROTO_TCP, TCP_CC_INFO, READ},
    {IPPROTO_TCP, TCP_SAVED_SYN, READ},
    {IPPROTO_TCP, TCP_ULP, READ},
    {IPPROTO_TCP, TCP_FASTOPEN_KEY, READ},
    {IPPROTO_TCP, TCP_REPAIR, READ},
    {IPPROTO_TCP, TCP_REPAIR_QUEUE, PRIVILEGED, 0, LONG, NOBODY},
    {IPPROTO_TCP, TCP_REPAIR_WINDOW, PRIVILEGED, 0, LONG, NOBODY},
    {IPPROTO_TCP, TCP_QUEUE_SEQ, PRIVILEGED, 0, LONG, NOBODY},
    {IPPROTO_TCP, IS_MPTCP, READ},

    {IPPROTO_IP, IP_TOS, BYTE},
    {IPPROTO_IP, IP_TTL, BYTE_WITHIN(-1, 255)},
    {IPPROTO_IP, IP_OPTIONS, OPAQUE(0, 40)},
    {IPPROTO_IP, IP_RECVOPTS, BYTE},
    {IPPROTO_IP, IP_RETOPTS, BYTE},
    {IPPROTO_IP, IP_PKTINFO, BYTE},
    {IPPROTO_IP, IP_MTU_DISCOVER, BYTE_WITHIN(0, 5)},
    {IPPROTO_IP, IP_RECVERR, BYTE},
    {IPPROTO_IP, IP_RECVTTL, BYTE},
    {IPPROTO_IP, IP_RECVTOS, BYTE},
    {IPPROTO_IP, IP_FREEBIND, BYTE},
    {IPPROTO_IP, IP_PASSSEC, BYTE},
    {IPPROTO_IP, IP_RECVORIGDSTADDR, BYTE},
    {IPPROTO_IP, IP_MINTTL, BYTE_WITHIN(0, 255)},
    {IPPROTO_IP, IP_CHECKSUM, BYTE},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BYTE},
    {IPPROTO_IP, FRAGSIZE, BYTE},
    {IPPROTO_IP, RFC4884, BYTE},
    {IPPROTO_IP, IP_MULTICAST_TTL, BYTE_WITHIN(-1, 255)},
    {IPPROTO_IP, IP_MULTICAST_LOOP, BYTE},
    {IPPROTO_IP, IP_MULTICAST_ALL, BYTE_WITHIN(0, 1)},
    {IPPROTO_IP, PORT_RANGE, NUMBER},
    {IPPROTO_IP, IP_TRANSPARENT, READ}, /* it has no effect on a connection */
    {IPPROTO_IP, IP_MTU, READ},
    {IPPROTO_IP, IP_PKTOPTIONS, READ},
    {IPPROTO_IP, IP_MULTICAST_IF, OPAQUE(sizeof(struct in_addr), LONG)},
    {IPPROTO_IP, IP_UNICAST_IF, NUMBER},
    {IPPROTO_IP, IP_ROUTER_ALERT, READ},
    {IPPROTO_IP, PROTOCOL, READ},
    {IPPROTO_IP, ORIGINAL_DST, READ}, /* of netfilter, for everybody */
    {IPPROTO_IP, IP_HDRINCL, READ},
    {IPPROTO_IP, IP_NODEFRAG, READ},

    {IPPROTO_IPV6, IPV6_2292PKTINFO, NUMBER},
    {IPPROTO_IPV6, IPV6_2292HOPOPTS, NUMBER},
    {IPPROTO_IPV6, IPV6_2292DSTOPTS, NUMBER},
    {IPPROTO_IPV6, IPV6_2292RTHDR, NUMBER},
    {IPPROTO_IPV6, IPV6_2292HOPLIMIT, NUMBER},
    {IPPROTO_IPV6, IPV6_FLOWINFO, NUMBER},
    {IPPROTO_IPV6, IPV6_FLOWINFO_SEND, NUMBER},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, WITHIN(-1, 255)},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, WITHIN(-1, 255)},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, WITHIN(0, 1)},
    {IPPROTO_IPV6, IPV6_MULTICAST_ALL, NUMBER},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, WITHIN(0, 5)},
    {IPPROTO_IPV6, IPV6_MTU, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVERR, NUMBER},
    {IPPROTO_IPV6, RFC4884_V6, NUMBER},
    {IPPROTO_IPV6, IPV6_V6ONLY, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, NUMBER},
    {IPPROTO_IPV6, IPV6_PKTINFO, OPAQUE(20, LONG)},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVHOPOPTS, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVRTHDR, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVDSTOPTS, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVPATHMTU, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, NUMBER},
    {IPPROTO_IPV6, IPV6_RTHDR, OPAQUE(0, 255)},
    {IPPROTO_IPV6, IPV6_DONTFRAG, NUMBER},
    {IPPROTO_IPV6, IPV6_TCLASS, WITHIN(-1, 255)},
    {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, NUMBER},
    {IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, NUMBER},
    {IPPROTO_IPV6, IPV6_MINHOPCOUNT, WITHIN(0, 255)},
    {IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVFRAGSIZE, NUMBER},
    {IPPROTO_IPV6, FREEBIND_V6, NUMBER},
    {IPPROTO_IPV6, TRANSPARENT_V6, READ},
    {IPPROTO_IPV6, IPV6_HOPOPTS, PRIVILEGED, 0, LONG, NOBODY},
    {IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, PRIVILEGED, 0, LONG, NOBODY},
    {IPPROTO_IPV6, IPV6_DSTOPTS, PRIVILEGED, 0, LONG, NOBODY},
    {IPPROTO_IPV6, IPV6_2292PKTOPTIONS, READ},
    {IPPROTO_IPV6, IPV6_PATHMTU, READ},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, NUMBER},
    {IPPROTO_IPV6, IPV6_UNICAST_IF, NUMBER},
    {IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, NUMBER},
    {IPPROTO_IPV6, IPV6_ADDRFORM, READ},
    {IPPROTO_IPV6, IPV6_ROUTER_ALERT, READ},
    {IPPROTO_IPV6, ORIGINAL_DST, READ},
};

static const struct row *find(int level, int name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].level == level && rows[i].name == name)
            return &rows[i];
    }
    return NULL;
}

/* As the kernel reads it. */
static long number_of(const void *data, size_t len)
{
    unsigned char byte;
    int value;

    if (len >= sizeof(value)) {
        memcpy(&value, data, sizeof(value));
        return value;
    }
    if (len == 0)
        return 0;
    memcpy(&byte, data, 1);
    return byte;
}

static bool in_range(const struct row *row, const void *data, size_t len)
{
    long value = number_of(data, len);

    return value >= row->min && value <= row->max;
}

/* A length that the kernel refuses is for the kernel to refuse: there is no value to look at. */
static bool is_privileged(const struct row *row, const void *data, size_t len)
{
    return row->use == PRIVILEGED && !in_range(row, data, len);
}

/*
 * Whoever has a socket with this value could set it, or was given it by somebody who could; in this
 * network namespace, since in another one its owner has all privileges.
 */
static bool is_shown(int proof, int level, int name, const void *data, size_t len)
{
    int value;
    socklen_t n = sizeof(value);

    return proof >= 0 && level == SOL_SOCKET && len >= sizeof(value) && mps_netns_is_own(proof) &&
           getsockopt(proof, level, name, &value, &n) == 0 && n == sizeof(value) &&
           memcmp(&value, data, sizeof(value)) == 0;
}

int mps_permitted_set(int level, int name, const void *data, size_t len, int proof)
{
    const struct row *row = find(level, name);

    if (!row || row->use == GET_ONLY)
        return MPS_PERMITTED_ELSEWHERE;
    if (len < row->least || len > row->most)
        return EINVAL;
    if (is_privileged(row, data, len))
        return is_shown(proof, level, name, data, len) ? 0 : EPERM;
    return row->use == PRIVILEGED || in_range(row, data, len) ? 0 : EINVAL;
}

int mps_permitted_get(int level, int name)
{
    return find(level, name) ? 0 : MPS_PERMITTED_ELSEWHERE;
}
