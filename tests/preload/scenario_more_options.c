/* SPDX-License-Identifier: MIT */
/* Options that concern the connection or its subflows: set before or after, read back the same. */
#include "peer.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const struct {
    const char *name;
    int level, option, value;
} table[] = {
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
    {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1},
    {"SO_DONTROUTE", SOL_SOCKET, SO_DONTROUTE, 0},
    {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 1},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 33},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 7},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 4},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 45000},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 65536},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, 9},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 4},
    {"IP_TOS", IPPROTO_IP, IP_TOS, 0x28},
    {"IP_TTL", IPPROTO_IP, IP_TTL, 60},
    {"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 5}, /* IP_TOS sets it, too */
    {"SO_MARK", SOL_SOCKET, SO_MARK, 7},
};
#define OPTIONS (sizeof(table) / sizeof(table[0]))

static void set_all(int fd)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        int rc = setsockopt(fd, table[i].level, table[i].option, &table[i].value, sizeof(int));

        if (rc != 0)
            say("%s: %s", table[i].name, error_name(errno));
    }
    need(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0);
}

static void say_all(const char *when, int fd)
{
    char name[16] = "";
    socklen_t len = sizeof(name);

    for (size_t i = 0; i < OPTIONS; i++) {
        int value = -1;
        socklen_t size = sizeof(value);
        int rc = getsockopt(fd, table[i].level, table[i].option, &value, &size);

        say("%s %s: %d %d size %u", when, table[i].name, rc, value, size);
    }
    need(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0);
    say("%s TCP_CONGESTION: %s", when, name);
}

static void exchange(int fd)
{
    send_pattern(fd, 1, 50000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 50000));
    close(fd);
}

static void client_before(const struct sockaddr_in *server)
{
    int fd = peer_socket(0);

    set_all(fd);
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    tell_swapped(fd);
    say_all("before", fd);
    exchange(fd);
}

static void client_after(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    say_all("default", fd);
    set_all(fd);
    say_all("after", fd);
    exchange(fd);
}

/* Options of the listener are inherited by what it accepts. */
static void serve_inherited(int listener)
{
    int fd;

    set_all(listener);
    fd = peer_accept(listener);
    fd = (close(fd), peer_accept(listener)); /* the first one may have come before */
    say_all("inherited", fd);
    echo(fd);
    close(fd);
}

static void client_inherited(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    char c;

    need(read(fd, &c, 1) == 0);
    close(fd);
    fd = peer_connect(server);
    exchange(fd);
}

static void client_timeouts(const struct sockaddr_in *server)
{
    struct timeval tv = {.tv_usec = 40000}, got = {0};
    socklen_t len = sizeof(got);
    int fd = peer_connect(server), size = 200000, value = 0;
    char c;

    need(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    need(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
    need(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &got, &len) == 0);
    say("timeout %d", got.tv_sec == 0 && got.tv_usec >= 40000 && got.tv_usec < 50000);
    say("recv %zd %s", recv(fd, &c, 1, 0), error_name(errno));
    need(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
    len = sizeof(value);
    need(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len) == 0);
    say("receive buffer %d", value >= size);
    need(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
    need(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &len) == 0);
    say("send buffer %d", value >= size);
    exchange(fd);
}

static void client_flags(const struct sockaddr_in *server)
{
    char buf[16] = "";
    int fd = peer_connect(server), on = 1;

    need(send(fd, "abc", 3, MSG_MORE) == 3);
    need(send(fd, "def", 3, MSG_NOSIGNAL) == 3);
    need(recv(fd, buf, 6, MSG_WAITALL) == 6);
    say("more %.6s", buf);
    need(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) == 0);
    need(send(fd, "ghi", 3, 0) == 3);
    on = 0;
    need(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) == 0);
    need(recv(fd, buf, 3, MSG_WAITALL | MSG_PEEK) == 3);
    need(recv(fd, buf, 3, 0) == 3);
    say("cork %.3s", buf);
    exchange(fd);
}

static void client_info(const struct sockaddr_in *server)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int fd = peer_connect(server), mss = 0;

    send_pattern(fd, 1, 20000);
    need(receive_pattern(fd, 1, 20000));
    need(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    say("state %d rtt %d cwnd %d mss %d", info.tcpi_state, info.tcpi_rtt > 0,
        info.tcpi_snd_cwnd > 0, info.tcpi_snd_mss > 0);
    say("bytes %d %d", info.tcpi_bytes_acked >= 20000, info.tcpi_bytes_received >= 20000);
    len = sizeof(mss);
    need(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) == 0);
    say("segment %d", mss > 500);
    len = 8; /* shorter than the structure, as old programs ask */
    memset(&info, 0xee, sizeof(info));
    need(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    say("short %u state %d", len, info.tcpi_state);
    exchange(fd);
}

const struct scenario scenarios_more_options[] = {
    {"option_before", NULL, client_before, true},
    {"option_after", NULL, client_after, true},
    {"option_inherited", serve_inherited, client_inherited, true},
    {"option_timeouts", NULL, client_timeouts, true},
    {"option_send_flags", NULL, client_flags, true},
    {"option_info", NULL, client_info, true},
    {NULL, NULL, NULL, false},
};
