/* SPDX-License-Identifier: MIT */
/* A connection as Linux would tell of it: the file of handover/kernelinfo.h. */
#pragma once

struct mps_session;

/* A descriptor of the file, which the caller closes; -1 with errno, EOPNOTSUPP: plain TCP. */
int mps_linuxinfo_file(const struct mps_session *s);
