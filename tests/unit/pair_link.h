/* SPDX-License-Identifier: MIT */
/*
 * The links of a pair: what goes into them at one side, and reaches the other one's core, or its
 * application around the core. True: something moved.
 */
#pragma once
#include "pair.h"

bool pair_link_connect(struct pair *p, struct pair_link *l);
bool pair_link_send(struct pair *p, struct pair_link *l, int side);
bool pair_link_receive(struct pair *p, struct pair_link *l, int side);

/* What TCP knows of it. */
void pair_link_measure(struct pair *p, struct pair_link *l, int side);

/* In-order bytes to the application of a side (pair.c). */
bool pair_app_receive(struct pair *p, int side);
