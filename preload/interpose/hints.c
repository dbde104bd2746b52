/* SPDX-License-Identifier: MIT */
#include "hints.h"
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK_BITS 8
#define CHUNK_SIZE (1 << CHUNK_BITS)
#define CHUNKS     4096 /* descriptors up to 2^20, the kernel's usual nr_open */

static _Atomic(struct mps_hint *) chunks[CHUNKS];
static atomic_uint forks;
static atomic_bool any_listener;

struct mps_hint *mps_hints_find(int fd)
{
    struct mps_hint *chunk;

    if (fd < 0 || fd >= CHUNKS * CHUNK_SIZE)
        return NULL;
    chunk = atomic_load_explicit(&chunks[fd >> CHUNK_BITS], memory_order_acquire);
    return chunk ? &chunk[fd & (CHUNK_SIZE - 1)] : NULL;
}

struct mps_hint *mps_hints_get(int fd)
{
    const size_t size = CHUNK_SIZE * sizeof(struct mps_hint);
    struct mps_hint *expected = NULL;
    int saved = errno;
    void *fresh;

    if (fd < 0 || fd >= CHUNKS * CHUNK_SIZE)
        return NULL;
    if (!atomic_load_explicit(&chunks[fd >> CHUNK_BITS], memory_order_acquire)) {
        fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED) {
            errno = saved;
            return NULL;
        }
        if (!atomic_compare_exchange_strong(&chunks[fd >> CHUNK_BITS], &expected,
                                            (struct mps_hint *)fresh))
            (void)munmap(fresh, size); /* another thread, or a handler, was first */
    }
    return mps_hints_find(fd);
}

void mps_hints_forget(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    if (!hint)
        return;
    for (int i = 0; i < MPS_HINT_EPOLLS; i++)
        if (atomic_load_explicit(&hint->epolls[i].key, memory_order_relaxed) != 0)
            atomic_store_explicit(&hint->epolls[i].key, 0, memory_order_relaxed);
    if (atomic_load_explicit(&hint->overflow, memory_order_relaxed))
        atomic_store_explicit(&hint->overflow, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->shared, memory_order_relaxed))
        atomic_store_explicit(&hint->shared, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->fixed, memory_order_relaxed))
        atomic_store_explicit(&hint->fixed, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->tcp, memory_order_relaxed))
        atomic_store_explicit(&hint->tcp, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->fast_open, memory_order_relaxed))
        atomic_store_explicit(&hint->fast_open, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->ours, memory_order_relaxed))
        atomic_store_explicit(&hint->ours, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->plain, memory_order_relaxed) != 0)
        atomic_store_explicit(&hint->plain, 0, memory_order_relaxed);
    if (atomic_load_explicit(&hint->listener, memory_order_relaxed) != 0)
        atomic_store_explicit(&hint->listener, 0, memory_order_relaxed);
    if (atomic_load_explicit(&hint->marking, memory_order_relaxed) != 0)
        atomic_store_explicit(&hint->marking, 0, memory_order_relaxed);
    if (atomic_load_explicit(&hint->lent, memory_order_relaxed))
        atomic_store_explicit(&hint->lent, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->filtered, memory_order_relaxed))
        atomic_store_explicit(&hint->filtered, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->own_reuseport, memory_order_relaxed))
        atomic_store_explicit(&hint->own_reuseport, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->own_save_syn, memory_order_relaxed))
        atomic_store_explicit(&hint->own_save_syn, false, memory_order_relaxed);
    if (atomic_load_explicit(&hint->state, memory_order_relaxed) != MPS_HINT_NONE)
        atomic_store_explicit(&hint->state, MPS_HINT_NONE, memory_order_release);
}

static int next_fd(unsigned first, bool (*is)(int fd))
{
    for (unsigned fd = first; fd < CHUNKS * CHUNK_SIZE; fd++) {
        if (!atomic_load_explicit(&chunks[fd >> CHUNK_BITS], memory_order_acquire))
            fd |= CHUNK_SIZE - 1;
        else if (is((int)fd))
            return (int)fd;
    }
    return -1;
}

int mps_hints_next_pending(unsigned first)
{
    return next_fd(first, mps_hints_pending);
}

static bool has_marking(int fd)
{
    return atomic_load_explicit(&mps_hints_find(fd)->marking, memory_order_relaxed) != 0;
}

int mps_hints_next_marking(unsigned first)
{
    return next_fd(first, has_marking);
}

void mps_hints_ours_set(int fd, bool ours)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->ours, ours, memory_order_relaxed);
}

void mps_hints_fixed_set(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->fixed, true, memory_order_relaxed);
}

bool mps_hints_is_fixed(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    return hint && atomic_load_explicit(&hint->fixed, memory_order_relaxed);
}

void mps_hints_tcp_set(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->tcp, true, memory_order_relaxed);
}

static struct mps_hint_epoll *epoll_find(struct mps_hint *hint, int key)
{
    for (int i = 0; i < MPS_HINT_EPOLLS; i++)
        if (atomic_load_explicit(&hint->epolls[i].key, memory_order_acquire) == key)
            return &hint->epolls[i];
    return NULL;
}

/* A free entry, reserved for key; NULL if there is none. */
static struct mps_hint_epoll *epoll_take(struct mps_hint *hint, int key)
{
    for (int i = 0; i < MPS_HINT_EPOLLS; i++) {
        int expected = 0;

        if (atomic_compare_exchange_strong(&hint->epolls[i].key, &expected, key))
            return &hint->epolls[i];
    }
    return NULL;
}

void mps_hints_epoll_set(int epfd, int fd, const struct epoll_event *event)
{
    struct mps_hint *hint = mps_hints_get(fd);
    struct mps_hint_epoll *entry;

    if (!hint)
        return;
    entry = epoll_find(hint, epfd + 1);
    if (!entry)
        entry = epoll_take(hint, epfd + 1);
    if (!entry) {
        atomic_store_explicit(&hint->overflow, true, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&entry->events, event->events, memory_order_relaxed);
    atomic_store_explicit(&entry->data, event->data.u64, memory_order_relaxed);
}

void mps_hints_epoll_unset(int epfd, int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);
    struct mps_hint_epoll *entry = hint ? epoll_find(hint, epfd + 1) : NULL;

    if (entry)
        atomic_store_explicit(&entry->key, 0, memory_order_release);
}

void mps_hints_listener_set(int fd, bool own_reuseport)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (!hint)
        return;
    atomic_store_explicit(&any_listener, true, memory_order_relaxed);
    atomic_store_explicit(&hint->listener, (int)syscall(SYS_getpid), memory_order_relaxed);
    atomic_store_explicit(&hint->own_reuseport, own_reuseport, memory_order_relaxed);
    atomic_store_explicit(&hint->own_save_syn, true, memory_order_relaxed);
}

void mps_hints_accepted(int listener, int conn)
{
    struct mps_hint *from = mps_hints_find(listener), *to;

    mps_hints_forget(conn);
    if (!from || !atomic_load_explicit(&from->own_save_syn, memory_order_relaxed))
        return;
    to = mps_hints_get(conn);
    if (!to)
        return;
    atomic_store_explicit(&to->own_save_syn, true, memory_order_relaxed);
    atomic_store_explicit(&to->own_reuseport,
                          atomic_load_explicit(&from->own_reuseport, memory_order_relaxed),
                          memory_order_relaxed);
}

bool mps_hints_any_listener(void)
{
    return atomic_load_explicit(&any_listener, memory_order_relaxed);
}

bool mps_hints_is_own_listener(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);
    int owner = hint ? atomic_load_explicit(&hint->listener, memory_order_relaxed) : 0;

    return owner != 0 && owner == (int)syscall(SYS_getpid);
}

unsigned mps_hints_forks(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

void mps_hints_count_fork(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}
