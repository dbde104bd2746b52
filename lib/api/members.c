/* SPDX-License-Identifier: MIT */
#include "members.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

uint64_t api_member_u64(struct json_object *obj, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(obj, key, &value) ? json_object_get_uint64(value) : 0;
}

uint32_t api_member_u32(struct json_object *obj, const char *key)
{
    uint64_t v = api_member_u64(obj, key);

    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

const char *api_member_text(struct json_object *obj, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(obj, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return "";
    return json_object_get_string(value);
}

void api_member_address(struct json_object *obj, const char *key, struct sockaddr_storage *ret)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
    char ip[INET6_ADDRSTRLEN + 2];
    const char *text = api_member_text(obj, key);
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    in_port_t port;

    memset(ret, 0, sizeof(*ret));
    if (len < 2 || len >= sizeof(ip))
        return;
    memcpy(ip, text, len);
    ip[len] = '\0';
    port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = port;
        return;
    }
    ip[len - 1] = '\0'; /* the bracket */
    if (inet_pton(AF_INET6, ip + 1, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
    }
}
