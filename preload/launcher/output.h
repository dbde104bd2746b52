/* SPDX-License-Identifier: MIT */
/*
 * All that the launcher prints. Texts of others (files, words, agents of other users) may hold
 * bytes that a terminal obeys: control bytes, characters that turn the direction of writing, and
 * bytes that are not UTF-8 are printed as \xNN. A write that fails shows in the exit code.
 */
#pragma once
#include <stdio.h>

struct json_object;

/*
 * As printf, but a newline counts only as the last byte of the format: any other newline belongs to
 * a text of others.
 */
void mps_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mps_print_to(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The same for a text that is shown elsewhere: as much of it as fits, in whole characters. Returns
 * its length.
 */
size_t mps_printable(const char *text, char *ret, size_t size);

/* How many columns it takes at most: characters of other scripts may take two. */
size_t mps_columns(const char *text);

/* Bytes of whole characters at its beginning that fit into so many columns; one at least. */
size_t mps_fitting(const char *text, size_t columns);

/* Columns of the terminal on stdout; without one what COLUMNS says, or 80. At least 20. */
size_t mps_terminal_width(void);

/* On stdout, over several lines; what could disturb a terminal is escaped as JSON has it. */
void mps_print_json(struct json_object *root);

/* A JSON text that somebody else wrote, in one line. */
void mps_print_json_line(const char *text);

/* At the end of a subcommand: its exit code, or MPS_EXIT_FAILURE if something was not written. */
int mps_print_end(int code);
