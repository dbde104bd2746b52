/* SPDX-License-Identifier: MIT */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "config/psks.h"
#include "launcher.h"
#include "output.h"
#include "settings.h"

#define FOUND_ERRORS 1

/* Where the errors go: the JSON array, or stderr if it is NULL. */
static void note(void *user, const struct mps_settings_error *e)
{
    struct json_object *list = user, *o;
    char text[512];

    if (!list) {
        mps_settings_error_text(e, text, sizeof(text));
        mps_print_to(stderr, "%s\n", text);
        return;
    }
    o = json_object_new_object();
    json_object_object_add(o, "file", json_object_new_string(e->file));
    json_object_object_add(o, "line", json_object_new_int((int)e->line));
    json_object_object_add(o, "section", json_object_new_string(e->section));
    json_object_object_add(o, "key", json_object_new_string(e->key));
    json_object_object_add(o, "value", json_object_new_string(e->value));
    json_object_object_add(o, "reason", json_object_new_string(e->why));
    json_object_object_add(o, "allowed", json_object_new_string(e->allowed));
    json_object_array_add(list, o);
}

/* One file; a line on stdout that says how it is. */
static void check(const char *file, bool optional, struct mps_settings_report *report)
{
    static struct mps_settings settings;
    static struct mps_psks psks;
    unsigned before = report->n_bad;
    bool read;

    mps_settings_init(&settings);
    read = mps_settings_read_file(&settings, file, optional, report);
    if (settings.options.psk[0]) {
        (void)mps_psks_read(&psks, settings.options.psk, report); /* which says what is wrong */
        mps_psks_wipe(&psks);
    }
    if (report->user)
        return;
    if (report->n_bad > before)
        mps_print("%s: %u wrong\n", file, report->n_bad - before);
    else
        mps_print("%s: %s\n", file, read ? "right" : "is not there");
}

static int usage_error(const char *argument)
{
    mps_launcher_complain("check-config: no option '%s'; try 'mptcpshim check-config --help'",
                          argument);
    return MPS_EXIT_FAILURE;
}

int mps_launcher_check_config(int argc, char **argv)
{
    static struct mps_chosen_files chosen;
    struct mps_settings_report report = {.bad = note};
    const char *file = NULL;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (argv[i][0] == '-' || file)
            return usage_error(argv[i]);
        else
            file = argv[i];
    }
    if (!mps_launcher_choose(file, &chosen))
        return MPS_EXIT_FAILURE;
    report.user = json ? json_object_new_array() : NULL;
    if (chosen.files.only)
        check(file ? file : chosen.only, false, &report);
    if (chosen.files.system)
        check(chosen.files.system, true, &report);
    if (chosen.files.user)
        check(chosen.files.user, true, &report);
    if (json) {
        mps_print_json(report.user);
        json_object_put(report.user);
    }
    return report.n_bad > 0 ? FOUND_ERRORS : 0;
}
