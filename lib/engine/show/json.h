/* SPDX-License-Identifier: MIT */
/* Members of the JSON objects that the agent gives out. */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/net/sock.h"

static inline void put_str(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static inline void put_u64(struct json_object *o, const char *key, uint64_t value)
{
    json_object_object_add(o, key, json_object_new_uint64(value));
}

static inline void put_bool(struct json_object *o, const char *key, bool value)
{
    json_object_object_add(o, key, json_object_new_boolean(value));
}

static inline void put_addr(struct json_object *o, const char *key, const struct mps_addr *addr)
{
    char text[MPS_SOCK_TEXT_LEN];

    put_str(o, key, mps_sock_text(addr, text));
}

static inline void put_token(struct json_object *o, const char *key, uint32_t token)
{
    char text[9];

    snprintf(text, sizeof(text), "%08x", token);
    put_str(o, key, text);
}

static inline void put_id(struct json_object *o, const char *key, uint64_t id)
{
    char text[17];

    snprintf(text, sizeof(text), "%016llx", (unsigned long long)id);
    put_str(o, key, text);
}
