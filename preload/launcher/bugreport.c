/* SPDX-License-Identifier: MIT */
/* mptcpshim bugreport: one file that says what others have to know of this host. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "launcher.h"
#include "output.h"
#include "report.h"

#define HEAD                                                                                       \
    "A report about mptcpshim. It has versions, settings, names of interfaces and programs,\n"     \
    "%s, the configuration, and what the agents say of connections.\n"                             \
    "It has no keys, no secrets of agents, no tokens and no data. Read it before you send it.\n"

static int fail(const char *file)
{
    mps_launcher_complain("bugreport: %s: %s", file, strerror(errno));
    return MPS_EXIT_FAILURE;
}

/* The report as a text to be freed; NULL after a complaint. */
static char *compose(bool hide, int *code)
{
    char *text = NULL, *hidden;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out) {
        fprintf(out, HEAD, hide ? "numbers in place of IP addresses" : "IP addresses");
        *code = mps_report_write(out);
        if (fclose(out) == 0 && !hide)
            return text;
        hidden = mps_report_hide(text);
        free(text);
        text = hidden;
    }
    if (!text)
        mps_launcher_complain("bugreport: out of memory");
    return text;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/*
 * Nobody else may read it, and nothing is overwritten: with `force` what was there is replaced as a
 * whole. 0 or an exit code.
 */
static int save(const char *file, bool force, const char *text)
{
    char draft[PATH_MAX];
    int fd;
    bool done;

    if (snprintf(draft, sizeof(draft), force ? "%s.XXXXXX" : "%s", file) >= (int)sizeof(draft)) {
        errno = ENAMETOOLONG;
        return fail(file);
    }
    fd = force ? mkostemp(draft, O_CLOEXEC)
               : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) {
        mps_launcher_complain("bugreport: %s is there already: name another file, or say --force",
                              file);
        return MPS_EXIT_FAILURE;
    }
    if (fd < 0)
        return fail(file);
    done = write_all(fd, text, strlen(text));
    done = close(fd) == 0 && done;
    if (done && (!force || rename(draft, file) == 0))
        return 0;
    (void)fail(file);
    unlink(draft);
    return MPS_EXIT_FAILURE;
}

int mps_launcher_bugreport(int argc, char **argv)
{
    char own_name[64], *text;
    const char *file = NULL;
    bool force = false, hide = false;
    time_t now = time(NULL);
    struct tm tm;
    int code = 0, saved;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--force") == 0)
            force = true;
        else if (strcmp(argv[i], "--hide-addresses") == 0)
            hide = true;
        else if (argv[i][0] == '-' || file) {
            mps_launcher_complain("bugreport: no option '%s'; try 'mptcpshim bugreport --help'",
                                  argv[i]);
            return MPS_EXIT_FAILURE;
        } else
            file = argv[i];
    }
    if (!file && localtime_r(&now, &tm) &&
        strftime(own_name, sizeof(own_name), "mptcpshim-report-%Y%m%d-%H%M%S.txt", &tm) > 0)
        file = own_name;
    if (!file || !*file) {
        mps_launcher_complain("bugreport: a file needs a name");
        return MPS_EXIT_FAILURE;
    }
    text = compose(hide, &code);
    if (!text)
        return MPS_EXIT_FAILURE;
    saved = save(file, force, text);
    if (saved == 0)
        mps_print("%s is written, %zu bytes, readable by you alone.\n", file, strlen(text));
    if (saved == 0 && !hide)
        mps_print("It has IP addresses; --hide-addresses puts numbers in their place.\n");
    if (saved == 0)
        mps_print("Read it before you send it to anybody.\n");
    free(text);
    return saved ? saved : code;
}
