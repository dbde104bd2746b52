/* SPDX-License-Identifier: MIT */
#include "counts.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include "digits.h"
#include "sys.h"

#define MAGIC 0x4d505043u

/* One page, whatever the word size of who attaches. */
_Static_assert(sizeof(struct mps_counts) <= 4096, "more than a page");

static const char *const words[MPS_PLAIN_REASONS] = {
    [MPS_PLAIN_NONE] = "none",
    [MPS_PLAIN_PEER_UNMARKED] = "peer-unmarked",
    [MPS_PLAIN_RECENT] = "recently-plain",
    [MPS_PLAIN_LOOPBACK] = "loopback",
    [MPS_PLAIN_LINK_LOCAL] = "link-local",
    [MPS_PLAIN_NAMESPACE] = "namespace",
    [MPS_PLAIN_LEFT_ALONE] = "leave-alone",
    [MPS_PLAIN_OPTION] = "program-option",
    [MPS_PLAIN_SHARED] = "shared",
    [MPS_PLAIN_USED_EARLY] = "used-early",
    [MPS_PLAIN_NO_AGENT] = "no-agent",
    [MPS_PLAIN_AGENT_REFUSED] = "agent-refused",
    [MPS_PLAIN_KNOWN] = "known-plain",
    [MPS_PLAIN_LISTENER] = "listener-unmarked",
    [MPS_PLAIN_ELSEWHERE] = "accepted-elsewhere",
    [MPS_PLAIN_NO_ANSWER] = "no-answer",
    [MPS_PLAIN_NO_HELLO] = "no-hello",
    [MPS_PLAIN_PEER_REFUSED] = "peer-refused",
    [MPS_PLAIN_OTHER] = "other",
};

const char *mps_plain_reason_word(enum mps_plain_reason reason)
{
    return reason < MPS_PLAIN_REASONS ? words[reason] : words[MPS_PLAIN_OTHER];
}

#if defined(SYS_shmget) && defined(SYS_shmat) && defined(SYS_shmctl) && defined(SYS_shmdt)
static void *attach(int id)
{
    void *p = (void *)syscall(SYS_shmat, id, NULL, 0); /* -1: failed */

    return p == (void *)-1 ? NULL : p;
}

static int number_of(const char *text)
{
    return text ? (int)mps_decimal_value(text, INT32_MAX) : -1;
}

int mps_counts_create(const char *agent_id)
{
    int saved = errno;
    int id = (int)syscall(SYS_shmget, IPC_PRIVATE, sizeof(struct mps_counts), IPC_CREAT | 0600);
    struct mps_counts *counts = id >= 0 ? attach(id) : NULL;

    if (counts) {
        counts->magic = MAGIC;
        counts->size = sizeof(*counts);
        memcpy(counts->agent_id, agent_id, MPS_HO_ID_LEN);
        (void)syscall(SYS_shmdt, counts);
    } else if (id >= 0) {
        (void)syscall(SYS_shmctl, id, IPC_RMID, NULL);
        id = -1;
    }
    errno = saved;
    return id;
}

/* The kernel gives whole pages, so that even a segment of somebody else can be looked at. */
struct mps_counts *mps_counts_attach(const char *number, const char *agent_id)
{
    int saved = errno, id = number_of(number);
    struct mps_counts *counts = id >= 0 ? attach(id) : NULL;

    if (counts && (counts->magic != MAGIC || counts->size != sizeof(*counts) ||
                   memcmp(counts->agent_id, agent_id, MPS_HO_ID_LEN) != 0)) {
        (void)syscall(SYS_shmdt, counts);
        counts = NULL;
    }
    errno = saved;
    return counts;
}

void mps_counts_remove(const char *number)
{
    int saved = errno, id = number_of(number);

    if (id >= 0)
        (void)syscall(SYS_shmctl, id, IPC_RMID, NULL);
    errno = saved;
}
#else
/* An architecture that has them behind one call only: nothing is counted. */
int mps_counts_create(const char *agent_id)
{
    return -1;
}

struct mps_counts *mps_counts_attach(const char *number, const char *agent_id)
{
    return NULL;
}

void mps_counts_remove(const char *number)
{
}
#endif
