/* SPDX-License-Identifier: MIT */
/* Options, flags and addresses as the program knows them from TCP. */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void say_flags(int fd)
{
    say("flags %x %x", fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ASYNC | O_APPEND), fcntl(fd, F_GETFD));
}

static int int_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    if (getsockopt(fd, level, name, &value, &len) != 0)
        return -errno;
    return value;
}

static void serve_flags(int listener)
{
    static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};

    for (int i = 0; i < 4; i++) {
        int fd = accept4(listener, NULL, NULL, flags[i]);

        need(fd >= 0);
        tell_swapped(fd);
        say_flags(fd);
        need(receive_pattern(fd, 1, 10));
        close(fd);
    }
}

static void client_flags(const struct sockaddr_in *server)
{
    static const int flags[] = {0, SOCK_CLOEXEC};

    for (int i = 0; i < 4; i++) {
        int fd = peer_socket(flags[i & 1]);

        need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
        tell_swapped(fd);
        say_flags(fd);
        send_pattern(fd, 1, 10);
        say("end %d", receive_all(fd, 0, 0));
        close(fd);
    }
}

/* Set before connect() and kept. */
static void client_kept(const struct sockaddr_in *server)
{
    struct timeval tv = {.tv_usec = 30000}, got = {0};
    struct linger linger = {.l_onoff = 1, .l_linger = 5};
    socklen_t len = sizeof(got);
    int on = 1, lowat = 50, fd = peer_socket(SOCK_CLOEXEC);
    char c;

    need(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)) == 0);
    need(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    need(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
    need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    need(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
    need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    need(fcntl(fd, F_SETOWN, getpid()) == 0);
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    tell_swapped(fd);
    need(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len) == 0);
    say("timeout %d", got.tv_sec == 0 && got.tv_usec > 0 && got.tv_usec < 100000);
    say("at least %d", int_option(fd, SOL_SOCKET, SO_RCVLOWAT));
    say("keepalive %d inline %d nodelay %d", int_option(fd, SOL_SOCKET, SO_KEEPALIVE),
        int_option(fd, SOL_SOCKET, SO_OOBINLINE), int_option(fd, IPPROTO_TCP, TCP_NODELAY));
    len = sizeof(linger);
    need(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0);
    say("linger %d %d owner %d", linger.l_onoff, linger.l_linger, fcntl(fd, F_GETOWN) == getpid());
    say("read %zd", read(fd, &c, 1));
    say("errno %s", error_name(errno));
    close(fd);
}

static void client_tcp_options(const struct sockaddr_in *server)
{
    int on = 1, seconds = 42, fd = peer_connect(server);
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    say("domain %d type %d protocol %d", int_option(fd, SOL_SOCKET, SO_DOMAIN),
        int_option(fd, SOL_SOCKET, SO_TYPE), int_option(fd, SOL_SOCKET, SO_PROTOCOL));
    say("nodelay %d", int_option(fd, IPPROTO_TCP, TCP_NODELAY));
    need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    say("nodelay %d", int_option(fd, IPPROTO_TCP, TCP_NODELAY));
    need(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds)) == 0);
    say("keepidle %d", int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE));
    need(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    say("state %d", info.tcpi_state);
    need(setsockopt(fd, IPPROTO_IP, IP_TOS, &(int){0x10}, sizeof(int)) == 0);
    say("tos %x", (unsigned)int_option(fd, IPPROTO_IP, IP_TOS));
    say("error %d listening %d", int_option(fd, SOL_SOCKET, SO_ERROR),
        int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    say("unknown %d", int_option(fd, IPPROTO_TCP, 9999));
    close(fd);
}

static void say_address(const char *what, const void *address, socklen_t len)
{
    const struct sockaddr_in6 *sin6 = address;
    char text[INET6_ADDRSTRLEN] = "?";

    if (sin6->sin6_family == AF_INET6)
        inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
    say("%s family %d address %s length %u", what, sin6->sin6_family, text, len);
}

static void serve_addresses(int listener)
{
    struct sockaddr_in from, name;
    socklen_t len = sizeof(from), name_len = sizeof(name);
    int fd = accept(listener, (struct sockaddr *)&from, &len);

    need(fd >= 0);
    tell_swapped(fd);
    need(getpeername(fd, (struct sockaddr *)&name, &name_len) == 0);
    say("same %d length %u", memcmp(&from, &name, sizeof(from)) == 0, len);
    need(write(fd, &name, sizeof(name)) == (ssize_t)sizeof(name));
    close(fd);
}

static void client_addresses(const struct sockaddr_in *server)
{
    struct sockaddr_in seen, own, peer;
    socklen_t own_len = sizeof(own), peer_len = sizeof(peer), four = 4, none = 0;
    unsigned char few[8];
    int fd = peer_connect(server);

    need(getsockname(fd, (struct sockaddr *)&own, &own_len) == 0);
    need(getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0);
    say("lengths %u %u peer %d", own_len, peer_len, memcmp(&peer, server, sizeof(peer)) == 0);
    need(recv(fd, &seen, sizeof(seen), MSG_WAITALL) == (ssize_t)sizeof(seen));
    say("seen %d", memcmp(&seen, &own, sizeof(seen)) == 0);
    memset(few, 0xee, sizeof(few));
    need(getpeername(fd, (struct sockaddr *)few, &four) == 0);
    say("truncated %u %d %x", four, memcmp(few, &peer, 4) == 0, few[4]);
    need(getpeername(fd, (struct sockaddr *)few, &none) == 0);
    say("truncated %u", none);
    close(fd);
}

/* A dual-stack listener of the server's own; the client learns its port from the first. */
static void serve_dual(int listener)
{
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6}, from;
    socklen_t len = sizeof(sin6);
    int dual = socket(AF_INET6, SOCK_STREAM, 0), first, fd;

    need(dual >= 0);
    need(bind(dual, (struct sockaddr *)&sin6, sizeof(sin6)) == 0 && listen(dual, 5) == 0);
    need(getsockname(dual, (struct sockaddr *)&sin6, &len) == 0);
    first = peer_accept(listener);
    need(write(first, &sin6.sin6_port, 2) == 2);
    for (int i = 0; i < 2; i++) {
        len = sizeof(from);
        fd = accept(dual, (struct sockaddr *)&from, &len);
        need(fd >= 0);
        tell_swapped(fd);
        say_address("from", &from, len);
        len = sizeof(from);
        need(getsockname(fd, (struct sockaddr *)&from, &len) == 0);
        say_address("name", &from, len);
        say("domain %d", int_option(fd, SOL_SOCKET, SO_DOMAIN));
        echo(fd);
        close(fd);
    }
    close(first);
}

static void client_dual(const struct sockaddr_in *server)
{
    struct sockaddr_in v4 = *server;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, name;
    socklen_t len = sizeof(name);
    int first = peer_connect(server), fd;

    need(recv(first, &v4.sin_port, 2, MSG_WAITALL) == 2);
    v6.sin6_port = v4.sin_port;
    fd = peer_connect(&v4);
    need(shutdown(fd, SHUT_WR) == 0 && receive_all(fd, 0, 0));
    close(fd);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0);
    tell_swapped(fd);
    need(getpeername(fd, (struct sockaddr *)&name, &len) == 0);
    say_address("peer", &name, len);
    need(shutdown(fd, SHUT_WR) == 0);
    say("end %d", receive_all(fd, 0, 0));
    close(fd);
    close(first);
}

const struct scenario scenarios_option[] = {
    {"option_flags", serve_flags, client_flags, true},
    {"option_kept", NULL, client_kept, true},
    {"option_tcp", NULL, client_tcp_options, true},
    {"option_addresses", serve_addresses, client_addresses, true},
    {"option_dual", serve_dual, client_dual, true},
    {NULL, NULL, NULL, false},
};
