/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "engine/net/sock.h"

static struct json_object *of_number(uint64_t n, bool optional)
{
    return optional && n == 0 ? NULL : json_object_new_uint64(n);
}

static struct json_object *of_text(const char *text, bool optional)
{
    if (optional && (!text || !*text))
        return NULL;
    return json_object_new_string(text ? text : "");
}

static struct json_object *of_digits(uint64_t n, int digits, bool optional)
{
    char text[17];

    if (optional && n == 0)
        return NULL;
    snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)n);
    return json_object_new_string(text);
}

static struct json_object *of_addr(const struct mps_addr *addr, bool optional)
{
    char text[MPS_SOCK_TEXT_LEN];

    if (optional && addr->family == MPS_AF_NONE)
        return NULL;
    return json_object_new_string(mps_sock_text(addr, text));
}

static struct json_object *of_time(const struct timespec *t)
{
    char text[40];

    snprintf(text, sizeof(text), "%lld.%06ld", (long long)t->tv_sec, t->tv_nsec / 1000);
    return json_object_new_double_s((double)t->tv_sec + 1e-9 * (double)t->tv_nsec, text);
}

/* NULL: it is left out. */
static struct json_object *value_of(const struct mps_field *f, const void *at)
{
    switch (f->type) {
    case MPS_FIELD_U64:
        return of_number(*(const uint64_t *)at, f->optional);
    case MPS_FIELD_U32:
        return of_number(*(const uint32_t *)at, f->optional);
    case MPS_FIELD_BOOL:
        return json_object_new_boolean(*(const bool *)at);
    case MPS_FIELD_TEXT:
        return of_text(*(const char *const *)at, f->optional);
    case MPS_FIELD_ADDR:
        return of_addr(at, f->optional);
    case MPS_FIELD_TOKEN:
        return of_digits(*(const uint32_t *)at, 8, f->optional);
    case MPS_FIELD_ID:
        return of_digits(*(const uint64_t *)at, 16, f->optional);
    case MPS_FIELD_TIME:
        return of_time(at);
    }
    return NULL;
}

void mps_fields_put(struct json_object *o, const struct mps_field *fields, size_t n,
                    unsigned groups, const void *from)
{
    for (size_t i = 0; i < n; i++) {
        const struct mps_field *f = &fields[i];
        struct json_object *value;

        if (f->groups && !(f->groups & groups))
            continue;
        value = value_of(f, (const char *)from + f->at);
        if (value)
            json_object_object_add(o, f->name, value);
    }
}
