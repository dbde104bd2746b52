/* SPDX-License-Identifier: MIT */
/* A program that is built with AddressSanitizer. With an argument it makes an error. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    volatile char *heap = malloc(4);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)argv;
    if (!heap || fd < 0)
        return 1;
    heap[argc > 1 ? 4 : 0] = 1;
    free((char *)heap);
    return close(fd);
}
