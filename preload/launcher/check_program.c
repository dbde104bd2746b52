/* SPDX-License-Identifier: MIT */
/* mptcpshim check-program: what `run` would do with a program, without running it. */
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>
#include "config/settings.h"
#include "inspect.h"
#include "launcher.h"
#include "output.h"
#include "places.h"
#include "settings.h"

static int exit_code(const struct mps_inspection *i)
{
    if (i->error == 0)
        return i->reason ? MPS_EXIT_PLAIN : 0;
    return i->error == ENOENT || i->error == ENOTDIR ? MPS_EXIT_NOT_FOUND : MPS_EXIT_CANNOT_RUN;
}

/* The configuration as `run` would read it; what is wrong in it is not the question here. */
static bool is_left_alone(const char *file)
{
    static struct mps_settings settings;
    static struct mps_chosen_files chosen;
    struct mps_settings_report report = {.bad = NULL};
    const char *slash = strrchr(file, '/');

    if (!mps_launcher_choose(NULL, &chosen))
        return false;
    mps_settings_init(&settings);
    if (chosen.files.only)
        (void)mps_settings_read_file(&settings, chosen.only, false, &report);
    else
        mps_settings_read(&settings, &chosen.files, &report);
    for (unsigned i = 0; i < settings.policy.leave_alone.n; i++) {
        if (strcmp(settings.policy.leave_alone.item[i], slash ? slash + 1 : file) == 0)
            return true;
    }
    return false;
}

static void put(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value ? value : ""));
}

static void print_object(const struct mps_inspection *i)
{
    struct json_object *o = json_object_new_object(), *files = json_object_new_array();

    for (unsigned k = 0; k < i->n; k++)
        json_object_array_add(files, json_object_new_string(i->file[k]));
    json_object_object_add(o, "served", json_object_new_boolean(!i->reason && !i->error));
    json_object_object_add(o, "files", files);
    json_object_object_add(o, "bits", json_object_new_int((int)i->bits));
    put(o, "libc", i->libc);
    put(o, "reason", i->error ? strerror(i->error) : i->reason);
    put(o, "advice", i->advice);
    put(o, "note", i->note);
    mps_print_json(o);
    json_object_put(o);
}

static void print_text(const struct mps_inspection *i)
{
    for (unsigned k = 0; k + 1 < i->n; k++)
        mps_print("%s: a script of %s\n", i->file[k], i->file[k + 1]);
    mps_print("%s: ", i->file[i->n - 1]);
    if (i->bits > 0)
        mps_print("%u bits, C library: %s\n", i->bits, i->libc);
    else
        mps_print("neither an ELF program nor a script that says of whom\n");
    if (i->reason)
        mps_print("plain TCP: %s\n", i->reason);
    else
        mps_print("served by 'mptcpshim run'\n");
    if (i->note)
        mps_print("but: %s\n", i->note);
    if (i->advice)
        mps_print("to do: %s\n", i->advice);
}

int mps_launcher_check_program(int argc, char **argv)
{
    static struct mps_inspection inspection;
    static struct mps_places places;
    const char *program = NULL;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-' || program) {
            mps_launcher_complain("check-program: no option '%s'; try 'mptcpshim check-program "
                                  "--help'",
                                  argv[i]);
            return MPS_EXIT_FAILURE;
        } else {
            program = argv[i];
        }
    }
    if (!program) {
        mps_launcher_complain("check-program: which file? Try 'mptcpshim check-program --help'");
        return MPS_EXIT_FAILURE;
    }
    mps_inspect(program, mps_places_find(&places) && mps_places_serve_both(places.library),
                &inspection);
    if (!inspection.error && !inspection.reason && is_left_alone(inspection.file[0])) {
        inspection.reason = "it is to be left alone by the configuration";
        inspection.advice = "take its name out of 'leave-alone', see mptcpshim.conf(5)";
    }
    if (inspection.error)
        mps_launcher_complain("check-program: %s: %s",
                              inspection.n > 0 ? inspection.file[inspection.n - 1] : program,
                              strerror(inspection.error));
    if (json)
        print_object(&inspection);
    else if (!inspection.error)
        print_text(&inspection);
    return exit_code(&inspection);
}
