/* SPDX-License-Identifier: MIT */
/* Text for another process. */
#pragma once

struct json_object;

/* A memfd with the object's text, at offset 0. Takes the object. -1 with errno. */
int mps_memfd_json(struct json_object *root);
