/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "launcher.h"

bool mps_launcher_absolute(const char *file, char ret[PATH_MAX])
{
    char directory[PATH_MAX];
    int n;

    if (file[0] == '/')
        n = snprintf(ret, PATH_MAX, "%s", file);
    else if (getcwd(directory, sizeof(directory)))
        n = snprintf(ret, PATH_MAX, "%s/%s", directory, file);
    else
        return false;
    return n > 0 && n < PATH_MAX;
}
