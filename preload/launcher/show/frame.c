/* SPDX-License-Identifier: MIT */
#include "frame.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../output.h"

void mps_frame_init(struct mps_frame *self, size_t width, bool utf8)
{
    *self = (struct mps_frame){.width = width, .utf8 = utf8};
}

void mps_frame_deinit(struct mps_frame *self)
{
    free(self->cells);
    self->cells = NULL;
}

void mps_frame_clear(struct mps_frame *self)
{
    self->n_rows = 0;
    self->failed = false;
}

static struct mps_cell *cell_at(const struct mps_frame *self, size_t row, size_t column)
{
    return &self->cells[row * self->width + column];
}

size_t mps_frame_row(struct mps_frame *self)
{
    if (self->n_rows == self->places) {
        size_t places = self->places > 0 ? 2 * self->places : 64;
        struct mps_cell *more =
            reallocarray(self->cells, places * (self->width + 1), sizeof(self->cells[0]));

        if (!more) {
            self->failed = true;
            return self->n_rows > 0 ? self->n_rows - 1 : 0;
        }
        self->cells = more;
        self->places = places;
    }
    memset(cell_at(self, self->n_rows, 0), 0, self->width * sizeof(self->cells[0]));
    return self->n_rows++;
}

size_t mps_frame_put(struct mps_frame *self, size_t column, size_t columns, enum mps_look look,
                     const char *text)
{
    size_t end = columns < self->width - column ? column + columns : self->width;

    if (self->n_rows == 0 || column >= self->width)
        return column;
    while (*text && column < end) {
        size_t len = mps_fitting(text, 1);
        bool ascii = *text >= 0x20 && *text < 0x7f;
        bool shown = ascii || (self->utf8 && len > 1);
        char one[5] = "";
        struct mps_cell *cell = cell_at(self, self->n_rows - 1, column);
        size_t wide;

        memcpy(one, text, len < sizeof(one) ? len : sizeof(one) - 1);
        wide = shown ? mps_columns(one) : 1;
        if (column + wide > end)
            break;
        *cell = (struct mps_cell){.look = (uint8_t)look};
        memcpy(cell->text, shown ? one : "?", shown ? sizeof(one) : 2);
        if (wide > 1)
            cell[1] = (struct mps_cell){.look = (uint8_t)look, .behind = true};
        column += wide;
        text += len;
    }
    return column;
}

void mps_frame_put_right(struct mps_frame *self, size_t column, size_t columns, enum mps_look look,
                         const char *text)
{
    size_t used = mps_columns(text);

    mps_frame_put(self, column + (used < columns ? columns - used : 0), columns, look, text);
}

void mps_frame_fill(struct mps_frame *self, size_t row, enum mps_look look)
{
    for (size_t i = 0; i < self->width && row < self->n_rows; i++)
        cell_at(self, row, i)->look = (uint8_t)look;
}

void mps_frame_copy(struct mps_frame *self, const struct mps_frame *from, size_t row)
{
    size_t to = mps_frame_row(self);

    if (!self->failed)
        memcpy(cell_at(self, to, 0), cell_at(from, row, 0), self->width * sizeof(struct mps_cell));
}

const struct mps_cell *mps_frame_at(const struct mps_frame *self, size_t row, size_t column)
{
    return cell_at(self, row, column);
}

static size_t length_of(const struct mps_frame *self, size_t row)
{
    size_t n = self->width;

    while (n > 0) {
        const struct mps_cell *cell = cell_at(self, row, n - 1);

        if (cell->behind || (cell->text[0] != '\0' && strcmp(cell->text, " ") != 0))
            break;
        n--;
    }
    return n;
}

void mps_frame_print(const struct mps_frame *self)
{
    for (size_t row = 0; row < self->n_rows; row++) {
        size_t n = length_of(self, row);

        for (size_t i = 0; i < n; i++) {
            const struct mps_cell *cell = cell_at(self, row, i);

            if (!cell->behind)
                fputs(cell->text[0] ? cell->text : " ", stdout);
        }
        putchar('\n');
    }
}
