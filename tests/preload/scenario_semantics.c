/* SPDX-License-Identifier: MIT */
/* What TCP says at less frequented places: addresses later, errors, lingering, flags, footprint. */
#include "peer.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than all buffers on the way hold: nobody is done before the other one has looked. */
#define SIZE 8000000

/* Both names of a connection, and whether they are those of before. */
static void say_same(const char *when, int fd, const struct sockaddr_in want[2])
{
    struct sockaddr_in got[2];
    socklen_t len[2] = {sizeof(got[0]), sizeof(got[1])};
    int domain = 0;
    socklen_t domain_len = sizeof(domain);

    memset(got, 0, sizeof(got));
    need(getsockname(fd, (struct sockaddr *)&got[0], &len[0]) == 0);
    need(getpeername(fd, (struct sockaddr *)&got[1], &len[1]) == 0);
    need(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0);
    say("%s %d %d domain %d", when, memcmp(&got[0], &want[0], sizeof(got[0])) == 0,
        memcmp(&got[1], &want[1], sizeof(got[1])) == 0, domain);
}

/* The names outlive fork, and half of the connection. */
static void client_names(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), status;
    struct sockaddr_in names[2];
    socklen_t len = sizeof(names[0]);
    pid_t child;

    need(getsockname(fd, (struct sockaddr *)&names[0], &len) == 0);
    len = sizeof(names[1]);
    need(getpeername(fd, (struct sockaddr *)&names[1], &len) == 0);
    child = fork();
    need(child >= 0);
    if (child == 0) {
        say_same("child", fd, names);
        _exit(0);
    }
    need(waitpid(child, &status, 0) == child && status == 0);
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say_same("half closed", fd, names);
    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

static void serve_names(int listener)
{
    static unsigned char buf[SIZE];
    size_t done = 0;
    int fd = peer_accept(listener);
    ssize_t n;

    while ((n = read(fd, buf + done, SIZE - done)) > 0)
        done += (size_t)n;
    say("stored %zu", done);
    send_pattern(fd, 1, SIZE);
    close(fd);
}

/* After exec another program has to see what this one saw: it is given the names to compare. */
static void client_names_exec(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), status;
    struct sockaddr_in names[2];
    socklen_t len = sizeof(names[0]);
    char number[16], local[16], peer[16];
    pid_t child;

    need(getsockname(fd, (struct sockaddr *)&names[0], &len) == 0);
    len = sizeof(names[1]);
    need(getpeername(fd, (struct sockaddr *)&names[1], &len) == 0);
    snprintf(number, sizeof(number), "%d", fd);
    snprintf(local, sizeof(local), "%u", ntohs(names[0].sin_port));
    snprintf(peer, sizeof(peer), "%u", ntohs(names[1].sin_port));
    child = fork();
    need(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "peer", "names", number, local, peer, (char *)NULL);
        _exit(127);
    }
    need(waitpid(child, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
    send_pattern(fd, 1, 1000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 1000));
}

int scenario_names_after_exec(int fd, int local_port, int peer_port)
{
    struct sockaddr_in want[2];

    memset(want, 0, sizeof(want));
    for (int i = 0; i < 2; i++) {
        want[i].sin_family = AF_INET;
        want[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        want[i].sin_port = htons((uint16_t)(i ? peer_port : local_port));
    }
    say_same("after exec", fd, want);
    return 0;
}

/* close() with SO_LINGER waits for the data to be taken, and not longer. */
static void client_linger(const struct sockaddr_in *server)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 10};
    int fd = peer_connect(server);

    need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    send_pattern(fd, 1, SIZE);
    say("close %d", close(fd));
}

static void serve_sink(int listener)
{
    int fd = peer_accept(listener);

    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

static void say_connect(const char *what, const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = peer_socket(0), rc, tries = 1;

    need(inet_pton(AF_INET, address, &to.sin_addr) == 1);
    need(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries)) == 0);
    need(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){300}, sizeof(int)) == 0);
    rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
    say("%s %d %s", what, rc, error_name(rc < 0 ? errno : 0));
    close(fd);
}

/* Errors before there is a connection are the kernel's. */
static void client_errors(const struct sockaddr_in *server)
{
    int fd, rc;

    say_connect("broadcast", "255.255.255.255", 9);
    say_connect("multicast", "224.0.0.1", 9);
    fd = peer_socket(0);
    rc = connect(fd, (const struct sockaddr *)server, 4);
    say("short %d %s", rc, error_name(errno));
    rc = connect(fd, NULL, sizeof(*server));
    say("null %d %s", rc, error_name(errno));
    say("unconnected %zd %s", send(fd, "x", 1, MSG_NOSIGNAL), error_name(errno));
    say("unconnected shutdown %d %s", shutdown(fd, SHUT_WR), error_name(errno));
    rc = (int)recv(fd, &(char){0}, 1, MSG_DONTWAIT);
    say("unconnected %d %s", rc, error_name(errno));
    close(fd);
    say("closed %d", connect(fd, (const struct sockaddr *)server, sizeof(*server)));
    say("closed %s", error_name(errno));
    fd = peer_connect(server);
    say("listen %d", listen(fd, 1));
    say("listen %s", error_name(errno));
    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    say("again %d %s", rc, error_name(errno));
    rc = accept(fd, NULL, NULL);
    say("accept %d %s", rc, error_name(errno));
    send_pattern(fd, 1, 100);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 100));
    close(fd);
}

/* MSG_PEEK, MSG_TRUNC, and MSG_DONTWAIT on a blocking socket. */
static void client_flags(const struct sockaddr_in *server)
{
    char buf[64] = "";
    int fd = peer_connect(server);
    ssize_t n;

    n = recv(fd, buf, 1, MSG_DONTWAIT);
    say("nothing %zd %s", n, error_name(errno));
    n = recv(fd, buf, 1, MSG_DONTWAIT | MSG_PEEK);
    say("nothing to peek at %zd %s", n, error_name(errno));
    need(send(fd, "0123456789", 10, MSG_DONTWAIT) == 10);
    need(recv(fd, buf, 10, MSG_PEEK | MSG_WAITALL) == 10);
    say("peek %.10s", buf);
    say("discard %zd", recv(fd, buf, 4, MSG_TRUNC | MSG_DONTWAIT));
    need(recv(fd, buf, 6, MSG_WAITALL) == 6);
    say("rest %.6s", buf);
    need(shutdown(fd, SHUT_WR) == 0);
    say("end %d", receive_all(fd, 0, 0));
    close(fd);
}

/* The kernel tells on the error queue when it is done with what was sent from our memory. */
static void client_zero_copy(const struct sockaddr_in *server)
{
    int fd = peer_socket(0), on = 1;
    char control[256], buf[8] = "";
    struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
    struct sock_extended_err *done;

    need(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0);
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    say("zero copy %zd", send(fd, "abcdef", 6, MSG_ZEROCOPY));
    peer_wait(fd, 0);
    need(recvmsg(fd, &msg, MSG_ERRQUEUE) == 0 && CMSG_FIRSTHDR(&msg));
    done = (struct sock_extended_err *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
    say("done %d: %u to %u", done->ee_origin == SO_EE_ORIGIN_ZEROCOPY, done->ee_info,
        done->ee_data);
    need(recv(fd, buf, 6, MSG_WAITALL) == 6);
    say("came %.6s", buf);
    need(shutdown(fd, SHUT_WR) == 0);
    say("end %d", receive_all(fd, 0, 0));
    close(fd);
}

/* Urgent data inline: it is in its place, and poll() says no more than for any other byte. */
static void client_urgent(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    need(send(fd, "ab", 2, 0) == 2);
    say("urgent %zd", send(fd, "c", 1, MSG_OOB));
    need(send(fd, "de", 2, 0) == 2);
    need(shutdown(fd, SHUT_WR) == 0);
    need(receive_all(fd, 0, 0));
    close(fd);
}

static void serve_urgent(int listener)
{
    char buf[8] = "";
    size_t got = 0;
    int fd, on = 1;
    ssize_t n;

    need(setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
    fd = peer_accept(listener);
    need(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
    while (got < sizeof(buf) - 1 && (n = read(fd, buf + got, sizeof(buf) - 1 - got)) > 0)
        got += (size_t)n;
    say("inline %s", buf);
    close(fd);
}

static int entries(const char *directory)
{
    DIR *dir = opendir(directory);
    int n = 0;

    need(dir != NULL);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* How many distinct libraries are mapped, the preload itself not counted. */
static int libraries(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int n = 0;

    need(maps != NULL);
    while (fgets(line, sizeof(line), maps))
        n += strstr(line, ".so") && strstr(line, " r-xp ") && !strstr(line, "mptcpshim_preload");
    (void)fclose(maps);
    return n;
}

/* One thread, the descriptors the program opened, and no library but its own. */
static void say_footprint(const char *when, int before)
{
    say("%s: threads %d descriptors %d libraries %d", when, entries("/proc/self/task") - 2,
        entries("/proc/self/fd") - before, libraries());
}

static void client_footprint(const struct sockaddr_in *server)
{
    int before = entries("/proc/self/fd"), fd;

    say_footprint("start", before);
    fd = peer_connect(server);
    say_footprint("connected", before);
    send_pattern(fd, 1, 1000);
    need(receive_pattern(fd, 1, 1000));
    say_footprint("used", before);
    close(fd);
    say_footprint("closed", before);
}

static void serve_footprint(int listener)
{
    int before = entries("/proc/self/fd"), fd = peer_accept(listener);

    say_footprint("accepted", before);
    echo(fd);
    close(fd);
    say_footprint("closed", before);
}

const struct scenario scenarios_semantics[] = {
    {"names_fork", serve_names, client_names, true},
    {"names_exec", NULL, client_names_exec, true},
    {"close_linger", serve_sink, client_linger, true},
    {"connect_errors", NULL, client_errors, true},
    {"data_flags", NULL, client_flags, true},
    {"data_urgent_inline", serve_urgent, client_urgent, true},
    {"option_zero_copy", NULL, client_zero_copy, false},
    {"process_footprint", serve_footprint, client_footprint, true},
    {NULL, NULL, NULL, false},
};
