/* SPDX-License-Identifier: MIT */
/*
 * Options that mean one TCP connection: whoever sets one before there is a connection of ours gets
 * none, on the listener likewise. Whoever sets one later is told that it does not work. And sockets
 * of another network namespace, of which the agent knows nothing.
 */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define MSS_UNSET 536
#define SIZE      100000

/* Whether it is TCP to the kernel, too: an observation here. */
static void say_native(const char *what, int fd)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(ss);

    need(syscall(SYS_getsockname, fd, &ss, &len) == 0);
    say("%s: family %d", what, ss.ss_family);
}

/* A key for all on this host. */
static int set_key(int fd)
{
    struct tcp_md5sig md5 = {.tcpm_keylen = 6, .tcpm_key = "secret"};
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    memcpy(&md5.tcpm_addr, &host, sizeof(host));
    return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &md5, sizeof(md5));
}

static int set_filter(int fd)
{
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
    struct sock_fprog program = {.len = 1, .filter = all};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int set_timestamps(int fd)
{
    int wanted = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &wanted, sizeof(wanted));
}

static int set_transparent(int fd)
{
    return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &(int){1}, sizeof(int));
}

static int set_zero_copy(int fd)
{
    return setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &(int){1}, sizeof(int));
}

static const struct {
    const char *name;
    int (*set)(int fd);
} bindings[] = {{"key", set_key},
                {"filter", set_filter},
                {"time stamps", set_timestamps},
                {"transparent", set_transparent},
                {"zero copy", set_zero_copy}};
#define BINDINGS (sizeof(bindings) / sizeof(bindings[0]))

/* Where the option cannot be set, nothing is to be seen. */
static bool bind_by(size_t i, int fd)
{
    int rc = bindings[i].set(fd);

    say("%s: %s", bindings[i].name, error_name(rc < 0 ? errno : 0));
    return rc == 0;
}

static int loopback_socket(struct sockaddr_in *ret)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(*ret);
    int fd = peer_socket(0);

    need(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0);
    need(getsockname(fd, (struct sockaddr *)ret, &len) == 0);
    return fd;
}

static void say_mark(const char *what, int listener)
{
    int mss = 0;
    socklen_t len = sizeof(mss);

    need(syscall(SYS_getsockopt, listener, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) == 0);
    say("%s: marked %d", what, mss != MSS_UNSET);
}

/* For each option two listeners: it is set before listen(), and after. */
static void serve_bound(int listener)
{
    struct sockaddr_in name[2 * BINDINGS];
    int own[2 * BINDINGS], first, fd;

    for (size_t i = 0; i < BINDINGS; i++) {
        own[2 * i] = loopback_socket(&name[2 * i]);
        (void)bind_by(i, own[2 * i]);
        need(listen(own[2 * i], 4) == 0);
        own[2 * i + 1] = loopback_socket(&name[2 * i + 1]);
        need(listen(own[2 * i + 1], 4) == 0);
        (void)bind_by(i, own[2 * i + 1]);
    }
    first = peer_accept(listener);
    need(write(first, name, sizeof(name)) == (ssize_t)sizeof(name));
    for (size_t i = 0; i < 2 * BINDINGS; i++) {
        say_mark(bindings[i / 2].name, own[i]);
        fd = accept(own[i], NULL, NULL);
        need(fd >= 0);
        say_native(bindings[i / 2].name, fd);
        send_pattern(fd, 2, SIZE);
        need(receive_pattern(fd, 1, SIZE));
        close(fd);
        close(own[i]);
    }
    close(first);
}

static void client_bound(const struct sockaddr_in *server)
{
    struct sockaddr_in name[2 * BINDINGS];
    int first = peer_connect(server), fd;

    need(recv(first, name, sizeof(name), MSG_WAITALL) == (ssize_t)sizeof(name));
    for (size_t i = 0; i < 2 * BINDINGS; i++) {
        fd = peer_socket(0);
        (void)bind_by(i / 2, fd);
        need(connect(fd, (struct sockaddr *)&name[i], sizeof(name[i])) == 0);
        say_native(bindings[i / 2].name, fd);
        send_pattern(fd, 1, SIZE);
        say("received %d", receive_all(fd, 2, SIZE));
        close(fd);
    }
    close(first);
}

/* A native connection may have it. What the kernel of the end of ours would swallow is refused. */
static void client_bound_late(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    bool native;

    send_pattern(fd, 1, 1000);
    need(syscall(SYS_getsockname, fd, &ss, &len) == 0);
    native = ss.ss_family != AF_UNIX;
    say("filter %d", native || (set_filter(fd) == -1 && errno == ENOPROTOOPT));
    say("key %d", native || (set_key(fd) == -1 && errno == ENOPROTOOPT));
    say("tls %d",
        native || (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 4) == -1 && (errno == ENOPROTOOPT)));
    say("zero copy %d", native || set_zero_copy(fd) == -1);
    need(receive_pattern(fd, 1, 1000));
    close(fd);
}

static void raise_loopback(void)
{
    struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    need(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0);
    close(fd);
}

/* As programs do that serve several: there and back, with sockets made there. */
static void client_namespace(const struct sockaddr_in *server)
{
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), listener, fd, accepted;
    struct sockaddr_in name;

    need(own >= 0);
    if (unshare(CLONE_NEWNET) == 0) {
        raise_loopback();
        listener = loopback_socket(&name);
        fd = peer_socket(0);
        need(setns(own, CLONE_NEWNET) == 0);
        need(listen(listener, 4) == 0);
        say_mark("there", listener);
        need(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
        accepted = accept(listener, NULL, NULL);
        need(accepted >= 0);
        say_native("connected", fd);
        say_native("accepted", accepted);
        send_pattern(fd, 1, 1000);
        need(receive_pattern(accepted, 1, 1000));
        close(fd);
        fd = peer_socket(0);
        say("here %d", connect(fd, (struct sockaddr *)&name, sizeof(name)));
        say("here %s", error_name(errno));
        close(fd);
        close(accepted);
        close(listener);
    }
    fd = peer_connect(server);
    send_pattern(fd, 1, 1000);
    need(receive_pattern(fd, 1, 1000));
    close(fd);
}

/* As TCP where the kernel has none. */
static int mptcp_socket(void)
{
    int there = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_MPTCP), fd;

    fd = socket(AF_INET, SOCK_STREAM, there < 0 ? 0 : IPPROTO_MPTCP);
    need(fd >= 0);
    if (there >= 0)
        close(there);
    else
        say("protocol MPTCP");
    return fd;
}

static void say_protocol(int fd)
{
    int protocol = 0;
    socklen_t len = sizeof(protocol);

    need(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0);
    if (protocol == IPPROTO_MPTCP)
        say("protocol MPTCP");
}

/* Both ask for the kernel's MPTCP, on a listener of the server's own. */
static void serve_mptcp(int listener)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(name);
    int own = mptcp_socket(), first, fd;

    need(bind(own, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(own, 4) == 0);
    need(getsockname(own, (struct sockaddr *)&name, &len) == 0);
    say_protocol(own);
    first = peer_accept(listener);
    need(write(first, &name, sizeof(name)) == (ssize_t)sizeof(name));
    fd = peer_accept(own);
    need(receive_all(fd, 1, SIZE));
    send_pattern(fd, 2, SIZE);
    close(fd);
    close(first);
}

static void client_mptcp(const struct sockaddr_in *server)
{
    struct sockaddr_in name;
    int first = peer_connect(server), fd;

    need(recv(first, &name, sizeof(name), MSG_WAITALL) == (ssize_t)sizeof(name));
    fd = mptcp_socket();
    say_protocol(fd);
    need(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
    tell_swapped(fd);
    say_protocol(fd);
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 2, SIZE));
    close(fd);
    close(first);
}

const struct scenario scenarios_binding[] = {
    {"connect_mptcp", serve_mptcp, client_mptcp, true},
    {"connect_namespace", NULL, client_namespace, true},
    {"option_bound", serve_bound, client_bound, false},
    {"option_bound_late", NULL, client_bound_late, true},
    {NULL, NULL, NULL, false},
};
