/* SPDX-License-Identifier: MIT */
/* The screens of top, made of what it knows: live.h in, frame.h out. */
#pragma once
#include "frame.h"
#include "live.h"

enum mps_top_screen {
    MPS_TOP_LIST,
    MPS_TOP_DETAILS, /* of the chosen connection */
    MPS_TOP_HELP,
};

struct mps_top_view {
    enum mps_top_screen screen;
    bool keys;               /* show them, and what is chosen; not for pipes */
    bool typing;             /* the filter is being typed */
    const char *note;        /* instead of the list, "": none: why there is nothing */
    size_t answered, silent; /* agents */
    size_t first; /* in and out: row of the list, or of the details, that is shown first */
};

/*
 * Compose the screen of so many rows; 0: as many as it needs. The frame's width counts from 20.
 */
void mps_top_compose(const struct mps_live *live, struct mps_top_view *view, size_t rows,
                     struct mps_frame *frame);

/* "rate": the name of an order. */
const char *mps_top_order_name(enum mps_live_order order);
