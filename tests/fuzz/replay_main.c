/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over a corpus without the fuzzer: every file of the directories named, as it
 * is and cut at every place. So the corpus is part of the ordinary tests, under any compiler.
 */
#include <dirent.h>
#include <string.h>
#include "check.h"

#define INPUT_MAX 65536
#define CUTS_MAX  2048 /* longer inputs are cut in their beginning only */

/* A copy of the exact size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    CHECK(copy);
    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void run_file(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    size_t len;

    CHECK(f);
    len = fread(data, 1, sizeof(data), f);
    CHECK(!ferror(f));
    fclose(f);
    run(data, len);
    for (size_t cut = 0; cut < len && cut < CUTS_MAX; cut++)
        run(data, cut);
}

static unsigned run_dir(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    unsigned n = 0;

    if (!d) {
        perror(dir);
        exit(2);
    }
    while ((entry = readdir(d))) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        CHECK(snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path));
        run_file(path);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;

    for (int i = 1; i < argc; i++)
        n += run_dir(argv[i]);
    printf("%u inputs\n", n);
    return n ? 0 : 2; /* an empty corpus proves nothing */
}
