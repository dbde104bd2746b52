/* SPDX-License-Identifier: MIT */
#include "inspect.h"
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PROGRAM_HEADERS_MAX 64

/* The file that execvp() would take; false if there is none. */
static bool find_program(const char *program, char *ret, size_t size)
{
    const char *path = getenv("PATH");
    const char *end;

    if (strchr(program, '/'))
        return snprintf(ret, size, "%s", program) < (int)size;
    if (!path)
        path = "/bin:/usr/bin";
    for (;; path = end + 1) {
        int n;

        end = strchrnul(path, ':');
        n = snprintf(ret, size, "%.*s/%s", end > path ? (int)(end - path) : 1,
                     end > path ? path : ".", program);
        if (n > 0 && (size_t)n < size && access(ret, X_OK) == 0)
            return true;
        if (*end == '\0')
            return false;
    }
}

/* Where the program headers of an ELF executable are; false if it is none. */
static bool find_headers(int fd, off_t *ret_at, unsigned *ret_size, unsigned *ret_n)
{
    union {
        unsigned char ident[EI_NIDENT];
        Elf32_Ehdr head32;
        Elf64_Ehdr head64;
    } u;

    if (pread(fd, &u, sizeof(u), 0) != (ssize_t)sizeof(u) || memcmp(u.ident, ELFMAG, SELFMAG) != 0)
        return false;
    if (u.ident[EI_CLASS] == ELFCLASS32) {
        *ret_at = (off_t)u.head32.e_phoff;
        *ret_size = u.head32.e_phentsize;
        *ret_n = u.head32.e_phnum;
    } else {
        *ret_at = (off_t)u.head64.e_phoff;
        *ret_size = u.head64.e_phentsize;
        *ret_n = u.head64.e_phnum;
    }
    return *ret_n <= PROGRAM_HEADERS_MAX;
}

/* An ELF executable that names no interpreter (dynamic loader)? */
static bool is_static(int fd)
{
    unsigned size, n;
    uint32_t type; /* the first member of a header of either class */
    off_t at;

    if (!find_headers(fd, &at, &size, &n))
        return false;
    for (unsigned i = 0; i < n; i++, at += size)
        if (pread(fd, &type, sizeof(type), at) != (ssize_t)sizeof(type) || type == PT_INTERP)
            return false;
    return true;
}

/* Another ELF class than ours: the loader cannot map the library. */
static bool is_foreign(int fd)
{
    unsigned char ident[EI_NIDENT];

    return pread(fd, ident, sizeof(ident), 0) == (ssize_t)sizeof(ident) &&
           memcmp(ident, ELFMAG, SELFMAG) == 0 &&
           ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
}

static bool is_privileged(int fd, const struct stat *st)
{
    char capability[64];

    if (st->st_mode & S_ISUID && st->st_uid != geteuid())
        return true;
    if (st->st_mode & S_ISGID && st->st_mode & S_IXGRP && st->st_gid != getegid())
        return true;
    return fgetxattr(fd, "security.capability", capability, sizeof(capability)) > 0;
}

static bool is_mptcpize(const char *file)
{
    const char *slash = strrchr(file, '/');

    return strcmp(slash ? slash + 1 : file, "mptcpize") == 0;
}

const char *mps_inspect_program(const char *program, bool both_classes)
{
    char file[PATH_MAX];
    struct stat st;
    const char *reason = NULL;
    int fd;

    if (!find_program(program, file, sizeof(file)))
        return NULL;
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if (is_privileged(fd, &st))
            reason = "it gains privileges (set-user-ID, set-group-ID or file capabilities)";
        else if (is_mptcpize(file))
            reason = "it takes LD_PRELOAD for itself; it is not needed, or may be called first";
        else if (!both_classes && is_foreign(fd))
            reason = "it is built for another word size";
        else if (is_static(fd))
            reason = "it is statically linked";
    }
    close(fd);
    return reason;
}
