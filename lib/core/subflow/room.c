/* SPDX-License-Identifier: MIT */
/* How much a subflow's socket should hold unsent: enough for TCP, and no more (late binding). */
#include "room.h"
#include "core/conn/query.h"

#define FRAME_UNKNOWN 16384u         /* while the rate is unknown */
#define FRAME_TIME    (2 * MPS_MSEC) /* of the rate goes into one frame */
#define PACING_MAX    3u             /* times the rate: BBR starts with 2.9 */

uint32_t mps_sf_frame_size(const struct mps_subflow *sf)
{
    uint64_t rate = mps_metrics_rate(&sf->m);
    uint64_t size = rate ? rate / (MPS_SEC / FRAME_TIME) : FRAME_UNKNOWN;

    if (size < MPS_FRAME_MIN)
        return MPS_FRAME_MIN;
    return size > MPS_DSS_MAX_PAYLOAD ? MPS_DSS_MAX_PAYLOAD : (uint32_t)size;
}

/*
 * What a socket must hold. A congestion control that probes for more empties it sooner than the
 * path delivers, and takes what it finds for the path's limit only if the socket never ran dry
 * meanwhile: BBR does not count such a round, and goes on to send almost three times what the path
 * carries. So there the socket holds twice as much as is enough otherwise.
 */
static uint64_t room_for(const struct mps_subflow *sf)
{
    uint64_t rate = mps_metrics_rate(&sf->m), pacing = sf->m.pacing;

    if (rate > 0 && pacing > rate + rate / 2)
        rate = 2 * (pacing / PACING_MAX < rate ? pacing : rate * PACING_MAX);
    return rate ? rate / (MPS_SEC / MPS_ROOM_TIME) : MPS_ROOM_UNKNOWN;
}

void mps_sf_room_update(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_sf_lately *l = &sf->lately;

    if (now - l->at < MPS_ROOM_LATELY)
        return;
    l->before = now - l->at < 2 * MPS_ROOM_LATELY ? l->acked : sf->m.acked;
    l->acked = sf->m.acked;
    l->at = now;
}

/*
 * A few segments that the queue of the local link took at its own speed can make TCP believe in
 * hundreds of times the rate of the path, at the start and after a pause. Bytes that are given to a
 * socket on such a promise have to be waited for. So a socket is trusted with as much as it has
 * delivered lately.
 */
static uint64_t trust(const struct mps_subflow *sf)
{
    return MPS_ROOM_UNKNOWN + (sf->m.acked - sf->lately.before);
}

uint32_t mps_subflow_notsent_limit(const struct mps_subflow *sf)
{
    uint64_t limit = room_for(sf), two = 2 * (uint64_t)mps_sf_frame_size(sf), most = trust(sf);

    if (limit < two)
        limit = two;
    if (limit > most)
        limit = most;
    /* More wakes us less often, but is in the way of what the application writes next. */
    if (limit < MPS_ROOM_MIN && sf->conn->tx.asked_unsent == 0)
        limit = MPS_ROOM_MIN;
    return limit > MPS_ROOM_MAX ? MPS_ROOM_MAX : (uint32_t)limit;
}

uint64_t mps_sf_room(const struct mps_subflow *sf)
{
    /* A transport that measures nothing says by what it takes how much room there is. */
    uint64_t taken = sf->measured ? sf->tx.taken : 0;
    uint64_t used = sf->m.notsent + taken + sf->tx.queued;
    uint64_t limit = mps_subflow_notsent_limit(sf);

    if (sf->tx.n == MPS_SF_FRAMES || used >= limit)
        return 0;
    if (sf->split) {
        uint64_t room = mps_split_room(sf->split, sf->bytes_sent + sf->tx.queued);

        return room < limit - used ? room : limit - used;
    }
    return limit - used;
}

bool mps_subflow_wants_room(const struct mps_subflow *sf)
{
    const struct mps_conn *c = sf->conn;

    if (c->phase > MPS_PH_OPEN || !mps_sf_usable(sf) || mps_sf_room(sf) > 0)
        return false;
    /* A PONG gives room then. */
    if (sf->split && mps_split_room(sf->split, sf->bytes_sent + sf->tx.queued) == 0)
        return false;
    return (mps_conn_unsent(c) > 0 && mps_conn_credit_left(c) > 0) ||
           mps_rtxq_next_reinject(&c->tx.rtxq);
}
