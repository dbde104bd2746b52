/* SPDX-License-Identifier: MIT */
/*
 * What a probe has found, in words: which paths there are, what is in their way, what would help.
 */
#pragma once

struct json_object;
struct mps_probe;

/* The object that `check --json` prints; mptcpshim(1) has its members. The caller's. */
struct json_object *mps_verdict(const char *host, const struct mps_probe *probe);

/* The exit code that goes with it. */
int mps_verdict_code(struct json_object *verdict);
