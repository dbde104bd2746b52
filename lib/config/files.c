/* SPDX-License-Identifier: MIT */
/* Configuration files as files: which, and their text. */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void mps_settings_error_text(const struct mps_settings_error *e, char *ret, size_t size)
{
    char line[16] = "", what[320] = "";

    if (e->line > 0)
        snprintf(line, sizeof(line), ":%u", e->line);
    if (e->key[0])
        snprintf(what, sizeof(what), "%s = %s: ", e->key, e->value);
    else if (e->value[0])
        snprintf(what, sizeof(what), "[%s]: ", e->value);
    snprintf(ret, size, "%s%s: %s%s%s%s", e->file, line, what, e->why,
             e->allowed[0] ? "; allowed: " : "", e->allowed);
}

static bool cannot_read(const char *name, const char *why, struct mps_settings_report *rep)
{
    const struct mps_settings_error error = {
        .file = name,
        .section = "",
        .key = "",
        .value = "",
        .why = why,
        .allowed = "a text file of at most 65536 bytes",
    };

    rep->n_bad++;
    if (rep->bad)
        rep->bad(rep->user, &error);
    return false;
}

/*
 * NULL, or why this is not read: whoever writes a pipe or a terminal may take for ever. /dev/null
 * is a way to say "none".
 */
static const char *refusal(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return strerror(errno);
    if (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
        return NULL;
    return S_ISDIR(st.st_mode) ? strerror(EISDIR) : "not a regular file";
}

bool mps_settings_read_file(struct mps_settings *settings, const char *name, bool optional,
                            struct mps_settings_report *rep)
{
    static char text[MPS_SETTINGS_FILE_MAX + 1];
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *why;
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0) {
        if (optional && (errno == ENOENT || errno == ENOTDIR))
            return false;
        return cannot_read(name, strerror(errno), rep);
    }
    why = refusal(fd);
    if (why) {
        close(fd);
        return cannot_read(name, why, rep);
    }
    while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
        len += (size_t)n;
    if (n < 0) {
        int err = errno;

        close(fd);
        return cannot_read(name, strerror(err), rep);
    }
    close(fd);
    if (len > MPS_SETTINGS_FILE_MAX)
        return cannot_read(name, "too large", rep);
    mps_settings_read_text(settings, name, text, len, rep);
    return true;
}

void mps_settings_read(struct mps_settings *settings, const struct mps_settings_files *files,
                       struct mps_settings_report *rep)
{
    if (files->only) {
        mps_settings_read_file(settings, files->only, false, rep);
        return;
    }
    if (files->system)
        mps_settings_read_file(settings, files->system, true, rep);
    if (files->user)
        mps_settings_read_file(settings, files->user, true, rep);
}

bool mps_settings_user_file(const char *xdg, const char *home, char *ret, size_t size)
{
    int n;

    /* XDG Base Directory Specification: a relative path counts as not set. */
    if (xdg && xdg[0] == '/')
        n = snprintf(ret, size, "%s/mptcpshim.conf", xdg);
    else if (home && home[0] == '/')
        n = snprintf(ret, size, "%s/.config/mptcpshim.conf", home);
    else
        return false;
    return n > 0 && (size_t)n < size;
}
