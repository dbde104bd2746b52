/* SPDX-License-Identifier: MIT */
#include "topbars.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "amount.h"

/* ---- bars and histories ---- */

void mps_top_bar(struct mps_frame *frame, size_t column, size_t columns, enum mps_look look,
                 uint64_t part, uint64_t whole)
{
    static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double share = whole > 0 ? (double)part / (double)whole : 0;
    size_t filled;

    filled = (size_t)((share > 1 ? 1 : share) * (double)columns * 8 + 0.5);
    for (size_t i = 0; i < columns; i++, filled -= filled >= 8 ? 8 : filled) {
        const char *text = filled >= 8 ? "█" : eighths[filled];

        if (!frame->utf8)
            text = filled >= 4 ? "#" : ".";
        mps_frame_put(frame, column + i, 1, look, text);
    }
}

static uint64_t rate_of(const struct mps_live_past *past, int way, uint64_t back)
{
    if (way >= 0)
        return mps_live_rate(past, way, back);
    return mps_live_rate(past, MPS_OUT, back) + mps_live_rate(past, MPS_IN, back);
}

uint64_t mps_top_past_most(const struct mps_live_past *past, int way, size_t looks)
{
    uint64_t most = 0;

    for (size_t i = 0; i < looks; i++)
        most = rate_of(past, way, i) > most ? rate_of(past, way, i) : most;
    return most;
}

void mps_top_past(struct mps_frame *frame, size_t column, size_t columns, enum mps_look look,
                  const struct mps_live_past *past, int way, uint64_t most)
{
    static const char *const heights[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const in_ascii[] = {" ", "_", "_", ".", ".", "-", "-", "=", "#"};

    if (most == 0)
        most = mps_top_past_most(past, way, columns);
    for (size_t i = 0; i < columns && i < past->n && i < MPS_LIVE_LOOKS; i++) {
        double share = most > 0 ? (double)rate_of(past, way, i) / (double)most : 0;
        /* What moves at all is seen. */
        unsigned height = (unsigned)((share > 1 ? 1 : share) * 8 + (share > 0 ? 0.875 : 0));

        height = height > 8 ? 8 : height;
        mps_frame_put(frame, column + columns - 1 - i, 1, look,
                      frame->utf8 ? heights[height] : in_ascii[height]);
    }
}

/* ---- details ---- */

#define LABEL 13

static void __attribute__((format(printf, 3, 4)))
line(struct mps_frame *f, const char *label, const char *format, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    mps_frame_row(f);
    mps_frame_put(f, 0, LABEL, MPS_LOOK_BOLD, label);
    mps_frame_put(f, LABEL, f->width, MPS_LOOK_PLAIN, text);
}

static void pasts(struct mps_frame *f, const struct mps_live_past *past)
{
    static const char *const ways[MPS_WAYS] = {"  sends", "  receives"};
    char now[MPS_AMOUNT];

    for (int way = 0; way < MPS_WAYS; way++) {
        line(f, ways[way], "%12s", mps_amount_rate(mps_live_rate(past, way, 0), now));
        if (f->width > LABEL + 14)
            mps_top_past(f, LABEL + 14, f->width - LABEL - 14, MPS_LOOK_GOOD, past, way, 0);
    }
}

static void path_details(struct mps_frame *f, const struct mps_seen_conn *c,
                         const struct mps_seen_path *p, const struct mps_live_path *live)
{
    char sent[MPS_AMOUNT], received[MPS_AMOUNT], out[MPS_AMOUNT], in[MPS_AMOUNT];
    char rtt[MPS_AMOUNT], loss[MPS_AMOUNT], all[MPS_AMOUNT];

    mps_frame_row(f);
    line(f, *p->interface ? p->interface : "-", "%s -> %s", *p->local ? p->local : "others",
         *p->remote ? p->remote : "others");
    if (live)
        line(f, "  state", "%s%s, subflow %llu", p->state, p->flags, (unsigned long long)p->id);
    else
        line(f, "  state", "ended, %llu subflows", (unsigned long long)p->count);
    if (live)
        pasts(f, &live->past);
    line(f, "  carried", "sent %s (%s), received %s (%s)",
         mps_amount_bytes(p->bytes[MPS_OUT], sent),
         mps_amount_share(p->bytes[MPS_OUT], mps_seen_carried(c, MPS_OUT), out),
         mps_amount_bytes(p->bytes[MPS_IN], received),
         mps_amount_share(p->bytes[MPS_IN], mps_seen_carried(c, MPS_IN), in));
    if (live)
        line(f, "  measured", "rtt %s, loss %s now, %s in all",
             p->rtt_us > 0 ? mps_amount_delay(p->rtt_us, rtt) : "-",
             mps_amount_loss(live->new_repeated, live->new_segments, loss),
             mps_amount_loss(p->repeated, p->segments, all));
    line(f, "  repeated", "%s of what other paths had carried",
         mps_amount_bytes(p->reinjected, sent));
}

void mps_top_details(struct mps_frame *frame, const struct mps_live_conn *connection)
{
    const struct mps_seen_conn *c = connection->seen;
    char program[MPS_SEEN_PROGRAM], age[MPS_AMOUNT], sent[MPS_AMOUNT], received[MPS_AMOUNT];

    line(frame, "program", "%s", mps_seen_program(c, program));
    line(frame, "connection", "%s -> %s", c->local, c->remote);
    line(frame, "mode", "%s%s%s, %s, %s, %s", c->mode, *c->reason ? " because of " : "", c->reason,
         c->role, c->state, mps_amount_time(c->age_us, age));
    if (c->waits)
        line(frame, "no path", "nothing heard for %s, waits for another %s",
             mps_amount_time(c->silent_us, sent), mps_amount_time(c->reset_in_us, received));
    line(frame, "scheduler", "%s", c->scheduler);
    line(frame, "token", "%s, id %s, agent %s", c->token, c->id, c->agent);
    pasts(frame, &connection->past);
    line(frame, "carried", "sent %s, received %s, memory %s",
         mps_amount_bytes(c->bytes[MPS_OUT], sent), mps_amount_bytes(c->bytes[MPS_IN], received),
         mps_amount_bytes(c->memory, age));
    for (size_t i = 0; i < c->n_paths; i++)
        path_details(frame, c, &c->paths[i],
                     i < connection->n_paths ? &connection->paths[i] : NULL);
}
