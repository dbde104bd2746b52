/* SPDX-License-Identifier: MIT */
/* What this build is. */
#pragma once

/*
 * "0.1.0", of a build from a repository "0.1.0 (commit 0123456789)", with a + if files were
 * changed.
 */
const char *mps_launcher_version(void);
