/* SPDX-License-Identifier: MIT */
/* Members of the JSON objects that an agent gives out (mptcpshim(1), JSON and EVENTS). */
#pragma once
#include <stdint.h>
#include <sys/socket.h>

struct json_object;

/* A number, 0 if there is none; what is too large is UINT32_MAX. */
uint64_t api_member_u64(struct json_object *obj, const char *key);
uint32_t api_member_u32(struct json_object *obj, const char *key);

/* A text, which is the object's; "" if there is none. */
const char *api_member_text(struct json_object *obj, const char *key);

/* "192.0.2.1:80" or "[2001:db8::1]:80"; all zero if it is neither. */
void api_member_address(struct json_object *obj, const char *key, struct sockaddr_storage *ret);
