/* SPDX-License-Identifier: MIT */
#include "places.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY MPS_PRELOAD_NAME
#define AGENT   "mptcpshim-agent"

static bool join(char *out, const char *directory, const char *file)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", directory, file);

    return n > 0 && n < PATH_MAX;
}

bool mps_places_find(struct mps_places *ret)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (n > 0) {
        self[n] = '\0';
        slash = strrchr(self, '/');
        if (slash) {
            *slash = '\0';
            if (join(ret->library, self, LIBRARY) && access(ret->library, R_OK) == 0)
                return join(ret->agent, self, AGENT);
        }
    }
    return join(ret->library, MPS_LIBRARY_DIR, LIBRARY) && access(ret->library, R_OK) == 0 &&
           join(ret->agent, MPS_AGENT_DIR, AGENT);
}

bool mps_places_serve_both(char library[PATH_MAX])
{
    const char *slash = strrchr(library, '/');
    char both[PATH_MAX], other[PATH_MAX];
    int len = slash ? (int)(slash - library) : 0;
    int n = snprintf(both, sizeof(both), "%.*s/$LIB/" LIBRARY, len, library);
    int m = snprintf(other, sizeof(other), "%.*s/lib32/" LIBRARY, len, library);
    void *handle;

    if (n < 0 || n >= PATH_MAX || m < 0 || m >= PATH_MAX || access(other, R_OK) != 0)
        return false;
    handle = dlopen(both, RTLD_LAZY | RTLD_LOCAL);
    if (!handle)
        return false;
    dlclose(handle);
    memcpy(library, both, (size_t)n + 1);
    return true;
}
