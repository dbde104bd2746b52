/* SPDX-License-Identifier: MIT */
/* JSON objects by a table: each row names a member and says where in a structure its value is. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum mps_field_type {
    MPS_FIELD_U64,
    MPS_FIELD_U32,
    MPS_FIELD_BOOL,
    MPS_FIELD_TEXT,  /* const char *; NULL is "" */
    MPS_FIELD_ADDR,  /* struct mps_addr, with its port */
    MPS_FIELD_TOKEN, /* uint32_t, in 8 hexadecimal digits */
    MPS_FIELD_ID,    /* uint64_t, in 16 */
    MPS_FIELD_TIME,  /* struct timespec: seconds, with microseconds */
};

struct mps_field {
    const char *name;
    enum mps_field_type type;
    size_t at;       /* in the structure */
    unsigned groups; /* bits, the caller's: in which objects it is; 0: in all */
    bool optional;   /* left out where it is 0 or "" */
};

/* A row of a structure's member that has its own name. */
#define MPS_FIELD(structure, kind, member, groups_, optional_)                                     \
    {                                                                                              \
#member, MPS_FIELD_##kind, offsetof(structure, member), groups_, optional_                 \
    }

/* Add to the object what the n rows of any of these groups say of `from`. */
void mps_fields_put(struct json_object *o, const struct mps_field *fields, size_t n,
                    unsigned groups, const void *from);
