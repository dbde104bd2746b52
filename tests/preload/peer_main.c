/* SPDX-License-Identifier: MIT */
#include "peer.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int serve(const struct scenario *scenario, int listener)
{
    if (scenario->server) {
        scenario->server(listener);
    } else {
        int fd = peer_accept(listener);

        echo(fd);
        close(fd);
    }
    return 0;
}

/* Wait for nobody: from now on connections can be ours. */
static void ready(int listener)
{
    struct pollfd pfd = {.fd = listener, .events = POLLIN};

    need(poll(&pfd, 1, 0) >= 0);
}

/* A server that was given its listener as number 3, and a connection to tell its port. */
static int activated(int over)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    int fd;

    need(getsockname(3, (struct sockaddr *)&sin, &len) == 0);
    ready(3);
    need(write(over, &sin.sin_port, 2) == 2);
    say("listener %s %s", getenv("LISTEN_FDS"), getenv("LISTEN_PID") ? "pid" : "none");
    fd = peer_accept(3);
    echo(fd);
    close(fd);
    return 0;
}

/* A connection that comes by SCM_RIGHTS over number 3. */
static int receiver(void)
{
    int fd = peer_take(3);

    echo(fd);
    close(fd);
    return 0;
}

/* usage: peer server NAME  (inherits the listener's port on stdout)  |  peer client NAME PORT
 *  |  peer reused WAY PORT  |  peer activated FD  |  peer receiver  |  peer names FD PORT PORT */
int main(int argc, char **argv)
{
    const struct scenario *scenario = argc > 2 ? scenario_find(argv[2]) : NULL;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int on = 1, listener;

    alarm(30);
    if (argc == 3 && strcmp(argv[1], "activated") == 0)
        return activated(atoi(argv[2]));
    if (argc == 4 && strcmp(argv[1], "reused") == 0)
        return scenario_reused(argv[2], atoi(argv[3]));
    if (argc == 5 && strcmp(argv[1], "names") == 0)
        return scenario_names_after_exec(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    if (argc == 2 && strcmp(argv[1], "receiver") == 0)
        return receiver();
    if (!scenario)
        return 2;
    if (argc > 3) {
        addr.sin_port = htons((uint16_t)atoi(argv[3]));
        scenario->client(&addr);
        say("client done");
        return 0;
    }
    listener = peer_socket(SOCK_CLOEXEC);
    need(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    need(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
    need(listen(listener, 16) == 0);
    need(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
    if (scenario->swaps)
        ready(listener);
    need(dprintf(STDOUT_FILENO, "%d\n", ntohs(addr.sin_port)) > 0);
    serve(scenario, listener);
    say("server done");
    return 0;
}
