/* SPDX-License-Identifier: MIT */
/* Standard input to standard output, statically linked: a program that cannot be preloaded. */
#include <unistd.h>

int main(void)
{
    char buf[4096];
    ssize_t n;

    while ((n = read(0, buf, sizeof(buf))) > 0)
        for (ssize_t at = 0, m; at < n; at += m)
            if ((m = write(1, buf + at, (size_t)(n - at))) <= 0)
                return 1;
    return n < 0;
}
