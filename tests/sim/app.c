/* SPDX-License-Identifier: MIT */
#include "app.h"
#include <stddef.h>
#include <string.h>

#define MAX_SPANS  4
#define PAUSES_MAX 200 /* so that no application takes forever */

uint8_t app_pattern(uint64_t seed, uint64_t pos)
{
    return (uint8_t)(((pos ^ seed) * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

void app_init(struct app *app, const struct app_params *params, mps_time_t now, uint64_t seed,
              uint64_t out_seed, uint64_t in_seed)
{
    memset(app, 0, sizeof(*app));
    app->p = *params;
    prng_init(&app->rng, seed);
    app->out_seed = out_seed;
    app->in_seed = in_seed;
    app->next_write = now + params->first_write;
    app->next_read = now + params->first_read;
}

static mps_time_t pause(struct app *app, mps_time_t now)
{
    if (app->pauses >= PAUSES_MAX || !prng_chance(&app->rng, app->p.pause_permille))
        return now;
    app->pauses++;
    return now + prng_below(&app->rng, app->p.pause_max);
}

static bool may_write(const struct app *app, mps_time_t now)
{
    return !app->fin && now >= app->next_write && (!app->p.write_after_eof || app->eof);
}

static app_verdict write_some(struct app *app, struct mps_conn *conn, mps_time_t now, bool *moved)
{
    while (may_write(app, now) && app->written < app->p.total) {
        uint64_t want = prng_range(&app->rng, 1, app->p.write_max);
        struct mps_span space = {0};

        if (mps_conn_app_tx_space(conn, &space) < 0)
            return "out of memory";
        if (space.n == 0)
            return NULL;
        if (want > space.n)
            want = space.n;
        if (want > app->p.total - app->written)
            want = app->p.total - app->written;
        for (uint64_t i = 0; i < want && !app->p.unchecked; i++)
            space.p[i] = app_pattern(app->out_seed, app->written + i);
        mps_conn_app_tx_done(conn, (size_t)want, now);
        app->written += want;
        app->next_write = pause(app, now);
        *moved = true;
        if (app->p.abort_at > 0 && app->written >= app->p.abort_at) {
            app->fin = app->aborted = true;
            mps_conn_abort(conn, now);
            return NULL;
        }
    }
    if (may_write(app, now) && app->written == app->p.total && (!app->p.no_fin || app->eof)) {
        app->fin = *moved = true;
        mps_conn_app_fin(conn, now);
    }
    return NULL;
}

static app_verdict check_span(struct app *app, const struct mps_span *span, size_t n,
                              const struct app *peer)
{
    if (app->eof)
        return "a byte after the end of stream";
    if (n > peer->written - app->read)
        return "a byte that nobody wrote";
    for (size_t i = 0; i < n && !app->p.unchecked; i++) {
        if (span->p[i] != app_pattern(app->in_seed, app->read + i))
            return "a wrong byte";
    }
    return NULL;
}

app_verdict app_take(struct app *app, const uint8_t *bytes, size_t n, const struct app *peer)
{
    const struct mps_span span = {(uint8_t *)bytes, n};
    app_verdict verdict = check_span(app, &span, n, peer);

    app->read += verdict == NULL ? n : 0;
    return verdict;
}

app_verdict app_look_for_end(struct app *app, const struct mps_conn *conn, const struct app *peer,
                             bool *ret_moved)
{
    if (app->eof || !mps_conn_app_rx_eof(conn))
        return NULL;
    if (!peer->fin || peer->aborted || app->read != peer->written)
        return "end of stream at the wrong place";
    app->eof = *ret_moved = true;
    return NULL;
}

static app_verdict read_some(struct app *app, struct mps_conn *conn, mps_time_t now,
                             const struct app *peer, bool *moved)
{
    while (now >= app->next_read) {
        struct mps_span spans[MAX_SPANS];
        unsigned n_spans = mps_conn_app_rx_spans(conn, spans, MAX_SPANS);
        uint64_t left = prng_range(&app->rng, 1, app->p.read_max), taken = 0;

        if (n_spans > MAX_SPANS)
            return "more spans than asked for";
        for (unsigned i = 0; i < n_spans && left > 0; i++) {
            size_t n = spans[i].n < left ? spans[i].n : (size_t)left;
            app_verdict verdict = check_span(app, &spans[i], n, peer);

            if (verdict != NULL)
                return verdict;
            app->read += n;
            taken += n;
            left -= n;
        }
        if (taken == 0)
            break;
        mps_conn_app_rx_done(conn, (size_t)taken, now);
        app->next_read = pause(app, now);
        *moved = true;
    }
    if (app->p.question > 0)
        app->p.total = app->read / app->p.question * app->p.answer;
    return app_look_for_end(app, conn, peer, moved);
}

app_verdict app_run(struct app *app, struct mps_conn *conn, mps_time_t now, const struct app *peer,
                    bool *ret_moved)
{
    app_verdict verdict;

    if (app->closed || app->aborted)
        return NULL;
    verdict = read_some(app, conn, now, peer, ret_moved);
    if (verdict == NULL)
        verdict = write_some(app, conn, now, ret_moved);
    if (verdict != NULL || app->aborted)
        return verdict;
    bool early = app->p.close_at > 0 && app->read >= app->p.close_at;

    if ((app->eof && app->fin) || early) {
        app->closed = app->fin = *ret_moved = true;
        mps_conn_app_close(conn, now);
    }
    return NULL;
}

mps_time_t app_deadline(const struct app *app, mps_time_t now)
{
    mps_time_t next = MPS_NEVER;

    if (app->closed || app->aborted)
        return MPS_NEVER;
    if (!app->fin && app->next_write > now)
        next = app->next_write;
    if (!app->eof && app->next_read > now && app->next_read < next)
        next = app->next_read;
    return next;
}
