/* SPDX-License-Identifier: MIT */
/* What an ELF file says of itself. Whatever is in the file, reading it is bounded and harmless. */
#pragma once
#include <stdbool.h>

struct mps_elf {
    unsigned bits;         /* 32 or 64 */
    bool foreign;          /* another processor, or another order of bytes */
    char interpreter[256]; /* the dynamic loader, "": statically linked */
    bool go;               /* made by the Go compiler */
    bool uring;            /* needs liburing */
};

/* False if it is no ELF file, or cannot be read. */
bool mps_elf_read(int fd, struct mps_elf *ret);
