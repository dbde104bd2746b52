/* SPDX-License-Identifier: MIT */
#include "recording.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTAGE 0.05 /* Mbit/s */

struct settings {
    double period, delay, queue; /* 0: not given */
    char up[256];
};

/* One word, NAME=VALUE; what was given before stays. */
static void take_setting(const char *word, struct settings *s)
{
    sscanf(word, s->period > 0 ? "-" : "period=%lf", &s->period);
    sscanf(word, s->delay > 0 ? "-" : "delay=%lf", &s->delay);
    sscanf(word, s->queue > 0 ? "-" : "queue=%lf", &s->queue);
    sscanf(word, s->up[0] ? "-" : "up=%255s", s->up);
}

static void take_settings(char *text, const char *between, struct settings *s)
{
    for (char *word = strtok(text, between); word != NULL; word = strtok(NULL, between))
        take_setting(word, s);
}

/* The rates of the file; returns how many, 0: none. */
static unsigned read_rates(const char *path, struct settings *s, double *rates)
{
    FILE *file = fopen(path, "r");
    char line[256];
    unsigned n = 0;

    if (file == NULL)
        return 0;
    while (n < RECORDING_MAX && fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#')
            take_settings(line + 1, " ;\n", s);
        else if (sscanf(line, "%lf", &rates[n]) == 1)
            n++;
    }
    fclose(file);
    return n;
}

/* False: the file has no rate above an outage. */
static bool make(const char *path, struct settings *s, mps_time_t begin, struct simlink_record *ret)
{
    double *rates = calloc(RECORDING_MAX, sizeof(*rates));
    uint64_t *bytes = calloc(RECORDING_MAX, sizeof(*bytes)), sum = 0;
    unsigned n, first;

    if (rates == NULL || bytes == NULL)
        abort();
    n = read_rates(path, s, rates);
    if (s->period <= 0)
        s->period = 1;
    *ret = (struct simlink_record){(mps_time_t)(s->period * 1e3) * MPS_MSEC, bytes, n};
    first = n > 0 ? (unsigned)(begin / ret->step % n) : 0;
    for (unsigned i = 0; i < n; i++) {
        bytes[(first + i) % n] = rates[i] < OUTAGE ? 0 : (uint64_t)(rates[i] * 125000 * s->period);
        sum += bytes[(first + i) % n];
    }
    free(rates);
    return sum > 0;
}

bool recording_load(const char *text, mps_time_t begin, struct recording *ret)
{
    char copy[512], *path = copy, *rest, *name, *end;
    struct settings s = {0}, up;
    bool ok;

    memset(ret, 0, sizeof(*ret));
    snprintf(copy, sizeof(copy), "%s", text);
    rest = strchr(copy, ',');
    if (rest != NULL) {
        *rest = '\0';
        take_settings(rest + 1, ",", &s);
    }
    up = s;
    ok = make(path, &s, begin, &ret->record[1]) &&
         make(s.up[0] ? s.up : path, &up, begin, &ret->record[0]);
    if (!ok)
        fprintf(stderr, "%s: no recording of a link\n", path);
    ret->params = (struct simlink_params){
        .delay = (mps_time_t)((s.delay > 0 ? s.delay : 20) * 1e3) * MPS_USEC,
        .queue = (uint64_t)(s.queue > 0 ? s.queue : 256) * 1024,
    };
    name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    end = strrchr(name, '.');
    if (end != NULL)
        *end = '\0';
    snprintf(ret->name, sizeof(ret->name), "%.60s", name);
    return ok;
}

void recording_free(struct recording *r)
{
    for (unsigned dir = 0; dir < 2; dir++)
        free((void *)r->record[dir].bytes);
}

bool recording_is_out(const struct recording *r, mps_time_t at)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        if (r->record[dir].bytes[at / r->record[dir].step % r->record[dir].n] == 0)
            return true;
    }
    return false;
}

uint64_t recording_offers(const struct recording *r, unsigned dir, mps_time_t from, mps_time_t to)
{
    return simlink_carries(&r->record[dir], from, to);
}
