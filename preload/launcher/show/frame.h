/* SPDX-License-Identifier: MIT */
/*
 * What a screen is to show, before anybody draws it: rows of cells, each with a character and a
 * look. Rows are made as they are written to; what does not fit into the width is cut.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mps_look {
    MPS_LOOK_PLAIN,
    MPS_LOOK_BOLD,
    MPS_LOOK_DIM,
    MPS_LOOK_GOOD,
    MPS_LOOK_WARN,
    MPS_LOOK_BAD,
    MPS_LOOK_HEAD, /* reverse */
};

struct mps_cell {
    char text[5]; /* one character in UTF-8; "" behind one of two columns, and for a blank */
    uint8_t look;
    bool behind; /* the second column of the one before */
};

struct mps_frame {
    size_t width, n_rows, places;
    bool utf8;   /* without it, characters beyond ASCII become '?', as control bytes do */
    bool failed; /* out of memory: rows are missing */
    struct mps_cell *cells;
};

void mps_frame_init(struct mps_frame *self, size_t width, bool utf8);
void mps_frame_deinit(struct mps_frame *self);

/* Forget all rows. */
void mps_frame_clear(struct mps_frame *self);

/* Another row at the end; its number. */
size_t mps_frame_row(struct mps_frame *self);

/* Write into the last row, from a column, into at most so many. Returns the column behind. */
size_t mps_frame_put(struct mps_frame *self, size_t column, size_t columns, enum mps_look look,
                     const char *text);

/* The same at the right of these columns. */
void mps_frame_put_right(struct mps_frame *self, size_t column, size_t columns, enum mps_look look,
                         const char *text);

/* All cells of a row get this look. */
void mps_frame_fill(struct mps_frame *self, size_t row, enum mps_look look);

/* A row of another frame of the same width at the end. */
void mps_frame_copy(struct mps_frame *self, const struct mps_frame *from, size_t row);

const struct mps_cell *mps_frame_at(const struct mps_frame *self, size_t row, size_t column);

/* On stdout as text, without looks and without blanks at the ends of lines. */
void mps_frame_print(const struct mps_frame *self);
