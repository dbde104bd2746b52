/* SPDX-License-Identifier: MIT */
/* What the user names and this host has to have, looked at before the program starts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct mps_addr;

/* Can a connection start from this address now? True in doubt. */
bool mps_host_has(const struct mps_addr *addr);

/* "192.0.2.1, 2001:db8::1": the addresses of all interfaces that are up, as many as fit. */
void mps_host_addresses(char *ret, size_t size);

/* NULL, or why the agent could not append its log to this file, which is made by this. */
const char *mps_host_log_refusal(const char *file);

/* The same for a trace; with %p in its name it is not known before. */
const char *mps_host_trace_refusal(const char *file);
