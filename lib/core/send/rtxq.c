/* SPDX-License-Identifier: MIT */
#include "rtxq.h"
#include <string.h>
#include "core/base/err.h"
#include "core/base/slot.h"

#define RECYCLED_MAX 64
#define NO_SLOT      0xff

#define run_of(n, member) mps_list_entry(n, struct mps_run, member)

void mps_rtxq_init(struct mps_rtxq *q, const struct mps_mem *mem)
{
    *q = (struct mps_rtxq){.mem = mem};
    mps_list_init(&q->runs);
    mps_list_init(&q->waiting);
    mps_list_init(&q->recycled);
}

static void free_run(struct mps_rtxq *q, struct mps_run *run)
{
    if (run == &q->spare)
        q->spare_taken = false;
    else
        mps_free(q->mem, run);
}

static void free_all(struct mps_rtxq *q, struct mps_list *list)
{
    struct mps_run *run, *tmp;

    mps_list_for_each_safe(run, tmp, list, struct mps_run, node)
        free_run(q, run);
    mps_list_init(list);
}

void mps_rtxq_deinit(struct mps_rtxq *q)
{
    free_all(q, &q->runs);
    free_all(q, &q->recycled);
    mps_rtxq_init(q, q->mem);
}

static struct mps_run *take_run(struct mps_rtxq *q)
{
    struct mps_run *run;

    if (mps_list_empty(&q->recycled)) {
        run = mps_alloc(q->mem, sizeof(*run));
        if (run || q->spare_taken)
            return run;
        q->spare_taken = true;
        return &q->spare;
    }
    run = run_of(q->recycled.next, node);
    mps_list_remove(&run->node);
    q->n_recycled--;
    return run;
}

static void give_run(struct mps_rtxq *q, struct mps_run *run)
{
    if (q->n_recycled == RECYCLED_MAX || run == &q->spare) {
        free_run(q, run);
        return;
    }
    mps_list_push_back(&q->recycled, &run->node);
    q->n_recycled++;
}

static void unqueue(struct mps_run *run)
{
    mps_list_remove(&run->waiting);
    run->queued = false;
}

/* `pos` is the first waiting run behind this one, or the list's head. */
static void queue_before(struct mps_list *pos, struct mps_run *run, enum mps_cause cause)
{
    mps_list_insert_before(pos, &run->waiting);
    run->queued = true;
    run->cause = (uint8_t)cause;
}

static void add_carrier(struct mps_rtxq *q, struct mps_run *run, unsigned slot, mps_time_t now)
{
    if (!(run->carriers & mps_slot_bit(slot)))
        q->outstanding[slot] += mps_run_end(run) - run->dsn;
    if (run->times_sent == 0 && run->queued)
        q->aside -= run->len; /* its first way */
    run->carriers |= mps_slot_bit(slot);
    run->last_slot = (uint8_t)slot;
    run->last_sent = now;
    run->times_sent++;
}

static void remove_carrier(struct mps_rtxq *q, struct mps_run *run, unsigned slot)
{
    if (!(run->carriers & mps_slot_bit(slot)))
        return;
    q->outstanding[slot] -= mps_run_end(run) - run->dsn;
    run->carriers &= ~mps_slot_bit(slot);
    /* The slot's next user has nothing to do with these times. */
    if (run->first_slot == slot)
        run->first_slot = NO_SLOT;
    if (run->last_slot == slot)
        run->last_slot = NO_SLOT;
}

/* At the tail, without carrier. */
static int append(struct mps_rtxq *q, uint64_t dsn, uint32_t len, bool fin,
                  struct mps_run **ret_run)
{
    struct mps_run *run;

    if (dsn != q->tail || (!len && !fin) || q->fin || len >= UINT64_MAX - dsn)
        return MPS_EINVAL;
    run = take_run(q);
    if (!run)
        return MPS_ENOMEM;
    *run = (struct mps_run){
        .dsn = dsn, .len = len, .fin = fin, .first_slot = NO_SLOT, .last_slot = NO_SLOT};
    mps_list_init(&run->waiting);
    mps_list_push_back(&q->runs, &run->node);
    q->tail = mps_run_end(run);
    q->fin = fin;
    q->n_runs++;
    *ret_run = run;
    return 0;
}

int mps_rtxq_add(struct mps_rtxq *q, uint64_t dsn, uint32_t len, bool fin, unsigned slot,
                 mps_time_t now, struct mps_run **ret_run)
{
    struct mps_run *run;
    int rc = slot < MPS_RTXQ_SLOTS ? append(q, dsn, len, fin, &run) : MPS_EINVAL;

    if (rc < 0)
        return rc;
    run->first_slot = (uint8_t)slot;
    add_carrier(q, run, slot, now);
    if (ret_run)
        *ret_run = run;
    return 0;
}

int mps_rtxq_set_aside(struct mps_rtxq *q, uint64_t dsn, uint32_t len)
{
    struct mps_run *run;
    int rc = append(q, dsn, len, false, &run);

    if (rc < 0)
        return rc;
    queue_before(&q->waiting, run, MPS_CAUSE_NEW);
    q->aside += len;
    return 0;
}

uint64_t mps_rtxq_ack(struct mps_rtxq *q, uint64_t data_ack)
{
    uint64_t before = q->head;
    struct mps_run *run;

    while ((run = mps_rtxq_first(q)) && mps_run_end(run) <= data_ack) {
        /* Only the bits that are set: most runs have one carrier. */
        for (uint32_t left = run->carriers; left; left &= left - 1)
            remove_carrier(q, run, (unsigned)__builtin_ctz(left));
        if (run->times_sent == 0)
            q->aside -= run->len;
        if (run->queued)
            unqueue(run);
        q->head = mps_run_end(run);
        q->n_runs--;
        mps_list_remove(&run->node);
        give_run(q, run);
    }
    if (!q->n_runs) {
        free_all(q, &q->recycled);
        q->n_recycled = 0;
    }
    return q->head - before;
}

/*
 * Queue, in one walk, the runs whose carriers are all in `mask`. Both lists are in DSN order, so
 * the place in the waiting list moves along.
 */
static void queue_carried_within(struct mps_rtxq *q, uint32_t mask, enum mps_cause cause)
{
    struct mps_list *pos = q->waiting.next;
    struct mps_run *run;

    mps_list_for_each(run, &q->runs, struct mps_run, node) {
        if (run->queued)
            pos = run->waiting.next;
        else if (!(run->carriers & ~mask))
            queue_before(pos, run, cause);
    }
}

void mps_rtxq_slot_lost(struct mps_rtxq *q, unsigned slot)
{
    struct mps_run *run;

    if (slot >= MPS_RTXQ_SLOTS || !q->outstanding[slot])
        return;
    mps_list_for_each(run, &q->runs, struct mps_run, node)
        remove_carrier(q, run, slot);
    queue_carried_within(q, 0, MPS_CAUSE_LOST);
}

void mps_rtxq_slots_stale(struct mps_rtxq *q, uint32_t stale_mask)
{
    queue_carried_within(q, stale_mask, MPS_CAUSE_STALE);
}

void mps_rtxq_slots_recovered(struct mps_rtxq *q, uint32_t mask)
{
    struct mps_run *run, *tmp;

    mps_list_for_each_safe(run, tmp, &q->waiting, struct mps_run, waiting) {
        if (run->carriers & mask)
            unqueue(run);
    }
}

void mps_rtxq_requeue(struct mps_rtxq *q, struct mps_run *run)
{
    struct mps_list *up = q->waiting.next;   /* candidate to be the first one behind */
    struct mps_list *down = q->waiting.prev; /* candidate to be the last one before */

    if (run->queued)
        return;
    /* From both ends at once: head of line and tail are the usual cases. */
    for (;;) {
        if (up == &q->waiting || run_of(up, waiting)->dsn > run->dsn) {
            queue_before(up, run, MPS_CAUSE_REPAIR);
            return;
        }
        if (down == &q->waiting || run_of(down, waiting)->dsn < run->dsn) {
            queue_before(down->next, run, MPS_CAUSE_REPAIR);
            return;
        }
        up = up->next;
        down = down->prev;
    }
}

struct mps_run *mps_rtxq_next_reinject(const struct mps_rtxq *q)
{
    return mps_list_empty(&q->waiting) ? NULL : run_of(q->waiting.next, waiting);
}

void mps_rtxq_sent_again(struct mps_rtxq *q, struct mps_run *run, unsigned slot, mps_time_t now)
{
    if (slot >= MPS_RTXQ_SLOTS)
        return;
    add_carrier(q, run, slot, now);
    if (run->queued)
        unqueue(run);
}

uint64_t mps_rtxq_tail(const struct mps_rtxq *q)
{
    return q->tail;
}

uint32_t mps_rtxq_count(const struct mps_rtxq *q)
{
    return q->n_runs;
}

struct mps_run *mps_rtxq_first(const struct mps_rtxq *q)
{
    return mps_list_empty(&q->runs) ? NULL : run_of(q->runs.next, node);
}

struct mps_run *mps_rtxq_last(const struct mps_rtxq *q)
{
    return mps_list_empty(&q->runs) ? NULL : run_of(q->runs.prev, node);
}

struct mps_run *mps_rtxq_next(const struct mps_rtxq *q, const struct mps_run *run)
{
    return run->node.next == &q->runs ? NULL : run_of(run->node.next, node);
}

uint64_t mps_rtxq_outstanding(const struct mps_rtxq *q, unsigned slot)
{
    return slot < MPS_RTXQ_SLOTS ? q->outstanding[slot] : 0;
}

uint64_t mps_rtxq_aside(const struct mps_rtxq *q)
{
    return q->aside;
}

/* ---- invariants ---- */

/* What the runs add up to. */
struct sums {
    uint64_t outstanding[MPS_RTXQ_SLOTS], aside;
    uint32_t n_runs;
    bool spare;
};

static const char *check_run(const struct mps_rtxq *q, const struct mps_run *run,
                             const struct mps_run *before)
{
    if (run->dsn != (before ? mps_run_end(before) : q->head))
        return "rtxq: a run does not begin where the one before it ends";
    if (run->len == 0 && !run->fin)
        return "rtxq: an empty run";
    if (before && before->fin)
        return "rtxq: a run behind DATA_FIN";
    if (run->times_sent == 0 && (run->carriers || !run->queued))
        return "rtxq: a run that was never sent has a carrier or does not wait";
    return NULL;
}

static void add_up(const struct mps_rtxq *q, const struct mps_run *run, struct sums *sums)
{
    for (uint32_t left = run->carriers; left; left &= left - 1)
        sums->outstanding[__builtin_ctz(left)] += mps_run_end(run) - run->dsn;
    if (run->times_sent == 0)
        sums->aside += run->len;
    sums->spare |= run == &q->spare;
    sums->n_runs++;
}

/* Both lists are in DSN order: each run that is queued is the next one of those that wait. */
static const char *check_runs(const struct mps_rtxq *q, struct sums *sums)
{
    const struct mps_list *waiting = q->waiting.next;
    const struct mps_run *run, *before = NULL;

    mps_list_for_each(run, &q->runs, const struct mps_run, node) {
        const char *broken = check_run(q, run, before);

        if (broken)
            return broken;
        if (run->queued) {
            if (waiting != &run->waiting)
                return "rtxq: what waits is not in DSN order, or not all that is queued";
            waiting = waiting->next;
        }
        add_up(q, run, sums);
        before = run;
    }
    if (waiting != &q->waiting)
        return "rtxq: a run waits that is not queued";
    if (q->tail != (before ? mps_run_end(before) : q->head))
        return "rtxq: the tail is not behind the last run";
    return before && before->fin && !q->fin ? "rtxq: DATA_FIN is not known" : NULL;
}

const char *mps_rtxq_check(const struct mps_rtxq *q)
{
    struct sums sums = {.n_runs = 0};
    const char *broken = check_runs(q, &sums);

    if (broken)
        return broken;
    if (sums.n_runs != q->n_runs || q->n_recycled > RECYCLED_MAX)
        return "rtxq: the number of runs is wrong";
    if (memcmp(sums.outstanding, q->outstanding, sizeof(sums.outstanding)) != 0)
        return "rtxq: the bytes outstanding on a slot are not those of its runs";
    if (sums.aside != q->aside)
        return "rtxq: the bytes set aside are not those of the runs never sent";
    return sums.spare == q->spare_taken ? NULL : "rtxq: the spare run is lost";
}
