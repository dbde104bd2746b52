/* SPDX-License-Identifier: MIT */
#include "member.h"
#include <json-c/json.h>
#include <string.h>

const char *mps_member_text(struct json_object *o, const char *key, const char *none)
{
    struct json_object *v;
    const char *value = NULL;

    if (json_object_object_get_ex(o, key, &v))
        value = json_object_get_string(v);
    return value ? value : none;
}

bool mps_member_is(struct json_object *o, const char *key, const char *value)
{
    return strcmp(mps_member_text(o, key, ""), value) == 0;
}

int64_t mps_member_number(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

bool mps_member_flag(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

struct json_object *mps_member_list(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_array) ? v
                                                                                            : NULL;
}
