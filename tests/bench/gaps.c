/* SPDX-License-Identifier: MIT */
#include "gaps.h"
#include <stdio.h>
#include <stdlib.h>

#define SHORT 0.001

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

/* Several processors stand still together: the lines of a file overlap, their union counts once. */
static bool read_stalls(const char *path, struct gaps *ret)
{
    FILE *f = fopen(path, "r");
    struct interval stall;
    double until = 0;
    bool right = f;

    while (right && fscanf(f, "%lf %lf", &stall.begin, &stall.end) == 2) {
        if (stall.begin < until)
            stall.begin = until;
        if (stall.begin < stall.end) {
            right = add(ret, stall);
            until = stall.end;
        }
    }
    if (f)
        fclose(f);
    return right;
}

static double less_stalls(struct interval gap, const struct gaps *stalls)
{
    double left = gap.end - gap.begin;

    for (size_t i = 0; i < stalls->n; i++) {
        double begin = stalls->gap[i].begin, end = stalls->gap[i].end;

        if (begin < gap.begin)
            begin = gap.begin;
        if (end > gap.end)
            end = gap.end;
        if (begin < end)
            left -= end - begin;
    }
    return left;
}

double gaps_longest(const struct gaps *g, const char *stalls)
{
    struct gaps still = {0};
    double longest = 0;

    if (stalls && !read_stalls(stalls, &still)) {
        gaps_free(&still);
        return -1;
    }
    for (size_t i = 0; i < g->n; i++) {
        double left = less_stalls(g->gap[i], &still);

        longest = left > longest ? left : longest;
    }
    gaps_free(&still);
    return longest;
}

void gaps_free(struct gaps *g)
{
    free(g->gap);
    *g = (struct gaps){0};
}
