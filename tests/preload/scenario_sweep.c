/* SPDX-License-Identifier: MIT */
/*
 * Everything there is, by number: socket options, ioctls, flags and control messages. A connection
 * of ours has to answer as TCP does, and above all must not pass for one of AF_UNIX, which knows
 * who is at its other end and passes descriptors.
 */
#include "peer.h"
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VALUE_MAX 64
#define SHOWN     12 /* bytes of a value */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A level, and what is not compared there: a number below `last` that is in no list is. */
struct level {
    const char *name;
    int level, last;
    const int *volatile_values; /* 0: end. The length is compared, the value is not */
    const int *not_set;         /* set by nobody without a reason of its own: would end the test */
    const int *apart;           /* documented differences: not looked at */
};

static bool listed(const int *list, int option)
{
    for (; *list; list++)
        if (*list == option)
            return true;
    return false;
}

static void say_value(const struct level *l, int fd, int option, const char *when)
{
    unsigned char value[VALUE_MAX] = {0};
    char text[2 * SHOWN + 1] = "";
    socklen_t len = sizeof(value);

    if (getsockopt(fd, l->level, option, value, &len) != 0) {
        say("%s %d %s: %s", l->name, option, when, error_name(errno));
        return;
    }
    if (!listed(l->volatile_values, option))
        for (unsigned i = 0; i < len && i < SHOWN; i++)
            snprintf(text + 2 * i, 3, "%02x", value[i]);
    say("%s %d %s: %u %s", l->name, option, when, len, text);
}

static void say_set(const struct level *l, int fd, int option, int value)
{
    int rc = setsockopt(fd, l->level, option, &value, sizeof(value));

    say("%s %d =%d: %s", l->name, option, value, error_name(rc < 0 ? errno : 0));
}

static void sweep_level(const struct level *l, int fd)
{
    for (int option = 1; option <= l->last; option++) {
        if (listed(l->apart, option))
            continue;
        say_value(l, fd, option, "is");
        if (listed(l->not_set, option))
            continue;
        say_set(l, fd, option, 1);
        say_value(l, fd, option, "is then");
        say_set(l, fd, option, 0);
    }
}

/* Before and after: nobody looks at a connection that has not begun or that is about to end. */
static void meet(int fd)
{
    send_pattern(fd, 7, 1);
    need(receive_pattern(fd, 7, 1));
}

static void sweep_and_close(int fd, const struct level *l, const struct level *more)
{
    meet(fd);
    sweep_level(l, fd);
    if (more)
        sweep_level(more, fd);
    meet(fd);
    close(fd);
}

static const int nothing[] = {0};

/* Which numbers are another one's on this host, or differ from socket to socket. */
static const int socket_volatile[] = {SO_SNDBUF,  SO_RCVBUF, SO_INCOMING_CPU, SO_INCOMING_NAPI_ID,
                                      SO_MEMINFO, SO_COOKIE, SO_NETNS_COOKIE, 0};
static const int socket_not_set[] = {SO_DEBUG,
                                     SO_SNDBUF,
                                     SO_RCVBUF,
                                     SO_SNDBUFFORCE,
                                     SO_RCVBUFFORCE,
                                     SO_LINGER,
                                     SO_BINDTODEVICE,
                                     SO_BINDTOIFINDEX,
                                     SO_LOCK_FILTER,
                                     SO_ATTACH_FILTER,
                                     SO_ATTACH_BPF,
                                     SO_ATTACH_REUSEPORT_CBPF,
                                     SO_ATTACH_REUSEPORT_EBPF,
                                     SO_BUSY_POLL,
                                     0};
/* Bound to one TCP connection: refused after the swap, as by a kernel that has them not. */
static const int socket_apart[] = {SO_ZEROCOPY, SO_REUSEPORT, SO_BUF_LOCK, SO_DETACH_REUSEPORT_BPF,
                                   0};
static const struct level level_socket = {"socket",        SOL_SOCKET,     100,
                                          socket_volatile, socket_not_set, socket_apart};

static void client_socket_options(const struct sockaddr_in *server)
{
    sweep_and_close(peer_connect(server), &level_socket, NULL);
}

static void serve_socket_options(int listener)
{
    sweep_and_close(peer_accept(listener), &level_socket, NULL);
}

static const int tcp_volatile[] = {
    TCP_MAXSEG, TCP_INFO, TCP_WINDOW_CLAMP, TCP_CC_INFO, TCP_TIMESTAMP, TCP_QUICKACK, 0};
static const int tcp_not_set[] = {TCP_USER_TIMEOUT, TCP_REPAIR, TCP_WINDOW_CLAMP, 0};
static const int tcp_apart[] = {TCP_ZEROCOPY_RECEIVE,         TCP_MD5SIG, TCP_MD5SIG_EXT, TCP_ULP,
                                43 /* TCP_IS_MPTCP: it is */, 0};
static const struct level level_tcp = {"tcp",        IPPROTO_TCP, 60,
                                       tcp_volatile, tcp_not_set, tcp_apart};

static void client_tcp_options(const struct sockaddr_in *server)
{
    sweep_and_close(peer_connect(server), &level_tcp, NULL);
}

static void serve_tcp_options(int listener)
{
    sweep_and_close(peer_accept(listener), &level_tcp, NULL);
}

/* And what the kernel knows of a path only now and then. */
static const int ip_apart[] = {IP_MTU,         IP_MULTICAST_IF, IP_IPSEC_POLICY,
                               IP_XFRM_POLICY, IP_TRANSPARENT,  0};
static const int ip_volatile[] = {52 /* IP_PROTOCOL: the port */, 0};
static const struct level level_ip = {"ip", IPPROTO_IP, 90, ip_volatile, nothing, ip_apart};
static const int ip6_apart[] = {IPV6_MTU,
                                IPV6_PATHMTU,
                                IPV6_MULTICAST_HOPS,
                                IPV6_MULTICAST_IF,
                                IPV6_IPSEC_POLICY,
                                IPV6_XFRM_POLICY,
                                IPV6_TRANSPARENT,
                                IPV6_HOPOPTS,
                                IPV6_RTHDRDSTOPTS,
                                IPV6_DSTOPTS,
                                0};
static const struct level level_ip6 = {"ip6", IPPROTO_IPV6, 90, nothing, nothing, ip6_apart};
/* Answered, as by a connection of the kernel's MPTCP: tests/api/test_kernelinfo.c. */
static const int mptcp_apart[] = {1, 2, 3, 4, 0};
static const struct level level_mptcp = {"mptcp", 284, 6, nothing, nothing, mptcp_apart};
static const struct level level_tls = {"tls", 282, 5, nothing, nothing, nothing};
static const struct level level_none = {"none", 12345, 3, nothing, nothing, nothing};

static void client_ip_options(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    meet(fd);
    sweep_level(&level_ip, fd);
    sweep_level(&level_mptcp, fd);
    sweep_level(&level_tls, fd);
    sweep_level(&level_none, fd);
    meet(fd);
    close(fd);
}

static void serve_ip_options(int listener)
{
    sweep_and_close(peer_accept(listener), &level_ip, NULL);
}

/* Over IPv6, on a listener of the server's own, whose port comes by the first connection. */
static void client_ip6_options(const struct sockaddr_in *server)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int first = peer_connect(server), fd = socket(AF_INET6, SOCK_STREAM, 0);

    sweep_level(&level_ip6, first);
    need(recv(first, &v6.sin6_port, 2, MSG_WAITALL) == 2);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0);
    tell_swapped(fd);
    sweep_and_close(fd, &level_ip6, &level_ip);
    close(first);
}

static void serve_ip6_options(int listener)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof(v6);
    int other = socket(AF_INET6, SOCK_STREAM, 0), first, fd;

    need(other >= 0);
    need(bind(other, (struct sockaddr *)&v6, sizeof(v6)) == 0 && listen(other, 5) == 0);
    need(getsockname(other, (struct sockaddr *)&v6, &len) == 0);
    first = peer_accept(listener);
    need(write(first, &v6.sin6_port, 2) == 2);
    fd = peer_accept(other);
    sweep_and_close(fd, &level_ip6, NULL);
    close(first);
}

/* Those of sockets that change nothing for anybody else. */
static void client_ioctls(const struct sockaddr_in *server)
{
    static const unsigned long requests[] = {
        FIONREAD,         TIOCOUTQ,          FIOQSIZE,         TCGETS,
        SIOCATMARK,       SIOCGPGRP,         FIOGETOWN,        SIOCGSTAMP_OLD,
        SIOCGSTAMPNS_OLD, SIOCGSTAMP_NEW,    SIOCGSTAMPNS_NEW, SIOCOUTQNSD,
        SIOCGIFNAME,      SIOCGIFCONF,       SIOCGIFFLAGS,     SIOCGIFADDR,
        SIOCGIFDSTADDR,   SIOCGIFBRDADDR,    SIOCGIFNETMASK,   SIOCGIFMETRIC,
        SIOCGIFMTU,       SIOCGIFHWADDR,     SIOCGIFENCAP,     SIOCGIFSLAVE,
        SIOCGIFINDEX,     SIOCGIFPFLAGS,     SIOCGIFCOUNT,     SIOCGIFTXQLEN,
        SIOCGIFMAP,       SIOCGARP,          SIOCGRARP,        SIOCRTMSG,
        SIOCGIFVLAN,      SIOCBONDINFOQUERY, SIOCGIFBR,        SIOCETHTOOL,
        SIOCGMIIPHY,      SIOCGHWTSTAMP,     0x89e0,           0x89f0,
        0x89ff,           SIOCGSKNS + 0x80,  0x12345678};
    int fd = peer_connect(server);

    for (size_t i = 0; i < COUNT(requests); i++) {
        unsigned char arg[256] = "";
        struct ifreq ifr = {.ifr_name = "lo"};
        int rc;

        memcpy(arg, &ifr, sizeof(ifr));
        if (requests[i] == SIOCGIFNAME)
            arg[IFNAMSIZ] = 1;
        if (requests[i] == SIOCGIFCONF)
            memset(arg, 0, sizeof(arg));
        rc = ioctl(fd, requests[i], arg);
        say("ioctl %lx: %d %s", requests[i], rc < 0 ? -1 : 0, error_name(rc < 0 ? errno : 0));
        if (rc >= 0)
            say("ioctl %lx gives %02x%02x%02x%02x %02x%02x%02x%02x %02x%02x%02x%02x", requests[i],
                arg[0], arg[1], arg[2], arg[3], arg[16], arg[17], arg[18], arg[19], arg[20],
                arg[21], arg[22], arg[23]);
    }
    close(fd);
}

/* Bits of MSG_*; not MSG_OOB, which has scenarios of its own. */
static const int flags[] = {
    0,         0x2,       0x4,       0x8,       0x10,           0x20,       0x40,       0x80,
    0x100,     0x200,     0x400,     0x800,     0x1000,         0x2000,     0x4000,     0x8000,
    0x10000,   0x20000,   0x40000,   0x80000,   0x100000,       0x200000,   0x400000,   0x800000,
    0x1000000, 0x2000000, 0x4000000, 0x8000000, 0x10000000,     0x20000000, 0x40000000, 0x2022,
    0x2002,    0x22,      0x120,     0x122,     (int)0x80000000};

static void say_sent(const char *call, int flag, ssize_t rc)
{
    say("%s %x: %zd %s", call, (unsigned)flag, rc, error_name(rc < 0 ? errno : 0));
}

static void send_with(int fd, int flag, char c)
{
    const struct sockaddr_in elsewhere = {.sin_family = AF_INET, .sin_port = htons(9)};
    const struct sockaddr unix_name = {.sa_family = AF_UNIX};
    struct iovec byte = {&c, 1};
    struct msghdr msg = {.msg_iov = &byte, .msg_iovlen = 1};
    struct mmsghdr two[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};

    say_sent("send", flag, send(fd, &c, 1, flag));
    say_sent("sendto", flag,
             sendto(fd, &c, 1, flag, (const struct sockaddr *)&elsewhere, sizeof(elsewhere)));
    say_sent("sendto unix", flag, sendto(fd, &c, 1, flag, &unix_name, sizeof(unix_name)));
    say_sent("sendmsg", flag, sendmsg(fd, &msg, flag));
    say_sent("sendmmsg", flag, sendmmsg(fd, two, 2, flag));
    msg.msg_name = (void *)&elsewhere;
    msg.msg_namelen = sizeof(elsewhere);
    say_sent("sendmsg with a name", flag, sendmsg(fd, &msg, flag));
    two[0].msg_hdr = two[1].msg_hdr = msg;
    say_sent("sendmmsg with names", flag, sendmmsg(fd, two, 2, flag));
}

static void client_send_flags(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    for (size_t i = 0; i < COUNT(flags); i++)
        send_with(fd, flags[i], (char)('A' + i));
    need(shutdown(fd, SHUT_WR) == 0);
    (void)receive_all(fd, 0, 0);
    close(fd);
}

static void serve_send_flags(int listener)
{
    char text[512] = "";
    size_t got = 0;
    int fd = peer_accept(listener);
    ssize_t n;

    while ((n = read(fd, text + got, sizeof(text) - 1 - got)) > 0)
        got += (size_t)n;
    for (size_t at = 0; at < got; at += 200)
        say("came %zu: %.200s", at, text + at);
    close(fd);
}

/* One of the receive family; the bytes that it gave, in text. */
static ssize_t receive_by(int call, int fd, int flag, char text[16])
{
    struct sockaddr_storage from = {.ss_family = 77};
    socklen_t len = sizeof(from);
    char control[64], second[16] = "";
    struct iovec iov = {text, 8}, other = {second, 8};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct mmsghdr two[2] = {{.msg_hdr = msg}, {.msg_hdr = {.msg_iov = &other, .msg_iovlen = 1}}};
    ssize_t n;

    switch (call) {
    case 0:
        return recv(fd, text, 8, flag);
    case 1:
        n = recvfrom(fd, text, 8, flag, (struct sockaddr *)&from, &len);
        if (n >= 0)
            say("recvfrom %x: name %d %u", (unsigned)flag, from.ss_family, len);
        return n;
    case 2:
        n = recvmsg(fd, &msg, flag);
        if (n >= 0)
            say("recvmsg %x: name %d %u control %zu flags %x", (unsigned)flag, from.ss_family,
                msg.msg_namelen, msg.msg_controllen, (unsigned)msg.msg_flags);
        return n;
    default:
        n = recvmmsg(fd, two, 2, flag, NULL);
        if (n >= 0)
            say("recvmmsg %x: %zd, %u \"%s\" name %u flags %x", (unsigned)flag, n, two[0].msg_len,
                second, two[0].msg_hdr.msg_namelen, (unsigned)two[0].msg_hdr.msg_flags);
        return n;
    }
}

static void client_receive_flags(const struct sockaddr_in *server)
{
    static const char *const calls[] = {"recv", "recvfrom", "recvmsg", "recvmmsg"};
    int fd = peer_connect(server);

    for (size_t i = 0; i < COUNT(flags) * COUNT(calls); i++) {
        int call = (int)(i % COUNT(calls)), flag = flags[i / COUNT(calls)];
        char text[16] = "", rest[16] = "";
        ssize_t n;

        n = receive_by(call, fd, flag | MSG_DONTWAIT, text);
        say("nothing %s %x: %zd %s", calls[call], (unsigned)flag, n, error_name(n < 0 ? errno : 0));
        need(send(fd, "0123456789ab", 12, 0) == 12);
        need(recv(fd, rest, 12, MSG_WAITALL | MSG_PEEK) == 12);
        n = receive_by(call, fd, flag | MSG_DONTWAIT, text);
        say("%s %x: %zd %s \"%s\"", calls[call], (unsigned)flag, n, error_name(n < 0 ? errno : 0),
            text);
        memset(rest, 0, sizeof(rest));
        if (recv(fd, rest, 12, MSG_DONTWAIT) > 0)
            say("then \"%s\"", rest);
    }
    need(shutdown(fd, SHUT_WR) == 0);
    say("end %d", receive_all(fd, 0, 0));
    close(fd);
}

/* More than the error queue is asked for in vain, and discarded, than any piece of memory holds. */
static void client_discard(const struct sockaddr_in *server)
{
    const size_t size = 3000000;
    int fd = peer_connect(server), offset = 0;
    char buf[8] = "";
    size_t done = 0;
    ssize_t n;

    send_pattern(fd, 1, 100000);
    while (done < 100000) {
        n = recv(fd, NULL, size, MSG_ERRQUEUE);
        need(n == -1 && errno == EAGAIN);
        n = recv(fd, NULL, 100000 - done, MSG_TRUNC);
        need(n > 0);
        done += (size_t)n;
    }
    say("discarded %zu", done);
    need(send(fd, "0123456789", 10, 0) == 10);
    need(recv(fd, NULL, 10, MSG_TRUNC | MSG_PEEK | MSG_WAITALL) == 10);
    if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0) {
        need(recv(fd, buf, 3, MSG_PEEK) == 3);
        say("peek %.3s", buf);
        need(recv(fd, buf, 3, MSG_PEEK) == 3);
        say("peek %.3s", buf);
        need(recv(fd, buf, 2, 0) == 2);
        say("read %.2s", buf);
        need(recv(fd, buf, 3, MSG_PEEK) == 3);
        say("peek %.3s", buf);
    }
    need(recv(fd, NULL, 4, MSG_TRUNC | MSG_WAITALL) == 4);
    need(shutdown(fd, SHUT_WR) == 0);
    n = recv(fd, buf, sizeof(buf), MSG_WAITALL);
    say("rest %.*s", (int)n, buf);
    say("end %zd %zd", recv(fd, NULL, 8, MSG_TRUNC), recv(fd, buf, 8, MSG_TRUNC | MSG_PEEK));
    close(fd);
}

/* A message of one byte with one control message. */
static void send_control(int fd, char byte, int level, int type, const void *data, size_t len)
{
    union {
        char bytes[128];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(len)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    ssize_t n;

    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    n = sendmsg(fd, &msg, 0);
    say("control %d %d of %zu: %zd %s", level, type, len, n, error_name(n < 0 ? errno : 0));
    c->cmsg_len = 3;
    n = sendmsg(fd, &msg, 0);
    say("control %d %d malformed: %zd %s", level, type, n, error_name(n < 0 ? errno : 0));
}

/* Neither descriptors nor names of processes travel over TCP. */
static void client_control(const struct sockaddr_in *server)
{
    struct ucred cred = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    int fd = peer_connect(server), standard[2] = {0, 2};
    uint32_t word = 0;

    send_control(fd, 'r', SOL_SOCKET, SCM_RIGHTS, standard, sizeof(standard));
    send_control(fd, 'f', SOL_SOCKET, SCM_RIGHTS, &(int){-1}, sizeof(int));
    send_control(fd, 'c', SOL_SOCKET, SCM_CREDENTIALS, &cred, sizeof(cred));
    cred.uid = 12345;
    send_control(fd, 'd', SOL_SOCKET, SCM_CREDENTIALS, &cred, sizeof(cred));
    send_control(fd, 'e', SOL_SOCKET, SCM_CREDENTIALS, &cred, 4);
    send_control(fd, 's', SOL_SOCKET, 3, &word, sizeof(word));
    send_control(fd, 'p', SOL_SOCKET, 4, &word, sizeof(word));
    send_control(fd, 't', SOL_SOCKET, SO_TIMESTAMPING, &word, sizeof(word));
    send_control(fd, 'u', SOL_SOCKET, SO_TIMESTAMPING, &word, 2);
    send_control(fd, 'x', SOL_SOCKET, SO_TXTIME, &(uint64_t){0}, sizeof(uint64_t));
    send_control(fd, 'o', SOL_SOCKET, 999, &word, sizeof(word));
    send_control(fd, 'i', IPPROTO_IP, 1, &word, sizeof(word));
    send_control(fd, 'y', IPPROTO_IPV6, 67, &word, sizeof(word));
    send_control(fd, 'z', IPPROTO_TCP, TCP_NODELAY, &word, sizeof(word));
    need(shutdown(fd, SHUT_WR) == 0);
    (void)receive_all(fd, 0, 0);
    close(fd);
}

/* It asks for what the sender might pass, and looks at what comes with each byte. */
static void serve_control(int listener)
{
    char text[64] = "";
    size_t got = 0;
    int fd = peer_accept(listener), on = 1, n;

    say("pass credentials: %d", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
    do {
        union {
            char bytes[256];
            struct cmsghdr align;
        } control;
        struct iovec iov = {text + got, 1};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};

        n = (int)recvmsg(fd, &msg, 0);
        if (n > 0 && (msg.msg_controllen > 0 || msg.msg_flags != 0))
            say("came with %zu bytes of control, flags %x", msg.msg_controllen,
                (unsigned)msg.msg_flags);
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0 && got < sizeof(text) - 1);
    say("came %s", text);
    close(fd);
}

const struct scenario scenarios_sweep[] = {
    {"sweep_socket", serve_socket_options, client_socket_options, true},
    {"sweep_tcp", serve_tcp_options, client_tcp_options, true},
    {"sweep_ip", serve_ip_options, client_ip_options, true},
    {"sweep_ip6", serve_ip6_options, client_ip6_options, true},
    {"sweep_ioctl", NULL, client_ioctls, true},
    {"sweep_send", serve_send_flags, client_send_flags, true},
    {"sweep_receive", NULL, client_receive_flags, true},
    {"data_discard", NULL, client_discard, true},
    {"sweep_control", serve_control, client_control, true},
    {NULL, NULL, NULL, false},
};
