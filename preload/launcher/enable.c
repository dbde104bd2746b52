/* SPDX-License-Identifier: MIT */
/*
 * mptcpshim enable and disable: a drop-in for a unit of systemd, whose own file is never changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "launcher.h"
#include "options.h"
#include "output.h"
#include "unit_file.h"
#include "unit_wrap.h"

#define OPTIONS_MAX 48
#define TEXT_MAX    65536

struct order {
    const char *command; /* "enable" or "disable" */
    struct mps_unit_place place;
    char unit[256], dir[PATH_MAX], file[PATH_MAX];
    bool dry;
    char *options[OPTIONS_MAX + 1]; /* of run */
    int n_options;
};

static void print_note(const char *text)
{
    mps_print("note: %s\n", text);
}

static int fail(const struct order *o, const char *file)
{
    mps_launcher_complain("%s: %s: %s", o->command, file, strerror(errno));
    return MPS_EXIT_FAILURE;
}

/* ---- the words ---- */

static int usage_error(const struct order *o, const char *what, const char *word)
{
    mps_launcher_complain("%s: %s%s%s; try 'mptcpshim %s --help'", o->command, what,
                          *word ? ": " : "", word, o->command);
    return MPS_EXIT_FAILURE;
}

/* The words for `run` are checked as it does, so that the service will not fail for them. */
static int check_options(struct order *o)
{
    static struct mps_run_options scratch;
    char *words[OPTIONS_MAX + 4], self[] = "enable", end[] = "--", program[] = "program";
    int n = 0;

    words[n++] = self;
    for (int i = 0; i < o->n_options; i++)
        words[n++] = o->options[i];
    words[n++] = end;
    words[n++] = program;
    words[n] = NULL;
    return mps_run_options_parse(n, words, &scratch);
}

static int parse(int argc, char **argv, struct order *o)
{
    const char *unit = NULL;

    o->place.root = "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dry-run") == 0)
            o->dry = true;
        else if (strcmp(argv[i], "--user") == 0)
            o->place.user = true;
        else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc)
            o->place.root = strcmp(argv[++i], "/") == 0 ? "" : argv[i];
        else if (argv[i][0] == '-' &&
                 (strcmp(o->command, "disable") == 0 || !mps_run_options_know(argv[i])))
            return usage_error(o, "no such option", argv[i]);
        else if (argv[i][0] == '-' && o->n_options + 2 > OPTIONS_MAX)
            return usage_error(o, "too many options", "");
        else if (argv[i][0] == '-') {
            o->options[o->n_options++] = argv[i];
            if (!strchr(argv[i], '=') && i + 1 < argc)
                o->options[o->n_options++] = argv[++i];
        } else if (unit) {
            return usage_error(o, "one unit at a time", argv[i]);
        } else {
            unit = argv[i];
        }
    }
    if (!unit)
        return usage_error(o, "which unit?", "");
    if (!mps_unit_name(unit, o->unit))
        return usage_error(o, "no name of a service", unit);
    if (*o->place.root && o->place.root[0] != '/')
        return usage_error(o, "--root needs a directory from the root", o->place.root);
    if (!mps_unit_drop_in_dir(&o->place, o->unit, o->dir) ||
        snprintf(o->file, sizeof(o->file), "%s/%s", o->dir, MPS_UNIT_DROP_IN) >= PATH_MAX)
        return usage_error(o, "there is no place for drop-ins: HOME is not set, or too long", "");
    return o->n_options > 0 ? check_options(o) : 0;
}

/* ---- files ---- */

/* What is there: NULL with errno ENOENT if nothing; never waits for a pipe. */
static char *read_drop_in(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    char *text = malloc(TEXT_MAX);
    struct stat st;
    ssize_t n = -1;

    if (fd >= 0 && text && fstat(fd, &st) == 0) {
        if (S_ISREG(st.st_mode))
            n = read(fd, text, TEXT_MAX - 1);
        else
            errno = EINVAL;
    }
    if (fd >= 0) {
        int saved = errno;

        close(fd);
        errno = saved;
    }
    if (n < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static bool is_ours(const char *text)
{
    size_t len = strlen(MPS_UNIT_MARK);

    return strncmp(text, MPS_UNIT_MARK, len) == 0 && text[len] == '\n';
}

/* All directories up to this one. */
static bool make_dirs(const char *dir)
{
    char part[PATH_MAX];

    for (size_t i = 1; dir[i - 1]; i++) {
        if (dir[i] != '/' && dir[i] != '\0')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)i, dir);
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return false;
    }
    return true;
}

/* As a whole or not at all. */
static int write_drop_in(const struct order *o, const char *text)
{
    size_t len = strlen(text);
    char draft[PATH_MAX + 8];
    int fd;
    bool done;

    if (!make_dirs(o->dir))
        return fail(o, o->dir);
    snprintf(draft, sizeof(draft), "%s.XXXXXX", o->file);
    fd = mkostemp(draft, O_CLOEXEC);
    if (fd < 0)
        return fail(o, o->dir);
    done = write(fd, text, len) == (ssize_t)len && fchmod(fd, 0644) == 0;
    done = close(fd) == 0 && done;
    if (done && rename(draft, o->file) == 0)
        return 0;
    fail(o, o->file);
    unlink(draft);
    return MPS_EXIT_FAILURE;
}

/* ---- the commands ---- */

static void print_next(const struct order *o)
{
    const char *user = o->place.user ? "--user " : "";

    if (*o->place.root)
        return;
    mps_print("next: systemctl %sdaemon-reload && systemctl %srestart %s\n", user, user, o->unit);
}

/* The old text is compared, so that a second time changes nothing. 0 or an exit code. */
static int put_in_place(const struct order *o, const char *text)
{
    char *old = read_drop_in(o->file);
    bool foreign = old ? !is_ours(old) : errno != ENOENT;
    bool same = old && strcmp(old, text) == 0;
    int code = 0;

    if (foreign && old)
        mps_launcher_complain("%s: %s is not of mptcpshim: move it away first", o->command,
                              o->file);
    else if (foreign)
        (void)fail(o, o->file);
    free(old);
    if (foreign)
        return MPS_EXIT_FAILURE;
    if (!same)
        code = write_drop_in(o, text);
    if (code != 0)
        return code;
    mps_print(same ? "%s is there already\n" : "%s is written\n", o->file);
    print_next(o);
    return 0;
}

static int find_launcher(char ret[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);

    if (n > 0)
        ret[n] = '\0';
    return n > 0 ? 0 : -1;
}

static int enable(const struct order *o, const struct mps_unit *unit)
{
    char launcher[PATH_MAX], *text;
    bool plain;
    int code = 0;

    if (!mps_unit_item(unit, "ExecStart", 0)) {
        mps_launcher_complain("enable: %s: there is no ExecStart= in it: the unit is masked, or "
                              "starts no program",
                              unit->file);
        return MPS_EXIT_FAILURE;
    }
    if (mps_unit_is_wrapped(unit)) {
        mps_print("%s runs under mptcpshim by its own ExecStart=: nothing to do\n", unit->name);
        return 0;
    }
    if (find_launcher(launcher) < 0)
        return fail(o, "/proc/self/exe");
    text = unit->failed ? NULL : mps_unit_wrap(unit, launcher, o->options, o->n_options);
    if (!text) {
        mps_launcher_complain("enable: out of memory");
        return MPS_EXIT_FAILURE;
    }
    plain = mps_unit_judge(&o->place, unit, launcher, print_note);
    if (o->dry)
        mps_print("%s would be:\n", o->file);
    for (char *line = text, *end; o->dry && *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        mps_print("  %.*s\n", (int)(end - line), line);
    }
    if (!o->dry)
        code = put_in_place(o, text);
    free(text);
    return code == 0 && plain ? MPS_EXIT_PLAIN : code;
}

int mps_launcher_enable(int argc, char **argv)
{
    static struct order o = {.command = "enable"};
    static struct mps_unit unit;
    int code = parse(argc, argv, &o);

    if (code != 0)
        return code;
    if (!mps_unit_read(&o.place, o.unit, &unit)) {
        mps_launcher_complain("enable: no unit %s%s%s; 'systemctl %slist-unit-files' lists them",
                              o.unit, *o.place.root ? " in " : "", o.place.root,
                              o.place.user ? "--user " : "");
        code = MPS_EXIT_FAILURE;
    } else {
        code = enable(&o, &unit);
    }
    mps_unit_free(&unit);
    return code;
}

int mps_launcher_disable(int argc, char **argv)
{
    static struct order o = {.command = "disable"};
    int code = parse(argc, argv, &o);
    char *old;

    if (code != 0)
        return code;
    old = read_drop_in(o.file);
    if (!old && (errno == ENOENT || errno == ENOTDIR)) {
        mps_print("%s is not there: nothing to do\n", o.file);
        return 0;
    }
    if (!old)
        return fail(&o, o.file);
    if (!is_ours(old)) {
        mps_launcher_complain("disable: %s is not of mptcpshim: it stays", o.file);
        code = MPS_EXIT_FAILURE;
    } else if (o.dry) {
        mps_print("%s would be removed\n", o.file);
    } else if (unlink(o.file) < 0) {
        code = fail(&o, o.file);
    } else {
        (void)rmdir(o.dir); /* unless it has other drop-ins */
        mps_print("%s is removed\n", o.file);
        print_next(&o);
    }
    free(old);
    return code;
}
