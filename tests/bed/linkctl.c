/* SPDX-License-Identifier: MIT */
/*
 * linkctl CONTROL-SOCKET [--every SECONDS] COMMAND...: one command for the link emulator; see
 * control.h. With --every again and again until killed, each reply behind the monotonic time.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static bool ask(const char *control, const char *command, char *reply, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ssize_t len = -1;

    strcpy(address.sun_path, control);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        send(fd, command, strlen(command), MSG_NOSIGNAL) < 0) {
        perror("linkctl");
    } else {
        len = recv(fd, reply, size - 1, 0);
        if (len <= 0)
            fprintf(stderr, "linkctl: no reply\n");
    }
    if (fd >= 0)
        close(fd);
    if (len <= 0)
        return false;
    reply[len] = '\0';
    if (strncmp(reply, "error", 5) != 0)
        return true;
    fputs(reply, stderr);
    return false;
}

/* One process for a whole series: a new one for each sample would disturb what is measured. */
static int ask_every(const char *control, const char *command, double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds}, now;
    char reply[8192];

    pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
    while (ask(control, command, reply, sizeof(reply))) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        printf("%lld.%06ld %s", (long long)now.tv_sec, now.tv_nsec / 1000, reply);
        if (fflush(stdout) != 0 || nanosleep(&pause, NULL) < 0)
            return 1;
    }
    return 1;
}

int main(int argc, char **argv)
{
    char command[512] = "", reply[8192], *end = NULL;
    double every = 0;
    size_t at = 0;
    int first = 2;

    if (argc > 4 && strcmp(argv[2], "--every") == 0) {
        every = strtod(argv[3], &end);
        first = 4;
    }
    if (argc < 3 || strlen(argv[1]) >= sizeof(((struct sockaddr_un *)0)->sun_path) ||
        (end && (*end || !(every >= 0.001) || every > 3600))) {
        fprintf(stderr, "usage: linkctl CONTROL [--every SECONDS] COMMAND...\n");
        return 2;
    }
    for (int i = first; i < argc && at < sizeof(command); i++)
        at += (size_t)snprintf(command + at, sizeof(command) - at, "%s ", argv[i]);
    if (at >= sizeof(command))
        return 2;
    if (every > 0)
        return ask_every(argv[1], command, every);
    if (!ask(argv[1], command, reply, sizeof(reply)))
        return 1;
    if (strcmp(reply, "ok\n") != 0)
        fputs(reply, stdout);
    return 0;
}
