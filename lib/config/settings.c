/* SPDX-License-Identifier: MIT */
/*
 * Files are read by libinih. It names no lines, and goes on silently after a line that is neither
 * of its forms: so every line passes through our reader, which counts it and knows whether a call
 * of the handler is to be expected.
 */
#include "settings.h"

#include <ini.h>
#include <string.h>
#include "keys.h"

#define SECTION_MAX 64

struct reading {
    struct mps_settings *settings;
    struct mps_settings_report *report;
    const char *name;
    const char *text;
    size_t len, at;
    unsigned line;
    char section[SECTION_MAX];  /* its first word */
    bool in_section;            /* some heading has been seen */
    bool known;                 /* there is such a section */
    struct mps_path_rule *rule; /* of [path NAME] */
    bool awaits;                /* the line is to be handled as key = value */
    bool continues;             /* it belongs to the key above */
    bool broken;                /* that key was reported, and its further lines are left out */
};

void mps_settings_init(struct mps_settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    mps_options_init(&settings->options);
}

/* The structure that a key's value is kept in. */
static void *place_of(const struct reading *r, const struct mps_key *key)
{
    switch (key->place) {
    case MPS_KEY_OPTIONS:
        return &r->settings->options;
    case MPS_KEY_POLICY:
        return &r->settings->policy;
    case MPS_KEY_RULE:
        return r->rule;
    }
    return NULL;
}

static void report(struct reading *r, const char *key, const char *value, const char *why,
                   const char *allowed)
{
    const struct mps_settings_error error = {
        .file = r->name,
        .line = r->line,
        .section = r->section,
        .key = key,
        .value = value,
        .why = why,
        .allowed = allowed,
    };

    r->report->n_bad++;
    if (r->report->bad)
        r->report->bad(r->report->user, &error);
}

/* ---- lines ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* [WORD] or [WORD NAME], without what is behind. */
static void enter_section(struct reading *r, const char *head)
{
    const char *end = strchr(head, ']');
    char name[SECTION_MAX];
    const char *why;
    size_t len, word;

    r->in_section = true;
    r->known = false;
    r->rule = NULL;
    r->section[0] = '\0';
    len = end ? (size_t)(end - head) : 0;
    if (!end || len >= sizeof(name)) {
        report(r, "", head, end ? "too long" : "no ']'", "[SECTION]");
        return;
    }
    memcpy(name, head, len);
    name[len] = '\0';
    word = strcspn(name, " \t");
    memcpy(r->section, name, word);
    r->section[word] = '\0';
    word += strspn(name + word, " \t");
    if (strcmp(r->section, MPS_SECTION_PATH) == 0) {
        why = mps_key_path_rule(&r->settings->policy, name + word, &r->rule);
        r->known = why == NULL;
        if (why)
            report(r, "", name + word, why, "[path INTERFACE] or [path ADDRESS/BITS], at most 32");
        return;
    }
    r->known = mps_key_section(r->section) && name[word] == '\0';
    if (!r->known)
        report(r, "", name, "no such section",
               "connections, agent, paths, path NAME, peers, programs");
}

/* The line was given to inih and no key came of it. */
static void check_handled(struct reading *r)
{
    if (r->awaits && !r->broken) {
        report(r, "", "", "not understood", "KEY = VALUE, [SECTION] or a comment");
        r->broken = true;
    }
    r->awaits = false;
}

/*
 * What inih will make of this line. It takes any line that begins with a blank for more of the key
 * above; we only those that could be: elements of lists have no '='. So where there are blanks
 * before a key or a heading they are skipped. Returns the bytes to skip.
 */
static size_t classify(struct reading *r, const char *line, size_t len, size_t max)
{
    size_t start = 0;

    while (start < len && is_blank(line[start]))
        start++;
    if (start == len || line[start] == ';' || line[start] == '#')
        return len;
    r->continues = start > 0 && line[start] != '[' && !memchr(line, '=', len);
    if (!r->continues)
        r->broken = false;
    if (len >= max || memchr(line, '\0', len)) {
        report(r, "", "", len >= max ? "too long" : "has a NUL", "lines of at most 190 bytes");
        r->broken = true;
        return len;
    }
    r->awaits = line[start] != '[';
    return r->continues ? 0 : start;
}

/* inih does this for lines with a key only. */
static size_t without_comment(const char *line, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (line[i] == ';' && is_blank(line[i - 1]))
            return i;
    }
    return len;
}

/* As fgets(). A line that cannot be taken, and a comment, become an empty one. */
static char *next_line(char *out, int size, void *user)
{
    struct reading *r = user;
    const char *line = r->text + r->at, *end;
    size_t len, skip, max = size > 3 ? (size_t)size - 3 : 0;

    check_handled(r);
    if (r->at >= r->len || max == 0)
        return NULL;
    end = memchr(line, '\n', r->len - r->at);
    len = end ? (size_t)(end - line) : r->len - r->at;
    r->at += len + (end != NULL);
    r->line++;
    if (r->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    skip = classify(r, line, len, max);
    len -= skip;
    if (r->continues)
        len = without_comment(line, len);
    memcpy(out, line + skip, len);
    out[len] = '\0';
    if (out[0] == '[')
        enter_section(r, out + 1);
    out[len] = '\n';
    out[len + 1] = '\0';
    return out;
}

/* ---- keys ---- */

static void report_value(struct reading *r, const struct mps_key *key, const char *value,
                         const char *why)
{
    char allowed[MPS_KEY_ALLOWED];

    mps_key_allowed(key, allowed);
    report(r, key->name, value, why, allowed);
}

static void take_list(struct reading *r, const struct mps_key *key, char *text)
{
    unsigned n = 0;
    char *item;

    if (!r->continues)
        mps_key_clear(key, place_of(r, key));
    while ((item = mps_value_next(&text))) {
        const char *why = mps_key_set(key, place_of(r, key), item);

        n++;
        if (why)
            report_value(r, key, item, why);
    }
    if (n == 0 && r->continues)
        report_value(r, key, "", "empty");
}

/* inih stops at the first 0 of a handler if it was built so: all are 1. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    const struct mps_key *key = mps_key_find(r->section, name);
    char copy[MPS_OPTIONS_WORD];
    const char *why;

    r->awaits = false;
    if (r->broken)
        return 1;
    if (!r->known) {
        /* A wrong heading has been reported, for all its keys. */
        if (!r->in_section)
            report(r, name, value, "in no section", "a line [SECTION] before it");
        return 1;
    }
    r->broken = true;
    if (!key) {
        report(r, name, value, "no such key", "the keys of mptcpshim.conf(5)");
        return 1;
    }
    if (r->continues && !mps_key_is_list(key)) {
        report(r, name, value, "continues a key that is no list", "keys without a blank before");
        return 1;
    }
    if (strlen(value) >= sizeof(copy)) {
        report_value(r, key, value, "too long");
        return 1;
    }
    memcpy(copy, value, strlen(value) + 1);
    if (mps_key_is_list(key)) {
        take_list(r, key, copy);
        r->broken = false;
        return 1;
    }
    why = mps_key_set(key, place_of(r, key), copy);
    if (why)
        report_value(r, key, value, why);
    else
        r->broken = false;
    return 1;
}

void mps_settings_read_text(struct mps_settings *settings, const char *name, const char *text,
                            size_t len, struct mps_settings_report *rep)
{
    struct reading r = {
        .settings = settings,
        .report = rep,
        .name = name,
        .text = text,
        .len = len,
    };
    int rc = ini_parse_stream(next_line, &r, handle, &r);

    check_handled(&r);
    /* Other positive results are lines that were reported; it allocates only if built so. */
    if (rc < 0) {
        r.line = 0;
        report(&r, "", "", "out of memory", "");
    }
}
