/* SPDX-License-Identifier: MIT */
/* Text or bytes for another process. */
#pragma once
#include <stddef.h>

struct json_object;

/* A memfd with the object's text, at offset 0. Takes the object. -1 with errno. */
int mps_memfd_json(struct json_object *root);

/* The same of `len` bytes. */
int mps_memfd_bytes(const void *data, size_t len);
