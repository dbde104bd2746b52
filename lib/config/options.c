/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <stdio.h>
#include <string.h>
#include "keys.h"
#include "value.h"

/* Words for others: the agent's main. */
static const char *const elsewhere[] = {"config", "user-config"};

void mps_options_init(struct mps_options *opt)
{
    const struct mps_key *key;
    char value[MPS_OPTIONS_WORD];

    memset(opt, 0, sizeof(*opt));
    mps_config_init(&opt->conn);
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->place != MPS_KEY_OPTIONS || !key->initial)
            continue;
        memcpy(value, key->initial, strlen(key->initial) + 1);
        mps_key_set(key, opt, value);
    }
}

static bool is_elsewhere(const char *word)
{
    for (unsigned i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        if (strcmp(elsewhere[i], word) == 0)
            return true;
    }
    return false;
}

/* All elements, or none. */
static const char *set_list(struct mps_options *opt, const struct mps_key *key, char *value)
{
    struct mps_options list = *opt;
    const char *why = "empty";
    char *item;

    mps_key_clear(key, &list);
    while ((item = mps_value_next(&value))) {
        why = mps_key_set(key, &list, item);
        if (why)
            return why;
    }
    if (!why)
        *opt = list;
    return why;
}

const char *mps_options_set(struct mps_options *opt, const char *word, char *value)
{
    const struct mps_key *key = mps_key_of_word(word);

    if (!key)
        return is_elsewhere(word) ? NULL : "unknown key";
    if (key->place != MPS_KEY_OPTIONS)
        return NULL; /* the preloaded library's */
    return mps_key_is_list(key) ? set_list(opt, key, value) : mps_key_set(key, opt, value);
}

void mps_options_allowed(const char *word, char *ret, size_t size)
{
    const struct mps_key *key = mps_key_of_word(word);
    char allowed[MPS_KEY_ALLOWED] = "";

    if (key)
        mps_key_allowed(key, allowed);
    snprintf(ret, size, "%s", allowed);
}

static const char *apply_word(struct mps_options *opt, char *word)
{
    char *value = strchr(word, '=');

    if (!value)
        return "not of the form key=value";
    *value++ = '\0';
    return mps_options_set(opt, word, value);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

/* The next word of text[*at..len) in out; 0 behind the last, its length if it is too long. */
static size_t next_word(const char *text, size_t len, size_t *at, char out[MPS_OPTIONS_WORD])
{
    size_t start, n;

    while (*at < len && is_space(text[*at]))
        (*at)++;
    for (start = *at; *at < len && !is_space(text[*at]); (*at)++)
        ;
    n = *at - start;
    memcpy(out, text + start, n < MPS_OPTIONS_WORD ? n : MPS_OPTIONS_WORD - 1);
    out[n < MPS_OPTIONS_WORD ? n : MPS_OPTIONS_WORD - 1] = '\0';
    return n;
}

unsigned mps_options_parse(struct mps_options *opt, const char *text, size_t len,
                           void (*bad)(const char *word, const char *why))
{
    char word[MPS_OPTIONS_WORD], copy[MPS_OPTIONS_WORD];
    unsigned n_bad = 0;
    size_t at = 0, n;

    while ((n = next_word(text, len, &at, word)) > 0) {
        const char *why = "too long";

        memcpy(copy, word, sizeof(copy));
        if (n < sizeof(word))
            why = apply_word(opt, copy);
        if (!why)
            continue;
        n_bad++;
        if (bad)
            bad(word, why);
    }
    return n_bad;
}

bool mps_options_find(const char *text, size_t len, const char *key, char *ret, size_t size)
{
    char word[MPS_OPTIONS_WORD];
    size_t at = 0, n, key_len = strlen(key);
    bool found = false;

    while ((n = next_word(text, len, &at, word)) > 0) {
        if (n >= sizeof(word) || strncmp(word, key, key_len) != 0 || word[key_len] != '=' ||
            n - key_len - 1 >= size)
            continue;
        memcpy(ret, word + key_len + 1, n - key_len);
        found = true;
    }
    return found;
}
