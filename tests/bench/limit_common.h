/* SPDX-License-Identifier: MIT */
/* What the programs have in common that show limits: they end at the first error. */
#pragma once

/* `result`, unless it is negative: then what failed is said, and the process ends with 1. */
int limit_check(int result, const char *what);

/* CLOCK_MONOTONIC. */
double limit_seconds(void);

/* CPU time of the children that were waited for. */
double limit_cpu_seconds(void);

/* Sorts the n values. */
double limit_median(double *values, unsigned n);
