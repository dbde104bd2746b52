/* SPDX-License-Identifier: MIT */
#include "inspect.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "elf.h"

#define LINE_MAX_READ 256 /* the kernel takes as much of the first line */

/* The file that execvp() would take; false if there is none. */
static bool find_program(const char *program, char ret[PATH_MAX])
{
    const char *path = getenv("PATH");
    const char *end;

    if (strchr(program, '/'))
        return snprintf(ret, PATH_MAX, "%s", program) < PATH_MAX;
    if (!path)
        path = "/bin:/usr/bin";
    for (;; path = end + 1) {
        int n;

        end = strchrnul(path, ':');
        n = snprintf(ret, PATH_MAX, "%.*s/%s", end > path ? (int)(end - path) : 1,
                     end > path ? path : ".", program);
        if (n > 0 && n < PATH_MAX && access(ret, X_OK) == 0)
            return true;
        if (*end == '\0')
            return false;
    }
}

static const char *name_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? slash + 1 : file;
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

/* ---- scripts ---- */

static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");

    *rest = word + strcspn(word, " \t");
    if (**rest)
        *(*rest)++ = '\0';
    return *word ? word : NULL;
}

/* `env` starts another program, which is behind its options and variables. */
static char *behind_env(char **rest)
{
    char *word;

    while ((word = next_word(rest)) && (word[0] == '-' || strchr(word, '=')))
        ;
    return word;
}

/* What the first line of a script names: the next file. False if it is no script. */
static bool find_interpreter(int fd, char ret[PATH_MAX])
{
    char line[LINE_MAX_READ], *rest = line + 2, *word;
    ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

    if (n < 2 || line[0] != '#' || line[1] != '!')
        return false;
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    word = next_word(&rest);
    if (word && strcmp(name_of(word), "env") == 0)
        word = behind_env(&rest);
    if (!word || !find_program(word, ret))
        snprintf(ret, PATH_MAX, "%s", word ? word : "");
    return true;
}

/* ---- the verdict ---- */

/* Programs that start others where neither our library nor our agent is. */
static const struct {
    const char *name, *advice;
} elsewhere[] = {
#define CONTAINER                                                                                  \
    "a daemon, or a sandbox, starts the program with an environment of its own: install "          \
    "mptcpshim in the container and start the program there by 'mptcpshim run'"
    {"docker", CONTAINER},
    {"podman", CONTAINER},
    {"nerdctl", CONTAINER},
    {"flatpak", CONTAINER},
    {"snap", CONTAINER},
    {"lxc-attach", CONTAINER},
    {"systemd-nspawn", CONTAINER},
    {"machinectl", CONTAINER},
    {"systemctl", "the system's manager starts the service: 'mptcpshim enable UNIT'"},
    {"service", "the system's manager starts the service: 'mptcpshim enable UNIT'"},
    {"systemd-run", "put mptcpshim behind it: systemd-run mptcpshim run PROGRAM"},
};

static void judge_privileged(struct mps_inspection *ret, const char *name)
{
    ret->reason = "it gains privileges (set-user-ID, set-group-ID or file capabilities)";
    ret->advice = "start it as the user whose privileges it gains";
    if (strcmp(name, "sudo") == 0 || strcmp(name, "su") == 0 || strcmp(name, "doas") == 0 ||
        strcmp(name, "pkexec") == 0)
        ret->advice = "put mptcpshim behind it: sudo mptcpshim run PROGRAM";
}

static void describe_elf(struct mps_inspection *ret, const struct mps_elf *elf)
{
    ret->bits = elf->bits;
    ret->libc = *elf->interpreter == '\0'               ? "none"
                : strstr(elf->interpreter, "/ld-musl-") ? "musl"
                : strstr(elf->interpreter, "/ld-linux") || strstr(elf->interpreter, "/ld64.") ||
                        strstr(elf->interpreter, "/ld.so")
                    ? "glibc"
                    : "unknown";
}

static void judge_elf(struct mps_inspection *ret, const struct mps_elf *elf, bool both_classes)
{
    if (elf->foreign) {
        ret->reason = "it is built for another processor";
        ret->advice = "build mptcpshim for that processor, and use it on such a host";
    } else if (!both_classes && elf->bits != 8 * sizeof(void *)) {
        ret->reason = "it is built for another word size";
        ret->advice = "install the library for programs of that word size, or a package of the "
                      "program of this one";
    } else if (elf->go) {
        ret->reason = *elf->interpreter ? "it is made by Go, which calls the kernel by itself"
                                        : "it is statically linked, by Go";
        ret->advice = "use a program in another language, such as a proxy (haproxy, nginx, "
                      "socat) in front of it";
    } else if (*elf->interpreter == '\0') {
        ret->reason = "it is statically linked";
        ret->advice = "use one that is dynamically linked, or a proxy (haproxy, nginx, socat) in "
                      "front of it";
    } else if (strstr(elf->interpreter, "/linker")) {
        ret->reason = "it is built for Android's C library";
    } else if (elf->uring) {
        ret->note = "it needs liburing: connections that it makes or accepts by io_uring stay "
                    "plain TCP";
    }
}

static void judge_name(struct mps_inspection *ret, const char *name)
{
    if (strcmp(name, "mptcpize") == 0) {
        ret->reason = "it takes LD_PRELOAD for itself; it is not needed, or may be called first";
        ret->advice = "leave it out";
    }
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        if (!ret->reason && strcmp(name, elsewhere[i].name) == 0) {
            ret->reason = "what it starts does not run in this process tree";
            ret->advice = elsewhere[i].advice;
        }
    }
}

/* The file at the end of the list. True if it is a script: the list is longer then. */
static bool look(struct mps_inspection *ret, bool both_classes)
{
    const char *file = ret->file[ret->n - 1];
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool script = false;
    struct mps_elf elf;
    struct stat st;

    if (fd < 0) {
        ret->error = errno;
        return false;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        ret->error = EACCES; /* as execve(2) has it */
    } else if (access(file, X_OK) != 0) {
        ret->error = errno;
    } else if (find_interpreter(fd, ret->file[ret->n])) {
        script = true; /* whose own privileges the kernel ignores */
    } else {
        if (is_privileged(fd, &st))
            judge_privileged(ret, name_of(file));
        else
            judge_name(ret, name_of(file));
        if (mps_elf_read(fd, &elf)) {
            describe_elf(ret, &elf);
            if (!ret->reason)
                judge_elf(ret, &elf, both_classes);
        }
    }
    close(fd);
    ret->n += script;
    return script;
}

void mps_inspect(const char *program, bool both_classes, struct mps_inspection *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->libc = "none";
    if (!find_program(program, ret->file[0])) {
        ret->error = ENOENT;
        return;
    }
    ret->n = 1;
    while (look(ret, both_classes)) {
        if (ret->n == MPS_INSPECT_DEPTH) {
            ret->n--;
            ret->error = ELOOP;
            return;
        }
        if (ret->file[ret->n - 1][0] == '\0') {
            ret->n--;
            ret->error = ENOEXEC;
            return;
        }
    }
}
