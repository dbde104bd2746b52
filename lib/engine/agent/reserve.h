/* SPDX-License-Identifier: MIT */
/*
 * One descriptor of the process that stands for nothing. At the limit of descriptors it is closed,
 * so that a connection can be accepted and closed again: the peer learns at once that nobody serves
 * it, where its connection would otherwise stay in the queue of the listener, in silence. All
 * acceptors share it, from any thread.
 */
#pragma once
#include <stdbool.h>

/* Have one, if there is a descriptor to be had; harmless if there is one already. */
void mps_reserve_fill(void);

/*
 * After accept4(listener) failed with EMFILE or ENFILE: turn one waiting connection away, by a
 * reset if it is TCP, in order if it brings a connection to hand over (handover/client.c). False if
 * there was none, or no reserve.
 */
bool mps_reserve_refuse(int listener);
