/* SPDX-License-Identifier: MIT */
/*
 * Whether the queues that two subflows wait in look alike: the queueing delays (the round trip
 * above its minimum) of the same moments are compared. Packets that wait in one queue wait equally
 * long at the same time, so subflows that share a bottleneck are alike; different ones have
 * different queues, or a bottleneck that keeps one for each flow. Two queues may be alike by
 * chance, above all full ones of equal size. It is the cheap part of RFC 8382: evidence, not proof.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"
#include "slots.h"

#define MPS_ALIKE_SAMPLES 16
#define MPS_ALIKE_ENOUGH  6 /* of them make a verdict */

struct mps_alike {
    uint16_t queue[MPS_FAIR_SLOTS][MPS_ALIKE_SAMPLES]; /* 1/64 ms; UINT16_MAX: unknown */
    uint64_t delivered[MPS_FAIR_SLOTS]; /* at the latest sample: without news there is none */
    unsigned next;                      /* sample */
    mps_time_t at;                      /* when it is due */
};

/* Of one subflow at a moment. */
struct mps_alike_sample {
    unsigned slot;
    uint64_t delivered; /* bytes since the start of the subflow */
    uint32_t srtt_us, min_rtt_us;
};

enum mps_alike_verdict {
    MPS_ALIKE_UNKNOWN, /* too few samples, too short queues, or neither of the others */
    MPS_ALIKE_SAME,
    MPS_ALIKE_DIFFERENT,
};

void mps_alike_init(struct mps_alike *al);

/* Of all subflows that carry; to be called often. */
void mps_alike_note(struct mps_alike *al, const struct mps_alike_sample *samples, unsigned n,
                    mps_time_t now);

/* The slot gets another subflow. */
void mps_alike_forget(struct mps_alike *al, unsigned slot);

/* By the latest samples that both slots have. */
enum mps_alike_verdict mps_alike_compare(const struct mps_alike *al, unsigned a, unsigned b);
