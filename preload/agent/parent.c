/* SPDX-License-Identifier: MIT */
#include "parent.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "handover/message.h"

#define LIBRARY "libmptcpshim_preload"
#define PIECE   16384

/* Is the text in that file of the process? Not if it cannot be read. */
static bool shows(pid_t pid, const char *file, const char *text)
{
    static char buf[PIECE];
    size_t len = strlen(text), have = 0;
    bool found = false;
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (!found && (n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
        have += (size_t)n;
        found = memmem(buf, have, text, len) != NULL;
        /* Bytes that may be the beginning of the text stay. */
        if (have >= len) {
            memmove(buf, buf + have - (len - 1), len - 1);
            have = len - 1;
        }
    }
    close(fd);
    return found;
}

bool mps_parent_is_of_tree(const char *agent_id)
{
    char word[64];
    pid_t parent = getppid();

    snprintf(word, sizeof(word), MPS_ENV_AGENT "=%s:", agent_id);
    return parent > 0 && shows(parent, "environ", word) && shows(parent, "maps", LIBRARY);
}
