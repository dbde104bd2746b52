/* SPDX-License-Identifier: MIT */
#include "unit_file.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX      ".service"
#define DROP_INS    64
#define BLANKS      " \t\n\r"
#define ENTRIES_MAX 4096
#define PLACES_MAX  8

/* ---- names ---- */

bool mps_unit_name(const char *word, char ret[256])
{
    size_t len = strlen(word), tail = strlen(SUFFIX);
    bool whole = len > tail && strcmp(word + len - tail, SUFFIX) == 0;
    int n = snprintf(ret, 256, "%s%s", word, whole ? "" : SUFFIX);

    /* systemd.unit(5), "Description": what a name may consist of. */
    return len > 0 && n < 256 && word[0] != '.' && word[0] != '-' &&
           strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") ==
               len;
}

/* The user's own directory; false if it is not known. */
static bool user_dir(char ret[PATH_MAX])
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = -1;

    if (xdg && xdg[0] == '/')
        n = snprintf(ret, PATH_MAX, "%s/systemd/user", xdg);
    else if (home && home[0] == '/')
        n = snprintf(ret, PATH_MAX, "%s/.config/systemd/user", home);
    return n > 0 && n < PATH_MAX;
}

/* In the order in which they count, the first one wins. */
static size_t list_places(const struct mps_unit_place *place, char ret[PLACES_MAX][PATH_MAX])
{
    static const char *const system_dirs[] = {
        "/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system", "/lib/systemd/system",
    };
    static const char *const user_dirs[] = {
        "/etc/systemd/user",
        "/run/systemd/user",
        "/usr/local/lib/systemd/user",
        "/usr/lib/systemd/user",
    };
    const char *const *dirs = place->user ? user_dirs : system_dirs;
    size_t n_dirs = place->user ? sizeof(user_dirs) / sizeof(user_dirs[0])
                                : sizeof(system_dirs) / sizeof(system_dirs[0]);
    size_t n = 0;

    if (place->user && !*place->root && user_dir(ret[0]))
        n = 1;
    for (size_t i = 0; i < n_dirs; i++) {
        int len = snprintf(ret[n], PATH_MAX, "%s%s", place->root, dirs[i]);

        n += len > 0 && len < PATH_MAX;
    }
    return n;
}

bool mps_unit_drop_in_dir(const struct mps_unit_place *place, const char *name, char ret[PATH_MAX])
{
    char dir[PATH_MAX];
    int n;

    if (place->user && !*place->root) {
        if (!user_dir(dir))
            return false;
    } else {
        n = snprintf(dir, sizeof(dir), "%s/etc/systemd/%s", place->root,
                     place->user ? "user" : "system");
        if (n < 0 || n >= PATH_MAX)
            return false;
    }
    n = snprintf(ret, PATH_MAX, "%s/%s.d", dir, name);
    return n > 0 && n < PATH_MAX;
}

/* ---- files ---- */

static void add(struct mps_unit *unit, const char *key, const char *value)
{
    struct mps_unit_entry *longer, entry;

    if (unit->n >= ENTRIES_MAX)
        return;
    longer = realloc(unit->entry, (unit->n + 1) * sizeof(*longer));
    entry = (struct mps_unit_entry){strdup(key), strdup(value)};
    if (longer)
        unit->entry = longer;
    if (!longer || !entry.key || !entry.value) {
        free(entry.key);
        free(entry.value);
        unit->failed = true;
        return;
    }
    unit->entry[unit->n++] = entry;
}

static char *trim(char *text)
{
    char *end;

    text += strspn(text, BLANKS);
    end = text + strlen(text);
    while (end > text && strchr(BLANKS, end[-1]))
        *--end = '\0';
    return text;
}

static void take_line(struct mps_unit *unit, char *line, bool *in_service)
{
    char *text = trim(line), *equals;

    if (*text == '[') {
        *in_service = strcmp(text, "[Service]") == 0;
        return;
    }
    equals = strchr(text, '=');
    if (!*in_service || !equals)
        return;
    *equals = '\0';
    add(unit, trim(text), trim(equals + 1));
}

static bool is_comment(const char *line)
{
    line += strspn(line, BLANKS);
    return *line == '#' || *line == ';';
}

/* Lines that end with a backslash go on; comments between are left out, as systemd does. */
static void read_lines(struct mps_unit *unit, FILE *file)
{
    char *line = NULL, *whole = NULL;
    bool in_service = false;
    size_t size = 0;

    while (getline(&line, &size, file) > 0 && !unit->failed) {
        size_t len;
        bool more;
        char *longer;

        if (is_comment(line))
            continue;
        line[strcspn(line, "\r\n")] = '\0';
        len = strlen(line);
        more = len > 0 && line[len - 1] == '\\';
        if (more)
            line[len - 1] = ' ';
        if (asprintf(&longer, "%s%s", whole ? whole : "", line) < 0) {
            unit->failed = true;
            break;
        }
        free(whole);
        whole = longer;
        if (more)
            continue;
        take_line(unit, whole, &in_service);
        free(whole);
        whole = NULL;
    }
    if (whole)
        take_line(unit, whole, &in_service);
    free(whole);
    free(line);
}

/* Only regular files, and what a masked unit is a link to. */
static bool read_file(struct mps_unit *unit, const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    FILE *file;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)) ||
        !(file = fdopen(fd, "r"))) {
        close(fd);
        return false;
    }
    if (S_ISREG(st.st_mode))
        read_lines(unit, file);
    fclose(file);
    return true;
}

struct drop_ins {
    size_t n;
    char name[DROP_INS][256], file[DROP_INS][PATH_MAX];
};

static void note_drop_in(struct drop_ins *list, const char *dir, const char *name)
{
    size_t len = strlen(name);

    if (len < 6 || len > 255 || strcmp(name + len - 5, ".conf") != 0 ||
        strcmp(name, MPS_UNIT_DROP_IN) == 0 || list->n == DROP_INS)
        return;
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->name[i], name) == 0)
            return; /* of a place that counts more */
    }
    if (snprintf(list->file[list->n], PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return;
    memcpy(list->name[list->n++], name, len + 1);
}

static void list_drop_ins(struct drop_ins *list, const char *place, const char *unit)
{
    char dir[PATH_MAX];
    struct dirent *e;
    DIR *d;

    if (snprintf(dir, sizeof(dir), "%s/%s.d", place, unit) >= (int)sizeof(dir))
        return;
    d = opendir(dir);
    while (d && (e = readdir(d)))
        note_drop_in(list, dir, e->d_name);
    if (d)
        closedir(d);
}

static void read_drop_ins(struct mps_unit *unit, const struct drop_ins *list)
{
    bool done[DROP_INS] = {false};

    for (size_t k = 0; k < list->n; k++) {
        size_t next = list->n;

        for (size_t i = 0; i < list->n; i++) {
            if (!done[i] && (next == list->n || strcmp(list->name[i], list->name[next]) < 0))
                next = i;
        }
        done[next] = true;
        (void)read_file(unit, list->file[next]);
    }
}

/* "name@.service" of "name@instance.service"; "" of any other. */
static void template_of(const char *name, char ret[256])
{
    const char *at = strchr(name, '@');

    ret[0] = '\0';
    if (at)
        snprintf(ret, 256, "%.*s@" SUFFIX, (int)(at - name), name);
}

bool mps_unit_read(const struct mps_unit_place *place, const char *name, struct mps_unit *ret)
{
    static char places[PLACES_MAX][PATH_MAX];
    static struct drop_ins drop_ins;
    size_t n = list_places(place, places);
    char template[256];
    const char *const names[] = {name, template};

    memset(ret, 0, sizeof(*ret));
    snprintf(ret->name, sizeof(ret->name), "%s", name);
    template_of(name, template);
    for (size_t k = 0; k < 2 && !*ret->file && *names[k]; k++) {
        for (size_t i = 0; i < n && !*ret->file; i++) {
            char file[PATH_MAX];

            if (snprintf(file, sizeof(file), "%s/%s", places[i], names[k]) < PATH_MAX &&
                read_file(ret, file))
                memcpy(ret->file, file, sizeof(file));
        }
    }
    drop_ins.n = 0;
    for (size_t k = 0; k < 2 && *names[k]; k++) {
        for (size_t i = 0; i < n; i++)
            list_drop_ins(&drop_ins, places[i], names[k]);
    }
    read_drop_ins(ret, &drop_ins);
    return *ret->file;
}

void mps_unit_free(struct mps_unit *unit)
{
    for (size_t i = 0; i < unit->n; i++) {
        free(unit->entry[i].key);
        free(unit->entry[i].value);
    }
    free(unit->entry);
}

/* ---- what is in it ---- */

const char *mps_unit_value(const struct mps_unit *unit, const char *key)
{
    for (size_t i = unit->n; i > 0; i--) {
        if (strcmp(unit->entry[i - 1].key, key) == 0)
            return *unit->entry[i - 1].value ? unit->entry[i - 1].value : NULL;
    }
    return NULL;
}

const char *mps_unit_item(const struct mps_unit *unit, const char *key, size_t i)
{
    size_t first = 0;

    for (size_t k = 0; k < unit->n; k++) {
        if (strcmp(unit->entry[k].key, key) == 0 && !*unit->entry[k].value)
            first = k + 1;
    }
    for (size_t k = first; k < unit->n; k++) {
        if (strcmp(unit->entry[k].key, key) == 0 && i-- == 0)
            return unit->entry[k].value;
    }
    return NULL;
}

bool mps_unit_lists(const struct mps_unit *unit, const char *key, const char *word)
{
    size_t len = strlen(word);
    const char *item;

    for (size_t i = 0; (item = mps_unit_item(unit, key, i)); i++) {
        while (*item) {
            size_t n = strcspn(item, BLANKS);
            size_t skip = *item == '~';

            if (n - skip == len && strncmp(item + skip, word, len) == 0)
                return true;
            item += n + strspn(item + n, BLANKS);
        }
    }
    return false;
}

bool mps_unit_says_yes(const struct mps_unit *unit, const char *key)
{
    const char *value = mps_unit_value(unit, key);

    return value && (strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 ||
                     strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0);
}
