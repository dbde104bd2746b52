/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "json.h"
#include "engine/net/sock.h"

static struct json_object *of_text(const char *text)
{
    return json_object_new_string(text ? text : "");
}

static struct json_object *of_digits(uint64_t n, int digits)
{
    char text[17];

    snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)n);
    return json_object_new_string(text);
}

static struct json_object *of_addr(const struct mps_addr *addr)
{
    char text[MPS_SOCK_TEXT_LEN];

    return json_object_new_string(mps_sock_text(addr, text));
}

static struct json_object *of_time(const struct timespec *t)
{
    char text[40];

    snprintf(text, sizeof(text), "%lld.%06ld", (long long)t->tv_sec, t->tv_nsec / 1000);
    return json_object_new_double_s((double)t->tv_sec + 1e-9 * (double)t->tv_nsec, text);
}

static bool is_left_out(const struct mps_field *f, const void *at)
{
    const char *text;

    if (!f->optional)
        return false;
    switch (f->type) {
    case MPS_FIELD_U64:
    case MPS_FIELD_ID:
        return *(const uint64_t *)at == 0;
    case MPS_FIELD_U32:
    case MPS_FIELD_TOKEN:
        return *(const uint32_t *)at == 0;
    case MPS_FIELD_TEXT:
        text = *(const char *const *)at;
        return !text || !*text;
    case MPS_FIELD_ADDR:
        return ((const struct mps_addr *)at)->family == MPS_AF_NONE;
    default:
        return false;
    }
}

/* NULL: there is no memory for it. */
static struct json_object *value_of(const struct mps_field *f, const void *at)
{
    switch (f->type) {
    case MPS_FIELD_U64:
        return json_object_new_uint64(*(const uint64_t *)at);
    case MPS_FIELD_U32:
        return json_object_new_uint64(*(const uint32_t *)at);
    case MPS_FIELD_BOOL:
        return json_object_new_boolean(*(const bool *)at);
    case MPS_FIELD_TEXT:
        return of_text(*(const char *const *)at);
    case MPS_FIELD_ADDR:
        return of_addr(at);
    case MPS_FIELD_TOKEN:
        return of_digits(*(const uint32_t *)at, 8);
    case MPS_FIELD_ID:
        return of_digits(*(const uint64_t *)at, 16);
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
        const void *at = (const char *)from + f->at;

        if (!(f->groups && !(f->groups & groups)) && !is_left_out(f, at))
            mps_json_put(o, f->name, value_of(f, at));
    }
}
