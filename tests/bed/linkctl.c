/* SPDX-License-Identifier: MIT */
/* linkctl CONTROL-SOCKET COMMAND...: one command for the link emulator; see control.h. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char command[512] = "", reply[8192];
    size_t at = 0;
    ssize_t len;
    int fd;

    if (argc < 3 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        fprintf(stderr, "usage: linkctl CONTROL COMMAND...\n");
        return 2;
    }
    for (int i = 2; i < argc && at < sizeof(command); i++)
        at += (size_t)snprintf(command + at, sizeof(command) - at, "%s ", argv[i]);
    if (at >= sizeof(command))
        return 2;
    strcpy(address.sun_path, argv[1]);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        send(fd, command, at, MSG_NOSIGNAL) < 0) {
        perror("linkctl");
        return 1;
    }
    len = recv(fd, reply, sizeof(reply) - 1, 0);
    if (len <= 0) {
        fprintf(stderr, "linkctl: no reply\n");
        return 1;
    }
    reply[len] = '\0';
    if (strncmp(reply, "error", 5) == 0) {
        fputs(reply, stderr);
        return 1;
    }
    if (strcmp(reply, "ok\n") != 0)
        fputs(reply, stdout);
    return 0;
}
