/* SPDX-License-Identifier: MIT */
#include "doubt.h"
#include <errno.h>
#include "handover/sys.h"

atomic_uint mps_doubt_watched, mps_doubt_known;

static struct {
    atomic_int key;   /* descriptor + 1; 0: free */
    atomic_bool seen; /* a connection waited */
} watched[MPS_DOUBT_MAX];

void mps_doubt_add(int fd)
{
    for (unsigned i = 0; i < MPS_DOUBT_MAX; i++) {
        int expected = 0;

        if (!atomic_compare_exchange_strong(&watched[i].key, &expected, fd + 1) &&
            expected != fd + 1)
            continue;
        atomic_store_explicit(&watched[i].seen, false, memory_order_relaxed);
        atomic_fetch_or_explicit(&mps_doubt_watched, 1u << i, memory_order_relaxed);
        return;
    }
}

/* The listener in slot i, -1: there is none. The slot of one that is not in doubt is freed. */
static int listener_in(unsigned i)
{
    const int key = atomic_load_explicit(&watched[i].key, memory_order_relaxed);

    if (key == 0 || mps_marking_is_doubt(key - 1))
        return key - 1;
    atomic_fetch_and_explicit(&mps_doubt_watched, ~(1u << i), memory_order_relaxed);
    atomic_store_explicit(&watched[i].key, 0, memory_order_relaxed);
    return -1;
}

static bool is_waiting(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    int saved = errno;
    bool waiting = mps_sys_poll(&pfd, 1, 0) != 0; /* an error is no empty queue */

    errno = saved;
    return waiting;
}

void mps_doubt_check_all(void)
{
    if (mps_doubt_passed()) {
        atomic_store_explicit(&mps_doubt_known, atomic_load(mps_marking_passed),
                              memory_order_relaxed);
        mps_marking_look();
    }
    for (unsigned i = 0; i < MPS_DOUBT_MAX; i++) {
        int fd = listener_in(i);

        if (fd < 0 || !atomic_load_explicit(&watched[i].seen, memory_order_relaxed) ||
            is_waiting(fd))
            continue;
        atomic_store_explicit(&watched[i].seen, false, memory_order_relaxed);
        mps_marking_elsewhere(fd);
    }
}

static void set_seen(unsigned i)
{
    atomic_store_explicit(&watched[i].seen, true, memory_order_relaxed);
}

void mps_doubt_polled_all(const struct pollfd *fds, nfds_t n)
{
    for (unsigned i = 0; i < MPS_DOUBT_MAX; i++) {
        int fd = listener_in(i);

        for (nfds_t k = 0; fd >= 0 && k < n; k++)
            if (fds[k].fd == fd && fds[k].revents & POLLIN)
                set_seen(i);
    }
}

void mps_doubt_selected_all(int n, const fd_set *readable)
{
    for (unsigned i = 0; i < MPS_DOUBT_MAX; i++) {
        int fd = listener_in(i);

        if (fd >= 0 && fd < n && fd < FD_SETSIZE && FD_ISSET(fd, readable))
            set_seen(i);
    }
}

/* Is fd, as registered, among the events? Others may have the same data. */
static bool may_be_among(int fd, int epfd, const struct epoll_event *events, int n)
{
    struct mps_hint *hint = mps_hints_find(fd);

    for (int i = 0; hint && i < MPS_HINT_EPOLLS; i++) {
        const struct mps_hint_epoll *entry = &hint->epolls[i];
        uint64_t data = atomic_load_explicit(&entry->data, memory_order_relaxed);

        if (atomic_load_explicit(&entry->key, memory_order_relaxed) != epfd + 1)
            continue;
        for (int k = 0; k < n; k++)
            if (events[k].data.u64 == data && events[k].events & EPOLLIN)
                return true;
    }
    return false;
}

void mps_doubt_epolled_all(int epfd, const struct epoll_event *events, int n)
{
    for (unsigned i = 0; i < MPS_DOUBT_MAX; i++) {
        int fd = listener_in(i);

        if (fd >= 0 && may_be_among(fd, epfd, events, n) && is_waiting(fd))
            set_seen(i);
    }
}
