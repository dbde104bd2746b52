/* SPDX-License-Identifier: MIT */
#include "listening.h"
#include <string.h>
#include "digits.h"

#define FLAGS_AT  3       /* words before: Num: RefCount Protocol Flags */
#define ACCEPTCON 0x10000 /* the kernel's __SO_ACCEPTCON */

static unsigned long flags_of(const char *line)
{
    unsigned long flags = 0;

    for (int i = 0; i < FLAGS_AT; i++) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    for (int digit; (digit = mps_hex_value(*line)) >= 0; line++)
        flags = flags << 4 | (unsigned)digit;
    return flags;
}

const char *mps_ho_listening(char *line, const char *prefix)
{
    char *name = strrchr(line, '@'); /* for the NUL that abstract names begin with */
    size_t len = strlen(prefix);

    line[strcspn(line, "\n")] = '\0';
    if (!name || strncmp(name + 1, prefix, len) != 0 || !(flags_of(line) & ACCEPTCON))
        return NULL;
    return name + 1 + len;
}
