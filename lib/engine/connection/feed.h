/* SPDX-License-Identifier: MIT */
/* What the core holds for the program, to the program's end. */
#pragma once
#include <stddef.h>
#include "core/base/time.h"

struct mps_app;
struct mps_conn;

/* As much as the end takes, about a MiB at most; returns how many bytes. */
size_t mps_feed_app(struct mps_conn *core, struct mps_app *app, mps_time_t now);
