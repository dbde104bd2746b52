/* SPDX-License-Identifier: MIT */
#include "control.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit rate_units[] = {{"", 1},       {"bit", 1},    {"kbit", 1e3},
                                         {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit byte_units[] = {{"", 1}, {"k", 1024}, {"m", 1048576}, {NULL, 0}};
static const struct unit loss_units[] = {{"%", 1e4}, {"ppm", 1}, {"", 1e4}, {NULL, 0}};

static bool parse(const char *word, const struct unit *units, double *ret)
{
    char *end;
    double value = strtod(word, &end);

    if (end == word || value < 0)
        return false;
    for (; units->name; units++) {
        if (strcmp(end, units->name) == 0) {
            *ret = value * units->factor;
            return true;
        }
    }
    return false;
}

/* One setting of one direction; *used says how many words it took. */
static bool set_word(struct bed_config *config, struct bed_box_config *box, char *const *word,
                     int left, int *used)
{
    double value;

    *used = 1;
    if (strcmp(word[0], "cut") == 0) {
        config->cut = true;
        return true;
    }
    if (strcmp(word[0], "up") == 0) {
        config->cut = false;
        return true;
    }
    if (left < 2)
        return false;
    *used = 2;
    if (strcmp(word[0], "rate") == 0 && parse(word[1], rate_units, &value))
        config->rate_bps = (uint64_t)value;
    else if (strcmp(word[0], "delay") == 0 && parse(word[1], time_units, &value))
        config->delay_ns = (uint64_t)value;
    else if (strcmp(word[0], "loss") == 0 && parse(word[1], loss_units, &value))
        config->loss_ppm = (uint32_t)value;
    else if (strcmp(word[0], "rewrite") == 0 && parse(word[1], byte_units, &value))
        box->rewrite = (uint32_t)value;
    else if (strcmp(word[0], "insert") == 0 && parse(word[1], byte_units, &value))
        box->insert = (uint32_t)value;
    else if (strcmp(word[0], "queue") == 0 && parse(word[1], byte_units, &value))
        config->queue_bytes = (uint64_t)value;
    else if (strcmp(word[0], "queue") == 0 && parse(word[1], time_units, &value))
        config->queue_bytes = (uint64_t)(value * (double)config->rate_bps / 8e9);
    else
        return false;
    return true;
}

static bool set_dir(struct bed_links *links, struct bed_link *link, int d, uint64_t now_ns,
                    char *const *word, int count)
{
    struct bed_config config = link->dir[d].config;
    struct bed_box_config box = link->box[d].config;
    int used;

    for (int i = 0; i < count; i += used) {
        if (!set_word(&config, &box, word + i, count - i, &used))
            return false;
    }
    links->release(bed_dir_set(&link->dir[d], now_ns, &config));
    link->box[d].config = box;
    return true;
}

static size_t append(char *out, size_t at, size_t size, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(out + at, size - at, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= size - at)
        return at; /* left out rather than cut short */
    return at + (size_t)len;
}

static void write_stats(const struct bed_links *links, char *out, size_t size)
{
    static const char *const names[BED_DIRS] = {"c2s", "s2c"};
    size_t at = append(out, 0, size, "[");

    for (size_t i = 0; i < links->count; i++) {
        at = append(out, at, size, "%s{\"link\":\"%s\"", i ? "," : "", links->link[i].name);
        for (int d = 0; d < BED_DIRS; d++) {
            const struct bed_dir *dir = &links->link[i].dir[d];
            const struct bed_stats *s = &dir->stats;

            at = append(out, at, size,
                        ",\"%s\":{\"rate_bps\":%" PRIu64 ",\"delay_ns\":%" PRIu64
                        ",\"cut\":%s,\"in_packets\":%" PRIu64 ",\"in_bytes\":%" PRIu64
                        ",\"out_packets\":%" PRIu64 ",\"out_bytes\":%" PRIu64
                        ",\"queue_drops\":%" PRIu64 ",\"loss_drops\":%" PRIu64
                        ",\"cut_drops\":%" PRIu64 ",\"queue_bytes\":%" PRIu64
                        ",\"queue_max_bytes\":%" PRIu64 ",\"changed\":%" PRIu32 "}",
                        names[d], dir->config.rate_bps, dir->config.delay_ns,
                        dir->config.cut ? "true" : "false", s->in_packets, s->in_bytes,
                        s->out_packets, s->out_bytes, s->queue_drops, s->loss_drops, s->cut_drops,
                        dir->queue_bytes, s->queue_max_bytes, links->link[i].box[d].changed);
        }
        at = append(out, at, size, "}");
    }
    append(out, at, size, "]\n");
}

static struct bed_link *find_link(struct bed_links *links, const char *name)
{
    for (size_t i = 0; i < links->count; i++) {
        if (strcmp(links->link[i].name, name) == 0)
            return &links->link[i];
    }
    return NULL;
}

bool bed_control_run(struct bed_links *links, uint64_t now_ns, char *command, char *reply,
                     size_t reply_size)
{
    char *words[32];
    int count = 0, first = 1;
    struct bed_link *link;
    bool want[BED_DIRS] = {true, true};
    char *save;

    for (char *w = strtok_r(command, " \t\n", &save); w && count < 32;
         w = strtok_r(NULL, " \t\n", &save))
        words[count++] = w;
    snprintf(reply, reply_size, "ok\n");
    if (count == 1 && strcmp(words[0], "stats") == 0) {
        write_stats(links, reply, reply_size);
        return true;
    }
    if (count == 1 && strcmp(words[0], "quit") == 0) {
        links->quit = true;
        return true;
    }
    link = count ? find_link(links, words[0]) : NULL;
    if (!link) {
        snprintf(reply, reply_size, "error: no such link or command\n");
        return false;
    }
    if (count > 1 && (strcmp(words[1], "c2s") == 0 || strcmp(words[1], "s2c") == 0)) {
        want[words[1][0] == 'c' ? BED_S2C : BED_C2S] = false;
        first = 2;
    }
    for (int d = 0; d < BED_DIRS; d++) {
        if (want[d] && !set_dir(links, link, d, now_ns, words + first, count - first)) {
            snprintf(reply, reply_size, "error: bad setting\n");
            return false;
        }
    }
    return true;
}
