/* SPDX-License-Identifier: MIT */
/* What was wrong in settings, for tests to look at. */
#pragma once
#include <stdio.h>
#include "config/settings.h"
#include "test.h"

#define ERRORS_MAX 64

struct seen {
    unsigned n;
    struct {
        unsigned line;
        char key[64], value[256], why[128], allowed[128], section[64], file[256];
    } error[ERRORS_MAX];
};

static void note(void *user, const struct mps_settings_error *e)
{
    struct seen *seen = user;

    assert_true(seen->n < ERRORS_MAX);
    seen->error[seen->n].line = e->line;
    snprintf(seen->error[seen->n].key, 64, "%s", e->key);
    snprintf(seen->error[seen->n].value, 256, "%s", e->value);
    snprintf(seen->error[seen->n].why, 128, "%s", e->why);
    snprintf(seen->error[seen->n].allowed, 128, "%s", e->allowed);
    snprintf(seen->error[seen->n].section, 64, "%s", e->section);
    snprintf(seen->error[seen->n].file, 256, "%s", e->file);
    seen->n++;
}
