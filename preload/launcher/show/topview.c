/* SPDX-License-Identifier: MIT */
#include "topview.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "amount.h"
#include "topbars.h"

const char *mps_top_order_name(enum mps_live_order order)
{
    static const char *const names[] = {"rate", "bytes", "program", "age"};

    return names[order % MPS_BY_ORDERS];
}

/* ---- the columns of the list, by the width ---- */

struct columns {
    size_t name, state, rate, bar, past, delay, loss, scheduler, age, bytes; /* widths, 0: none */
};

#define STATE     10
#define RATE      8
#define DELAY     7
#define LOSS      5
#define SCHEDULER 10
#define AGE       7
#define BYTES     9
#define NAME_MIN  16
#define NAME_MAX  60
#define BAR_MIN   8

/* What is most useful first, as far as there is room for names beside it. */
static struct columns columns_of(size_t width)
{
    struct columns c = {.rate = RATE};
    size_t left = width > 2 * (RATE + 1) ? width - 2 * (RATE + 1) : 0;

    if (left >= NAME_MIN + STATE + 1) {
        c.state = STATE;
        left -= STATE + 1;
    }
    if (left >= NAME_MIN + DELAY + LOSS + 2) {
        c.delay = DELAY;
        c.loss = LOSS;
        left -= DELAY + LOSS + 2;
    }
    if (left >= NAME_MIN + 2 + BAR_MIN) {
        c.past = BAR_MIN + (left - NAME_MIN - 2 - BAR_MIN) / 5;
        left -= c.past + 1;
    }
    if (left >= NAME_MIN + 20 + SCHEDULER + AGE + 2 * BYTES + 4) {
        c.scheduler = SCHEDULER;
        c.age = AGE;
        c.bytes = BYTES;
        left -= SCHEDULER + AGE + 2 * BYTES + 4;
    }
    if (left >= NAME_MIN + 14 + BAR_MIN) {
        c.bar = BAR_MIN + (left - NAME_MIN - 14 - BAR_MIN) / 4;
        left -= c.bar + 1;
    }
    if (left > NAME_MAX && c.past > 0) {
        c.past += left - NAME_MAX;
        left = NAME_MAX;
    }
    c.name = left;
    return c;
}

/* ---- rows ---- */

static void __attribute__((format(printf, 5, 6)))
put(struct mps_frame *f, size_t *column, size_t columns, enum mps_look look, const char *format,
    ...)
{
    char text[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (columns > 0)
        mps_frame_put(f, *column, columns, look, text);
    *column += columns > 0 ? columns + 1 : 0;
}

static void put_right(struct mps_frame *f, size_t *column, size_t columns, enum mps_look look,
                      const char *text)
{
    if (columns > 0)
        mps_frame_put_right(f, *column, columns, look, text);
    *column += columns > 0 ? columns + 1 : 0;
}

/* "32.0M" of bits per second: the head of the column has the unit. */
static const char *short_rate(uint64_t rate, char ret[MPS_AMOUNT])
{
    char *blank;

    mps_amount_rate(rate, ret);
    blank = strchr(ret, ' ');
    if (blank) {
        blank[0] = blank[1] == 'b' ? '\0' : blank[1];
        blank[1] = '\0';
    }
    return ret;
}

static void put_rates(struct mps_frame *f, size_t *column, const struct columns *c,
                      const uint64_t rate[MPS_WAYS], enum mps_look look)
{
    char text[MPS_AMOUNT];

    for (int way = 0; way < MPS_WAYS; way++)
        put_right(f, column, c->rate, look, short_rate(rate[way], text));
}

static void put_bytes(struct mps_frame *f, size_t *column, const struct columns *c,
                      const uint64_t bytes[MPS_WAYS])
{
    char text[MPS_AMOUNT];

    for (int way = 0; way < MPS_WAYS; way++)
        put_right(f, column, c->bytes, MPS_LOOK_PLAIN, mps_amount_bytes(bytes[way], text));
}

static void list_head(struct mps_frame *f, const struct columns *c)
{
    size_t column = 0, row = mps_frame_row(f);

    put(f, &column, c->name, MPS_LOOK_HEAD, "PROGRAM, path");
    put(f, &column, c->state, MPS_LOOK_HEAD, "STATE");
    put_right(f, &column, c->rate, MPS_LOOK_HEAD, "SENDS");
    put_right(f, &column, c->rate, MPS_LOOK_HEAD, "RECEIVES");
    put(f, &column, c->bar, MPS_LOOK_HEAD, "SHARE");
    put(f, &column, c->past, MPS_LOOK_HEAD, "HISTORY");
    put_right(f, &column, c->delay, MPS_LOOK_HEAD, "RTT");
    put_right(f, &column, c->loss, MPS_LOOK_HEAD, "LOSS");
    put(f, &column, c->scheduler, MPS_LOOK_HEAD, "SCHEDULER");
    put_right(f, &column, c->age, MPS_LOOK_HEAD, "AGE");
    put_right(f, &column, c->bytes, MPS_LOOK_HEAD, "SENT");
    put_right(f, &column, c->bytes, MPS_LOOK_HEAD, "RECEIVED");
    mps_frame_fill(f, row, MPS_LOOK_HEAD);
}

static uint64_t sum(const uint64_t value[MPS_WAYS])
{
    return value[MPS_OUT] + value[MPS_IN];
}

static void list_conn(struct mps_frame *f, const struct columns *c, const struct mps_live_conn *l,
                      uint64_t most)
{
    const struct mps_seen_conn *s = l->seen;
    enum mps_look look = strcmp(s->mode, "multipath") == 0 ? MPS_LOOK_GOOD : MPS_LOOK_WARN;
    char program[MPS_SEEN_PROGRAM], text[MPS_AMOUNT];
    size_t column = 0;

    mps_frame_row(f);
    put(f, &column, c->name, MPS_LOOK_BOLD, "%s %s", mps_seen_program(s, program), s->remote);
    put(f, &column, c->state, s->waits ? MPS_LOOK_BAD : look, "%s", s->waits ? "no path" : s->mode);
    put_rates(f, &column, c, s->rate, MPS_LOOK_BOLD);
    mps_top_bar(f, column, c->bar, look, sum(s->rate), most);
    column += c->bar > 0 ? c->bar + 1 : 0;
    mps_top_past(f, column, c->past, look, &l->past, -1, 0);
    column += c->past > 0 ? c->past + 1 : 0;
    column += c->delay > 0 ? c->delay + c->loss + 2 : 0;
    put(f, &column, c->scheduler, MPS_LOOK_PLAIN, "%s", s->scheduler);
    put_right(f, &column, c->age, MPS_LOOK_PLAIN, mps_amount_time(s->age_us, text));
    put_bytes(f, &column, c, s->bytes);
}

static enum mps_look look_of(const struct mps_seen_path *p)
{
    if (p->ended)
        return MPS_LOOK_DIM;
    if (strcmp(p->state, "stale") == 0)
        return MPS_LOOK_BAD;
    return strcmp(p->state, "active") == 0 ? MPS_LOOK_PLAIN : MPS_LOOK_WARN;
}

/* `live` NULL: it has ended. */
static void list_path(struct mps_frame *f, const struct columns *c, const struct mps_live_conn *l,
                      const struct mps_seen_path *p, const struct mps_live_path *live)
{
    enum mps_look look = look_of(p);
    char text[MPS_AMOUNT];
    size_t column = 0;

    mps_frame_row(f);
    put(f, &column, c->name, look, "  %-8s %s", *p->interface ? p->interface : "-", p->local);
    put(f, &column, c->state, look, "%s", p->state);
    if (live) {
        put_rates(f, &column, c, p->rate, MPS_LOOK_PLAIN);
        mps_top_bar(f, column, c->bar, look, sum(p->rate), sum(l->seen->rate));
        column += c->bar > 0 ? c->bar + 1 : 0;
        mps_top_past(f, column, c->past, look, &live->past, -1,
                     mps_top_past_most(&l->past, -1, c->past));
    } else {
        column += 2 * (c->rate + 1) + (c->bar > 0 ? c->bar + 1 : 0);
    }
    column += c->past > 0 ? c->past + 1 : 0;
    put_right(f, &column, c->delay, MPS_LOOK_PLAIN,
              p->rtt_us > 0 ? mps_amount_delay(p->rtt_us, text) : "");
    put_right(f, &column, c->loss, MPS_LOOK_PLAIN,
              live && live->new_segments > 0
                  ? mps_amount_loss(live->new_repeated, live->new_segments, text)
                  : "");
    column += c->age > 0 ? c->scheduler + c->age + 2 : 0;
    put_bytes(f, &column, c, p->bytes);
}

/* Rows of the list, those of all connections together. */
static void list_rows(struct mps_frame *f, const struct mps_live *live, const struct columns *c,
                      size_t *ret_chosen)
{
    size_t chosen = mps_live_chosen(live);
    uint64_t most = 0;

    for (size_t i = 0; i < live->n_listed; i++)
        most = sum(live->listed[i]->seen->rate) > most ? sum(live->listed[i]->seen->rate) : most;
    for (size_t i = 0; i < live->n_listed; i++) {
        const struct mps_live_conn *l = live->listed[i];

        if (i == chosen)
            *ret_chosen = f->n_rows;
        list_conn(f, c, l, most);
        for (size_t k = 0; k < l->seen->n_paths; k++)
            list_path(f, c, l, &l->seen->paths[k], k < l->n_paths ? &l->paths[k] : NULL);
    }
}

/* ---- above and below ---- */

static void head(struct mps_frame *f, const struct mps_live *live, const struct mps_top_view *view)
{
    uint64_t rate[MPS_WAYS] = {0}, elsewhere = 0;
    char out[MPS_AMOUNT], in[MPS_AMOUNT], silent[48] = "";
    size_t multipath = 0, column = 0;

    for (size_t i = 0; i < live->n_conns; i++) {
        const struct mps_seen_conn *s = live->conns[i].seen;

        multipath += strcmp(s->mode, "multipath") == 0;
        rate[MPS_OUT] += s->rate[MPS_OUT];
        rate[MPS_IN] += s->rate[MPS_IN];
    }
    for (size_t i = 0; live->seen && i < live->seen->n_counts; i++)
        elsewhere += live->seen->counts[i].n;
    if (view->silent > 0)
        snprintf(silent, sizeof(silent), " and %zu silent", view->silent);
    mps_frame_row(f);
    put(f, &column, f->width, MPS_LOOK_BOLD,
        "mptcpshim: %zu connection%s, %zu multipath; sends %s, receives %s", live->n_conns,
        live->n_conns == 1 ? "" : "s", multipath, mps_amount_rate(rate[MPS_OUT], out),
        mps_amount_rate(rate[MPS_IN], in));
    mps_frame_row(f);
    column = 0;
    put(f, &column, f->width, view->silent > 0 ? MPS_LOOK_BAD : MPS_LOOK_PLAIN,
        "agents: %zu%s; plain TCP elsewhere: %llu; by %s%s%s%s", view->answered, silent,
        (unsigned long long)elsewhere, mps_top_order_name(live->order),
        live->backwards ? ", backwards" : "", *live->filter ? "; only " : "", live->filter);
}

static void foot(struct mps_frame *f, const struct mps_live *live, const struct mps_top_view *view)
{
    static const char *const keys[] = {
        [MPS_TOP_LIST] = "q quit  h help  enter details  s sort  r reverse  / filter",
        [MPS_TOP_DETAILS] = "q quit  h help  esc back",
        [MPS_TOP_HELP] = "q quit  esc back",
    };
    size_t column = 0, row = mps_frame_row(f);

    if (view->typing)
        put(f, &column, f->width, MPS_LOOK_BOLD, "Only programs with: %s_", live->filter);
    else
        put(f, &column, f->width, MPS_LOOK_HEAD, "%s", keys[view->screen]);
    if (!view->typing)
        mps_frame_fill(f, row, MPS_LOOK_HEAD);
}

/* Lines that are too long go on in the next row, from a blank on if there is one. */
static void lines(struct mps_frame *f, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n"), column = 0, n = len;

        while (n > f->width && n > 0)
            for (n--; n > 0 && text[n] != ' '; n--)
                ;
        if (n == 0 && len > 0)
            n = f->width;
        mps_frame_row(f);
        put(f, &column, f->width, MPS_LOOK_PLAIN, "%.*s", (int)n, text);
        text += n;
        if (*text == '\n' || *text == ' ')
            text++;
    }
}

#define HELP_WIDTH 74

static const char help[] =
    "Each connection has a line with its program, and below it one for each\n"
    "path. Rates are bits per second in the last two seconds; LOSS is the part\n"
    "of the TCP segments sent since the last look that had to be sent again.\n"
    "\n"
    "up down j k    another connection    s   next order: rate, bytes,\n"
    "page up, down  ten further               program, age\n"
    "enter          its details           r   backwards\n"
    "/              only programs with    h ? this help\n"
    "               a part of a name      q   quit\n"
    "               (esc: all again)      ^L  draw anew\n"
    "\n"
    "A path is active, backup (only used if no other works), stale (no\n"
    "progress lately), rests (shares a bottleneck with one that carries for\n"
    "both), connecting, opening, closing, or ended.\n"
    "Connections that stayed plain TCP outside of the agents are counted\n"
    "above the list; mptcpshim status says why, mptcpshim(1) what to do.\n";

static const char narrow_help[] = "up down j k  another connection\n"
                                  "page up/down ten further\n"
                                  "enter        details of it\n"
                                  "esc          back\n"
                                  "s            next order\n"
                                  "r            backwards\n"
                                  "/            part of the programs' name\n"
                                  "h ?          this help\n"
                                  "^L           draw anew\n"
                                  "q            quit\n"
                                  "\n"
                                  "More is to be seen in a wider terminal.\n";

/* ---- all of it ---- */

static void body(const struct mps_live *live, struct mps_top_view *view, struct mps_frame *all,
                 const struct columns *c, size_t *ret_chosen)
{
    if (view->screen == MPS_TOP_HELP)
        lines(all, all->width < HELP_WIDTH ? narrow_help : help);
    else if (*view->note)
        lines(all, view->note);
    else if (live->n_listed == 0)
        lines(all, *live->filter ? "No connection of such a program." : "No connections.");
    else if (view->screen == MPS_TOP_DETAILS && !mps_live_has_chosen(live))
        lines(all, "The connection has ended.");
    else if (view->screen == MPS_TOP_DETAILS)
        mps_top_details(all, live->listed[mps_live_chosen(live)]);
    else
        list_rows(all, live, c, ret_chosen);
}

void mps_top_compose(const struct mps_live *live, struct mps_top_view *view, size_t rows,
                     struct mps_frame *frame)
{
    struct columns c = columns_of(frame->width);
    bool list = view->screen == MPS_TOP_LIST && !*view->note && live->n_listed > 0;
    size_t above = list ? 3 : 2, room, chosen = 0;
    struct mps_frame all;

    mps_frame_init(&all, frame->width, frame->utf8);
    body(live, view, &all, &c, &chosen);
    room = rows == 0 ? all.n_rows : rows > above + view->keys ? rows - above - view->keys : 1;
    /* The chosen connection can be seen with two of its paths. */
    if (list && chosen < view->first)
        view->first = chosen;
    if (list && chosen + 3 > view->first + room)
        view->first = chosen + 3 > room ? chosen + 3 - room : 0;
    if (view->first + room > all.n_rows)
        view->first = all.n_rows > room ? all.n_rows - room : 0;
    if (list && chosen < view->first)
        view->first = chosen;
    mps_frame_clear(frame);
    head(frame, live, view);
    if (list)
        list_head(frame, &c);
    if (list && view->keys)
        mps_frame_fill(&all, chosen, MPS_LOOK_HEAD);
    for (size_t i = view->first; i < all.n_rows && i < view->first + room && !frame->failed; i++)
        mps_frame_copy(frame, &all, i);
    while (rows > 0 && view->keys && frame->n_rows + 1 < rows && !frame->failed)
        mps_frame_row(frame);
    if (view->keys)
        foot(frame, live, view);
    mps_frame_deinit(&all);
}
