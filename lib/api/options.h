/* SPDX-License-Identifier: MIT */
/* Checking of the public options, and their form on the way to the agent. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "mptcpshim/mptcpshim.h"

/*
 * A copy of the caller's options (NULL: defaults) in this library's layout. 0 or -EINVAL. The
 * pointers in it are still the caller's.
 */
int api_options_get(const struct mptcpshim_options *opts, struct mptcpshim_options *ret);

/*
 * "key=value" words for mps_ho_request.data, separated by spaces, not NUL-terminated. Returns their
 * length, or -EINVAL if they do not fit.
 */
int api_options_words(const struct mptcpshim_options *opts, char *buf, size_t size);

/* Is it the name of a packet scheduler? */
bool api_options_is_scheduler(const char *name);

/*
 * An address from which a connection may start, without its port, in text; one of IPv4 in that of
 * IPv6 is one of IPv4. 0 or -EINVAL.
 */
#define API_ADDRESS_TEXT 64
int api_options_address(const struct sockaddr *addr, socklen_t len, char ret[API_ADDRESS_TEXT]);
