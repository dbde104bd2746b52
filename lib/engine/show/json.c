/* SPDX-License-Identifier: MIT */
#include "json.h"

/* Something is missing from what this thread builds. */
static _Thread_local bool lacking;

void mps_json_put(struct json_object *o, const char *key, struct json_object *value)
{
    /* json-c forgets its copy of the key where there is no memory for the rest. */
    if (o && value && json_object_object_add_ex(o, key, value, JSON_C_OBJECT_KEY_IS_CONSTANT) == 0)
        return;
    lacking = true;
    json_object_put(value);
}

void mps_json_append(struct json_object *list, struct json_object *value)
{
    if (list && value && json_object_array_add(list, value) == 0)
        return;
    lacking = true;
    json_object_put(value);
}

struct json_object *mps_json_whole(struct json_object *root)
{
    if (lacking) {
        json_object_put(root);
        root = NULL;
    }
    lacking = false;
    return root;
}
