/* SPDX-License-Identifier: MIT */
/*
 * Members of the JSON objects that the agent gives out. json-c ends the process where it is given
 * an object for which there was no memory, so all parts are put together by these functions. A
 * whole from which a part is missing is given to nobody: whoever gives it out asks mps_json_whole.
 */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/net/sock.h"

/* These take `value`. NULL: there was no memory for it. `key` is a constant. */
void mps_json_put(struct json_object *o, const char *key, struct json_object *value);
void mps_json_append(struct json_object *list, struct json_object *value);

/*
 * `root`, or NULL if memory was missing for any part since this thread asked last; `root` is freed
 * then.
 */
struct json_object *mps_json_whole(struct json_object *root);

static inline void put_str(struct json_object *o, const char *key, const char *value)
{
    mps_json_put(o, key, json_object_new_string(value));
}

static inline void put_u64(struct json_object *o, const char *key, uint64_t value)
{
    mps_json_put(o, key, json_object_new_uint64(value));
}

static inline void put_bool(struct json_object *o, const char *key, bool value)
{
    mps_json_put(o, key, json_object_new_boolean(value));
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
