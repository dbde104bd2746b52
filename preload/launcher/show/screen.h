/* SPDX-License-Identifier: MIT */
/* The terminal, by ncurses: shows frames, reads keys, and is left as it was found. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct mps_frame;

enum {
    MPS_KEY_NONE = -1, /* nothing was typed */
    MPS_KEY_OTHER = 256,
    MPS_KEY_UP,
    MPS_KEY_DOWN,
    MPS_KEY_PAGE_UP,
    MPS_KEY_PAGE_DOWN,
    MPS_KEY_HOME,
    MPS_KEY_END,
    MPS_KEY_ENTER,
    MPS_KEY_ESCAPE,
    MPS_KEY_BACKSPACE,
    MPS_KEY_RESIZE, /* nothing was typed: the size is another one */
};

/* NULL, or why there is no screen. Messages to stderr go nowhere until it is closed. */
const char *mps_screen_open(bool colours);

/* Also from an exit handler; nothing if it is not open. */
void mps_screen_close(void);

void mps_screen_size(size_t *ret_rows, size_t *ret_columns);
void mps_screen_show(const struct mps_frame *frame);

/* What was typed, if anything: does not wait. Characters as they are. */
int mps_screen_key(void);

/* The next frame is drawn anew, whatever is thought to be there. */
void mps_screen_spoiled(void);
