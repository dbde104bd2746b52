/* SPDX-License-Identifier: MIT */
#include "marking.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "handover/marks.h"
#include "handover/sys.h"
#include "doubt.h"
#include "preload.h"
#include "tally.h"

#define LIBRARY "libmptcpshim_preload"

static _Atomic uint32_t nobody_passes;
_Atomic uint32_t *mps_marking_passed = &nobody_passes;

/* The first word of core/wire/opening.h's magic. */
#define MAGIC_WORD 0xf54d5053u

/* The prefix of an empty PADDING frame, which follows HELLO in a segment of its own. */
#define PADDING_WORD 0x80000010u
#define PADDING_CRC  0x370b453du

/*
 * The filter looks at a TCP segment from its header on. It drops a segment whose data begin with
 * the magic, and the padding behind it: if the padding were acknowledged while HELLO is not, the
 * client would see the work of a box (core/conn/answer.h), and not wait until accept() lets HELLO
 * through.
 */
static const struct sock_filter filter_code[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12),
    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
    BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
    BPF_STMT(BPF_MISC | BPF_TAX, 0),
    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
    BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 4, 0, 8),
    BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC_WORD, 7, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PADDING_WORD, 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
    BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 8, 0, 2),
    BPF_STMT(BPF_LD | BPF_W | BPF_IND, 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PADDING_CRC, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

#define FILTER_LEN (sizeof(filter_code) / sizeof(filter_code[0]))

static int state_of(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    return hint ? atomic_load_explicit(&hint->marking, memory_order_relaxed) : MPS_MARKING_NONE;
}

static void set_state(int fd, enum mps_marking state)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->marking, state, memory_order_relaxed);
}

static void set_filtered(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->filtered, true, memory_order_relaxed);
}

/* False if there is one of the program's own, or the kernel has none. */
static bool attach_filter(int fd)
{
    struct sock_fprog prog = {.len = FILTER_LEN, .filter = (struct sock_filter *)filter_code};
    socklen_t n = 0;

    return mps_sys_getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n) == 0 && n == 0 &&
           mps_sys_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) == 0;
}

/* Is the filter one of the preload, of whatever program? */
static bool has_filter(int fd)
{
    struct sock_filter code[FILTER_LEN];
    socklen_t n = FILTER_LEN; /* instructions, not bytes */
    bool same = mps_sys_getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &n) == 0 && n == FILTER_LEN;

    for (size_t i = 0; same && i < FILTER_LEN; i++)
        same = code[i].code == filter_code[i].code && code[i].k == filter_code[i].k;
    return same;
}

/* True if it had one of ours. */
static bool unfilter(int fd)
{
    int none = 0;

    return has_filter(fd) &&
           mps_sys_setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) == 0;
}

void mps_marking_start(void)
{
    if (mps_tally_passed())
        mps_marking_passed = mps_tally_passed();
}

/* asyncore and its kin register a socket with epoll when it is made, and then only wait. */
static bool is_registered(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    for (int i = 0; hint && i < MPS_HINT_EPOLLS; i++) {
        if (atomic_load_explicit(&hint->epolls[i].key, memory_order_relaxed) != 0)
            return true;
    }
    return false;
}

void mps_marking_begin(int fd)
{
    set_state(fd, MPS_MARKING_WAITS);
    if (is_registered(fd))
        mps_marking_doubt(fd);
}

/* Nobody else marks it: the caller has changed the state. */
static bool mark(int fd)
{
    return mps_listen_may_mark(fd) && mps_marks_prepare_listen(fd) >= 0;
}

static void unmark(int fd)
{
    mps_listen_clear(fd);
    (void)unfilter(fd);
}

void mps_marking_leave(int fd)
{
    const int state = state_of(fd);

    if (state == MPS_MARKING_DOUBT || state == MPS_MARKING_DONE)
        unmark(fd);
    set_state(fd, MPS_MARKING_LEFT);
}

void mps_marking_doubt(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);
    int waits = MPS_MARKING_WAITS, saved = errno;

    if (!hint || !atomic_compare_exchange_strong(&hint->marking, &waits, MPS_MARKING_DOUBT))
        return;
    if (mps_listen_is_marked(fd) && !has_filter(fd)) {
        set_state(fd, MPS_MARKING_ACCEPT); /* another process accepts already */
        errno = saved;
        return;
    }
    set_filtered(fd);
    if (!has_filter(fd) && !attach_filter(fd)) {
        set_state(fd, MPS_MARKING_ACCEPT);
    } else if (mark(fd)) {
        mps_doubt_add(fd);
    } else {
        unmark(fd);
        set_state(fd, MPS_MARKING_LEFT);
    }
    errno = saved;
}

/*
 * A process that accepts with the preload takes the filter off first. That process knows what it
 * does then, and this one finds it out at its next accept().
 */
void mps_marking_elsewhere(int fd)
{
    int doubt = MPS_MARKING_DOUBT, saved = errno;
    bool foreign = has_filter(fd);
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint &&
        atomic_compare_exchange_strong(&hint->marking, &doubt,
                                       foreign ? MPS_MARKING_LEFT : MPS_MARKING_ACCEPT) &&
        foreign) {
        unmark(fd);
        mps_tally(MPS_COUNTS_SERVER, MPS_PLAIN_ELSEWHERE);
    }
    errno = saved;
}

/* A process that shares the listener was in doubt, or is, or has passed it on. */
static void end_filter(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->passed, atomic_load(mps_marking_passed), memory_order_relaxed);
    if (unfilter(fd))
        set_filtered(fd);
}

void mps_marking_accepted_one(int listener, int conn)
{
    int saved = errno;

    end_filter(listener);
    if (unfilter(conn))
        set_filtered(listener);
    errno = saved;
}

/* A listener that came with the program or in a message, or no listener at all. */
static void adopt(int fd)
{
    if (mps_listen_is_marked(fd)) {
        set_filtered(fd);
        end_filter(fd);
        set_state(fd, MPS_MARKING_DONE);
    } else if (mps_listen_announce(fd) && mark(fd)) {
        set_state(fd, MPS_MARKING_DONE);
    } else {
        set_state(fd, MPS_MARKING_LEFT);
    }
}

static bool was_passed(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    return hint && atomic_load_explicit(&hint->passed, memory_order_relaxed) !=
                       atomic_load_explicit(mps_marking_passed, memory_order_relaxed);
}

void mps_marking_accept(int fd)
{
    int saved = errno;

    switch (state_of(fd)) {
    case MPS_MARKING_NONE:
        adopt(fd);
        break;
    case MPS_MARKING_WAITS:
    case MPS_MARKING_ACCEPT:
        end_filter(fd);
        set_state(fd, mark(fd) ? MPS_MARKING_DONE : MPS_MARKING_LEFT);
        break;
    case MPS_MARKING_DOUBT:
        end_filter(fd);
        set_state(fd, MPS_MARKING_DONE);
        break;
    case MPS_MARKING_DONE:
        if (was_passed(fd))
            end_filter(fd);
        break;
    default:
        break;
    }
    errno = saved;
}

void mps_marking_duplicated(int from, int to)
{
    int state = state_of(from), saved = errno;

    if (state == MPS_MARKING_NONE || state == MPS_MARKING_LEFT)
        return;
    if (state == MPS_MARKING_DOUBT || state == MPS_MARKING_DONE) {
        set_filtered(to);
        unmark(from);
    }
    set_state(from, MPS_MARKING_ACCEPT);
    set_state(to, MPS_MARKING_ACCEPT);
    errno = saved;
}

/* The filter is on fd: until accept() is called here. */
static void doubt_again(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);
    int done = MPS_MARKING_DONE;

    set_filtered(fd);
    if (hint && atomic_compare_exchange_strong(&hint->marking, &done, MPS_MARKING_DOUBT))
        mps_doubt_add(fd);
}

void mps_marking_look(void)
{
    int saved = errno;

    for (int fd = mps_hints_next_marking(0); fd >= 0; fd = mps_hints_next_marking((unsigned)fd + 1))
        if (state_of(fd) == MPS_MARKING_DONE && has_filter(fd))
            doubt_again(fd);
    errno = saved;
}

static bool loads_preload(char *const env[])
{
    bool library = false, agent = false;

    for (; env && *env; env++) {
        library = library || (strncmp(*env, "LD_PRELOAD=", 11) == 0 && strstr(*env, LIBRARY));
        agent = agent || strncmp(*env, MPS_ENV_AGENT "=", sizeof(MPS_ENV_AGENT)) == 0;
    }
    return library && agent;
}

/* Unlike in mps_marking_doubt() others may have accepted: they learn of it by the number. */
void mps_marking_pass(char *const env[], bool all)
{
    _Atomic uint32_t *passed = mps_tally_passed();
    int saved = errno;
    bool some = false;

    if (!mps_hints_any_listener() || !passed || loads_preload(env))
        return;
    for (int fd = mps_hints_next_marking(0); fd >= 0;
         fd = mps_hints_next_marking((unsigned)fd + 1)) {
        const int flags = mps_sys_fcntl(fd, F_GETFD, 0);

        if (flags < 0 || (flags & FD_CLOEXEC && !all) || !mps_listen_is_marked(fd) ||
            has_filter(fd) || !attach_filter(fd))
            continue;
        doubt_again(fd);
        some = true;
    }
    if (some)
        atomic_fetch_add(passed, 1);
    errno = saved;
}
