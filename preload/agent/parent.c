/* SPDX-License-Identifier: MIT */
#include "parent.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "handover/message.h"
#include "handover/spawn.h"

#define LIBRARY "libmptcpshim_preload"
#define PIECE   16384

#define PASSING_MS 50

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

static pid_t remembered; /* 0: none */
static bool remembered_answer;

static bool look(const char *agent_id, pid_t parent)
{
    char word[64];

    snprintf(word, sizeof(word), MPS_ENV_AGENT "=%s:", agent_id);
    return parent > 0 && shows(parent, "environ", word) && shows(parent, "maps", LIBRARY);
}

bool mps_parent_is_of_tree(const char *agent_id)
{
    pid_t parent = getppid();

    return parent == remembered ? remembered_answer : look(agent_id, parent);
}

/* Our spawner's child, which ends as soon as it has made us (handover/spawn.c). */
static bool is_passing(pid_t parent)
{
    char path[64], comm[32] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)parent);
    f = fopen(path, "re");
    if (!f)
        return false;
    if (!fgets(comm, sizeof(comm), f))
        comm[0] = '\0';
    fclose(f);
    return strcmp(comm, MPS_HO_AGENT_COMM "\n") == 0;
}

void mps_parent_remember(const char *agent_id)
{
    const struct timespec step = {.tv_nsec = 1000000};
    pid_t parent = getppid();

    for (unsigned i = 0; i < PASSING_MS && is_passing(parent); i++) {
        nanosleep(&step, NULL);
        parent = getppid();
    }
    remembered_answer = look(agent_id, parent);
    remembered = parent;
}
