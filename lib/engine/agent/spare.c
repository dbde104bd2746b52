/* SPDX-License-Identifier: MIT */
#include "spare.h"

#include <errno.h>
#include <ev.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "engine/show/log.h"

#define RESERVE (1u << 20)
#define WAIT_NS 10000000L

static _Atomic(void *) reserve;
static bool in_use;

static void pause_a_little(void)
{
    const struct timespec t = {.tv_nsec = WAIT_NS};

    nanosleep(&t, NULL);
}

/* realloc() that does not fail: libev would abort. */
static void *patient(void *p, long size)
{
    void *q, *spare;

    if (size == 0) {
        free(p);
        return NULL;
    }
    while (!(q = realloc(p, (size_t)size))) {
        spare = atomic_exchange(&reserve, NULL);
        if (!spare)
            pause_a_little();
        free(spare);
    }
    return q;
}

/* Called where libev would end the process: a wait or a descriptor failed. libev tries again. */
static void on_failure(const char *what)
{
    mps_log("%s: %s", what, strerror(errno));
    pause_a_little();
}

void mps_spare_init(void)
{
    in_use = true;
    atomic_store(&reserve, malloc(RESERVE));
    ev_set_allocator(patient);
    ev_set_syserr_cb(on_failure);
}

bool mps_spare_is_whole(void)
{
    void *spare, *none = NULL;

    if (!in_use || atomic_load(&reserve))
        return true;
    spare = malloc(RESERVE);
    if (!spare)
        return false;
    /* Somebody else was faster: that is as good. */
    if (!atomic_compare_exchange_strong(&reserve, &none, spare))
        free(spare);
    return true;
}
