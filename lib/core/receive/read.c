/* SPDX-License-Identifier: MIT */
#include "read.h"
#include <string.h>
#include "damage.h"
#include "core/base/err.h"
#include "core/conn/news.h"
#include "core/conn/opening.h"
#include "core/send/control.h"
#include "core/subflow/rx.h"
#include "frames.h"

static bool waited_long(const struct mps_subflow *sf, mps_time_t now)
{
    return sf->rx.starved && now - sf->rx.starved_at >= MPS_LACK_WAIT;
}

static int act_on_frame(struct mps_subflow *sf, const struct mps_frame *f, mps_time_t now)
{
    int r;

    sf->conn->rx.framed = true;
    if (f->skip)
        return 0;
    /* Padding says nothing: it follows HELLO before our answer is there. */
    sf->conn->rx.confirmed = true;
    if (f->type != MPS_FRAME_DSS)
        return mps_frames_ctrl(sf, &f->ctrl, now);
    r = mps_frames_head(sf, f, now);
    if (r == 0 && sf->state != MPS_SF_DEAD && f->dss.payload_len > 0)
        mps_sf_rx_expect_payload(&sf->rx);
    return r;
}

static int take_frame(struct mps_subflow *sf, const struct mps_found *found, mps_time_t now)
{
    int r = act_on_frame(sf, &found->frame, now);

    if (r == MPS_ENOMEM && !waited_long(sf, now)) {
        mps_sf_rx_starve(&sf->rx, found->head_len, now);
        sf->conn->lack_at = now + MPS_LACK_RETRY;
        return 0;
    }
    sf->rx.starved = false;
    if (r != MPS_ENOMEM || found->frame.type != MPS_FRAME_DSS)
        return r; /* a control frame is not repeated: the subflow ends if there is no memory for it */
    /*
     * A payload that finds no place for long is let go, and comes again by the peer's own
     * repetition (core/send/repeat.h): acknowledgments may be behind it that let memory go here
     * (I2).
     */
    mps_sf_rx_expect_payload(&sf->rx);
    return 0;
}

/* The head that is in the buffer could not be checked, for lack of something. */
static int check_later(struct mps_subflow *sf, mps_time_t now)
{
    if (waited_long(sf, now))
        return MPS_ECRYPTO;
    mps_sf_rx_starve(&sf->rx, sf->rx.have, now);
    sf->conn->lack_at = now + MPS_LACK_RETRY;
    return 0;
}

/* `what`: MPS_FOUND_*, or a negative code. */
static int act(struct mps_subflow *sf, int what, const struct mps_found *found, mps_time_t now)
{
    switch (what) {
    case MPS_FOUND_MESSAGE:
        return mps_open_message(sf, &found->message, now);
    case MPS_FOUND_FRAME:
        return take_frame(sf, found, now);
    case MPS_FOUND_PAYLOAD:
        return mps_frames_payload(sf, now);
    default:
        return sf->rx.unchecked ? check_later(sf, now) : what;
    }
}

/* All of it, or up to where memory is missing: *ret_left bytes are left then. */
static int feed(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_left,
                mps_time_t now)
{
    int r = 0;

    while (len > 0 && r == 0 && sf->state != MPS_SF_DEAD && !sf->rx.starved) {
        struct mps_found found;
        size_t used = 0;
        int what = mps_sf_rx_feed(sf, p, len, &used, &found, now);

        r = act(sf, what, &found, now);
        p += used;
        len -= used;
    }
    *ret_left = r == 0 && sf->state != MPS_SF_DEAD ? len : 0;
    return r;
}

/* Takes the bytes that have just been read to the scratch area. */
static int feed_scratch(struct mps_subflow *sf, size_t len, mps_time_t now)
{
    struct mps_rxmem *mem = sf->conn->rxmem;
    size_t left;
    int r = feed(sf, mem->scratch, len, &left, now);

    if (left == 0)
        return r;
    if (mem->holder)
        return MPS_ENOMEM; /* the transport read more than it was to */
    mem->holder = sf;
    mem->held_at = 0;
    mem->held_len = (uint32_t)left;
    memcpy(mem->held, mem->scratch + (len - left), left);
    return 0;
}

/* Takes the bytes that were kept when memory was missing. */
static int feed_held(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_rxmem *mem = sf->conn->rxmem;
    size_t left;
    int r;

    if (sf->rx.starved || mem->holder != sf)
        return 0;
    r = feed(sf, mem->held + mem->held_at, mem->held_len - mem->held_at, &left, now);
    mem->held_at = mem->held_len - (uint32_t)left;
    if (left == 0 && mem->holder == sf)
        mem->holder = NULL;
    return r;
}

static enum mps_reason reason_of(int error)
{
    switch (error) {
    case MPS_ENOMEM:
    case MPS_ELIMIT:
    case MPS_ECRYPTO:
        return MPS_REASON_RESOURCES;
    case MPS_ECREDIT:
        return MPS_REASON_TOO_MUCH_DATA;
    case MPS_ECHECK:
    case MPS_EPAYLOAD:
        return MPS_REASON_MIDDLEBOX;
    case MPS_EAUTH:
        return MPS_REASON_BAD_HMAC;
    case MPS_EMAC:
        return MPS_REASON_BAD_MAC;
    case MPS_EVERSION:
        return MPS_REASON_VERSION;
    default:
        return MPS_REASON_PROTOCOL;
    }
}

/* This subflow cannot go on; the others and the connection can. */
static void rx_failed(struct mps_subflow *sf, int error, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool lack = error == MPS_ENOMEM || error == MPS_ECRYPTO;
    struct mps_end end = {MPS_END_FAILED, reason_of(error), lack};
    struct mps_ctrl fail = {.type = MPS_FRAME_FAIL};
    bool damaged;

    if (sf->state == MPS_SF_DEAD)
        return;
    if (error == MPS_EPAYLOAD && c->phase == MPS_PH_OPEN) {
        fail.fail.subflow_id = sf->id;
        fail.fail.dsn = sf->rx.dss.dsn;
        /* SUBFLOW_CLOSE says the same with less detail; without memory for both, the reset. */
        (void)mps_control_queue(c, &fail);
    }
    /* Where the length has changed, anything may seem to be the next head. */
    damaged = sf->state == MPS_SF_ACTIVE &&
              (error == MPS_EPAYLOAD || error == MPS_ECHECK || error == MPS_EPROTO);
    if (!damaged || !mps_news_last_words(sf, end.reason, now))
        mps_news_ended(sf, &end, now);
    if (damaged)
        mps_damage_found(c, sf->id, &sf->local, &sf->remote, now);
    else if (error == MPS_EMAC)
        mps_damage_forged(c, &sf->local, &sf->remote);
}

/* What follows from bytes that were fed. */
static int rx_end(struct mps_subflow *sf, int r, mps_time_t now)
{
    if (r == 0 && sf->state != MPS_SF_DEAD)
        mps_frames_early(sf, now);
    if (r < 0) {
        rx_failed(sf, r, now);
        if (sf->state != MPS_SF_DEAD)
            r = 0; /* it has some words left */
    } else if (sf->state == MPS_SF_DEAD) {
        r = MPS_ESTATE;
    }
    return r;
}

static void retry(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_found found;
    int r;

    /* That nothing more is read of it is not the peer's silence. */
    mps_stale_heard(&sf->stale, now);
    mps_deadpeer_heard(&sf->conn->peer, now);
    r = act(sf, mps_sf_rx_head(sf, &found), &found, now);
    if (r == 0)
        r = feed_held(sf, now);
    rx_end(sf, r, now);
}

void mps_read_retry(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf;

    c->lack_at = MPS_NEVER;
    mps_for_each_subflow(sf, c) {
        if (sf->rx.starved)
            retry(sf, now);
    }
}

int mps_read_done(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    size_t used;
    int r;

    mps_stale_heard(&sf->stale, now);
    mps_deadpeer_heard(&sf->conn->peer, now);
    r = act(sf, mps_sf_rx_landed(sf, n, &used, now), NULL, now);
    n -= used;
    if (n > MPS_SCRATCH)
        r = MPS_EINVAL;
    if (r == 0)
        r = feed_scratch(sf, n, now);
    return rx_end(sf, r, now);
}

int mps_read_bypassed(struct mps_subflow *sf, uint32_t n, mps_time_t now)
{
    mps_stale_heard(&sf->stale, now);
    mps_deadpeer_heard(&sf->conn->peer, now);
    return rx_end(sf, act(sf, mps_sf_rx_bypassed(sf, n, now), NULL, now), now);
}
