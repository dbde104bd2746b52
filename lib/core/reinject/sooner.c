/* SPDX-License-Identifier: MIT */
#include "sooner.h"
#include "core/base/constants.h"

/*
 * A share of 1/32 of what was sent may be repeated, beyond a first burst. On recorded pairs of
 * links (tests/sim/replay.c, 13 pairs) a share of 1/8 was no gain: 99 of 100 answers of 64 KiB came
 * within 488 ms with both.
 */
#define SHARE_SHIFT 5
#define BURST       131072u

/*
 * Of repairs 1/64, since TCP sends the same bytes again, and what both send takes the place of new
 * data: when three paths with queues of 256 KiB have just overflown them, 4 % of all bytes were
 * repeated. In 5 s from the beginning they carry 0.931 of their sum, with the share above 0.903.
 */
#define REPAIR_SHIFT 6
#define REPAIR_BURST 65536u

/* Beyond twice what was foreseen, for what nobody can foresee. */
#define LATE (50 * MPS_MSEC)

static mps_time_t us(uint32_t us)
{
    return (mps_time_t)us * MPS_USEC;
}

/* Expected time until `len` bytes more would be delivered on it. */
static mps_time_t delivery(const struct mps_sooner_path *path, uint64_t len)
{
    uint64_t bytes = path->backlog + len;
    mps_time_t t = path->rate ? (bytes * 1000000u / path->rate) * MPS_USEC : 0;

    return t + us(path->srtt_us) / 2;
}

static bool carries(const struct mps_sooner_path *path, const struct mps_sooner_run *run)
{
    return run->carriers & UINT32_C(1) << path->slot;
}

/*
 * What a round trip may take longer than it did: four deviations, as in TCP's own timer, and what
 * the bytes that are on their way need at the path's rate, which is ahead of the round trips that
 * were measured.
 */
static mps_time_t doubt(const struct mps_sooner_path *path)
{
    mps_time_t queue = path->rate ? path->in_flight * 1000000u / path->rate * MPS_USEC : 0;

    return 4 * us(path->rttvar_us) + (queue > us(path->srtt_us) ? queue - us(path->srtt_us) : 0);
}

/*
 * Expected time until a run sent `age` ago arrives: the rest of its way; nothing while its DATA_ACK
 * may be on the way back. After that, and when TCP knows of losses, it was lost, and a repair takes
 * another round trip.
 */
static mps_time_t remaining(const struct mps_sooner_path *path, mps_time_t age)
{
    mps_time_t way = delivery(path, 0), answer = way + us(path->srtt_us) / 2 + MPS_ACK_DELAY;

    if (age < way)
        return way - age;
    if (!path->losing)
        answer += doubt(path);
    return age < answer ? 0 : us(path->srtt_us);
}

/* Nothing waits on it, or the run has room besides. Runs may be larger than all the room of a slow
 * path. */
static bool has_place(const struct mps_sooner_path *path, uint32_t len)
{
    return path->room >= len || (path->room > 0 && path->backlog == 0);
}

int mps_sooner_idle(const struct mps_sooner_paths *paths, const struct mps_sooner_run *run)
{
    int best = MPS_SOONER_NONE;

    for (unsigned i = 0; i < paths->n; i++) {
        const struct mps_sooner_path *path = &paths->path[i];

        if (!path->in_turn || carries(path, run) || !has_place(path, run->len) ||
            path->srtt_us == 0)
            continue;
        if (best == MPS_SOONER_NONE ||
            delivery(path, run->len) < delivery(&paths->path[best], run->len))
            best = (int)i;
    }
    return best;
}

bool mps_sooner_arrives(const struct mps_sooner_paths *paths, unsigned i,
                        const struct mps_sooner_run *run)
{
    mps_time_t holder = MPS_NEVER;

    for (unsigned k = 0; k < paths->n; k++) {
        mps_time_t t;

        if (!carries(&paths->path[k], run))
            continue;
        t = remaining(&paths->path[k], paths->now - run->last_sent);
        if (t < holder)
            holder = t;
    }
    return delivery(&paths->path[i], run->len) + MPS_MSEC < holder - holder / 4;
}

/*
 * A path that brings `len` bytes in less than half of the other one's round trip. Without queues:
 * where only these make it long the repetitions would come to more than what they gain.
 */
static bool much_faster_path(const struct mps_sooner_paths *paths,
                             const struct mps_sooner_path *than, uint32_t len)
{
    for (unsigned i = 0; i < paths->n; i++) {
        const struct mps_sooner_path *path = &paths->path[i];

        if (path != than && path->in_turn && path->srtt_us > 0 &&
            delivery(path, len) < us(than->min_rtt_us) / 2)
            return true;
    }
    return false;
}

/* Worth: the longest gap (unlike) is 104 ms, without 134. */
enum mps_sooner_repair mps_sooner_repairs(const struct mps_sooner_paths *paths,
                                          const struct mps_sooner_run *run)
{
    for (unsigned i = 0; i < paths->n; i++) {
        const struct mps_sooner_path *path = &paths->path[i];

        if (run->carriers != UINT32_C(1) << path->slot)
            continue;
        if (!path->losing)
            return MPS_SOONER_LEAVE;
        return paths->now - run->last_sent < us(path->srtt_us) + MPS_ACK_DELAY ||
                       !much_faster_path(paths, path, run->len)
                   ? MPS_SOONER_STOP
                   : MPS_SOONER_REPEAT;
    }
    return MPS_SOONER_LEAVE;
}

/*
 * Twice what was foreseen is what TCP needs to repair a loss; what a path that falls silent has, or
 * one whose rate falls to a tenth, comes later still.
 */
bool mps_sooner_is_late(const struct mps_sooner_paths *paths, const struct mps_sooner_run *run)
{
    mps_time_t age = paths->now - run->last_sent;

    if (run->expected == 0 || age < 2 * run->expected + LATE)
        return false;
    for (unsigned i = 0; i < paths->n; i++) {
        const struct mps_sooner_path *path = &paths->path[i];

        if (path->in_turn && !carries(path, run) && path->srtt_us > 0 &&
            delivery(path, run->len) < age / 2)
            return true;
    }
    return false;
}

int mps_sooner_unexplored(const struct mps_sooner_paths *paths)
{
    for (unsigned i = 0; i < paths->n; i++) {
        const struct mps_sooner_path *path = &paths->path[i];

        if (path->in_turn && path->empty && paths->now >= path->passed_at + MPS_SOONER_EXPLORE)
            return (int)i;
    }
    return MPS_SOONER_NONE;
}

bool mps_sooner_affords(uint64_t sent, uint64_t repeated, uint32_t len)
{
    return repeated + len <= (sent >> SHARE_SHIFT) + BURST;
}

bool mps_sooner_affords_repair(uint64_t sent, uint64_t repaired, uint32_t len)
{
    return repaired + len <= (sent >> REPAIR_SHIFT) + REPAIR_BURST;
}
