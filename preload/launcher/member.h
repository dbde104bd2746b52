/* SPDX-License-Identifier: MIT */
/*
 * Members of JSON objects that agents wrote, or somebody in their name: any may lack, or be null.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* `none` if there is no such member. The text is the object's. */
const char *mps_member_text(struct json_object *o, const char *key, const char *none);
bool mps_member_is(struct json_object *o, const char *key, const char *value);
int64_t mps_member_number(struct json_object *o, const char *key);
bool mps_member_flag(struct json_object *o, const char *key);

/* An array, or NULL. */
struct json_object *mps_member_list(struct json_object *o, const char *key);
