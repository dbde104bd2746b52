/* SPDX-License-Identifier: MIT */
/*
 * What a program changes about the local addresses of one connection of its own, by the library:
 * an address added or taken away (RFC 6897 section 5.3.2 and 5.3.3), its backup flag, its weight.
 */
#pragma once

struct mps_appconn;

/*
 * A command as of pathctl.h, whose text is changed. 0, or an errno value, and nothing has changed:
 * EINVAL, EADDRNOTAVAIL (the connection cannot use the address), EBUSY (there would be none left),
 * ENOSPC (too many addresses were changed), ENOMEM. The caller tells the connection.
 */
int mps_ownpaths_command(struct mps_appconn *ac, char *text);

/* Forget all of it. */
void mps_ownpaths_free(struct mps_appconn *ac);
