/* SPDX-License-Identifier: MIT */
/* What agents say as metrics (metric_list.h): mptcpshim(1), METRICS. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct mps_seen;

/*
 * On stdout. openmetrics: OpenMetrics 1.0; otherwise version 0.0.4 of Prometheus' text format,
 * which says the same and is what node_exporter and promtool read. answered and silent: numbers of
 * agents.
 */
void mps_metrics_print(const struct mps_seen *seen, bool openmetrics, size_t answered,
                       size_t silent);
