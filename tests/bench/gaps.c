/* SPDX-License-Identifier: MIT */
#include "gaps.h"
#include <stdio.h>
#include <stdlib.h>

#define SHORT 0.0002 /* s */

static bool add(struct gaps *g, struct interval gap)
{
    if (g->n == g->room) {
        size_t room = g->room > 0 ? 2 * g->room : 64;
        struct interval *more = reallocarray(g->gap, room, sizeof(*more));

        if (!more)
            return false;
        g->gap = more;
        g->room = room;
    }
    g->gap[g->n++] = gap;
    return true;
}

bool gaps_add(struct gaps *g, double begin, double end)
{
    return end - begin < SHORT || add(g, (struct interval){begin, end});
}

double gaps_longest(const struct gaps *g)
{
    double longest = 0;

    for (size_t i = 0; i < g->n; i++) {
        double len = g->gap[i].end - g->gap[i].begin;

        longest = len > longest ? len : longest;
    }
    return longest;
}

/* The times that are not quiet, none overlapping another. */
static bool read_stalls(const char *path, struct gaps *ret)
{
    FILE *f = fopen(path, "r");
    struct interval stall;
    double until = 0;
    bool right = f;

    while (right && fscanf(f, "%lf %lf", &stall.begin, &stall.end) == 2) {
        if (stall.end - stall.begin < GAPS_STALL)
            continue;
        stall.end += GAPS_ECHO;
        if (stall.begin < until)
            stall.begin = until;
        right = add(ret, stall);
        until = stall.end;
    }
    if (f)
        fclose(f);
    return right;
}

/* The part of `in` that is also in one of the intervals of g. */
static double common(const struct gaps *g, struct interval in)
{
    double sum = 0;

    for (size_t i = 0; i < g->n; i++) {
        double begin = g->gap[i].begin > in.begin ? g->gap[i].begin : in.begin;
        double end = g->gap[i].end < in.end ? g->gap[i].end : in.end;

        if (begin < end)
            sum += end - begin;
    }
    return sum;
}

bool gaps_quiet(const struct gaps *g, double begin, double end, const char *stalls,
                struct quiet *ret)
{
    struct gaps loud = {0}, quiet = {0};
    bool right = !stalls || read_stalls(stalls, &loud);

    for (size_t i = 0; right && i < g->n; i++)
        right = common(&loud, g->gap[i]) > 0 || add(&quiet, g->gap[i]);
    if (right) {
        ret->gap = gaps_longest(&quiet);
        ret->seconds = end - begin - common(&loud, (struct interval){begin, end});
        ret->seconds = ret->seconds > 0 ? ret->seconds : 0;
    }
    gaps_free(&loud);
    gaps_free(&quiet);
    return right;
}

void gaps_free(struct gaps *g)
{
    free(g->gap);
    *g = (struct gaps){0};
}
