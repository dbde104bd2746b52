/* SPDX-License-Identifier: MIT */
/* Text for another process. */
#pragma once

/* A memfd with the text, at offset 0. -1 with errno. */
int mps_memfd_of(const char *text);
