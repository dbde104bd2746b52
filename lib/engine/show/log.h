/* SPDX-License-Identifier: MIT */
/* Optional debug log to a file (option verbose=PATH); a test of one integer when it is off. */
#pragma once

extern int mps_log_fd; /* -1: off */

/* Append to `path`; 0 or MPS_ESYS. */
int mps_log_open(const char *path);
void mps_log_close(void);

void mps_log_write(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define mps_log(...)                                                                               \
    do {                                                                                           \
        if (mps_log_fd >= 0)                                                                       \
            mps_log_write(__VA_ARGS__);                                                            \
    } while (0)
