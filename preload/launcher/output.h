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

/* On stdout, over several lines; what could disturb a terminal is escaped as JSON has it. */
void mps_print_json(struct json_object *root);

/* A JSON text that somebody else wrote, in one line. */
void mps_print_json_line(const char *text);

/* At the end of a subcommand: its exit code, or MPS_EXIT_FAILURE if something was not written. */
int mps_print_end(int code);
