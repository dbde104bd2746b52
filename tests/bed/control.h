/* SPDX-License-Identifier: MIT */
/*
 * The emulator's command language:
 *   LINK [c2s|s2c] {rate R | delay T | queue B | loss P | rewrite N | insert N | cut | up}...
 *                                                            both directions if none
 *   stats                                                    JSON array of links
 *   quit
 * R: bits per second with k, m, g + "bit", 0 for no limit; T: ns, us, ms, s; B: bytes with k, m, or
 * a time at the direction's rate; P: "%" or "ppm"; N: box.h. Settings hold from the next packet on.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "box.h"
#include "link.h"

enum { BED_C2S, BED_S2C, BED_DIRS };

struct bed_link {
    char name[16];
    struct bed_dir dir[BED_DIRS];
    struct bed_box box[BED_DIRS];
};

struct bed_links {
    struct bed_link *link;
    size_t count;
    bool quit;
    void (*release)(struct bed_packet *packet); /* list of packets lost by a cut */
};

/* Run one command; `reply` gets "ok\n", JSON, or "error: ...\n". False on an error. */
bool bed_control_run(struct bed_links *links, uint64_t now_ns, char *command, char *reply,
                     size_t reply_size);
