/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "agents.h"
#include "launcher.h"

static const char *text(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "?";
}

static int number(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_int(v) : 0;
}

static bool flag(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

static void print_path(struct json_object *path)
{
    if (!flag(path, "used")) {
        printf("%s  %s  %s  not used\n", text(path, "agent"), text(path, "interface"),
               text(path, "address"));
        return;
    }
    printf("%s  %s  %s  %sweight %d  subflows %d\n", text(path, "agent"), text(path, "interface"),
           text(path, "address"), flag(path, "backup") ? "backup  " : "", number(path, "weight"),
           number(path, "subflows"));
}

static int list(bool json)
{
    int agents;
    struct json_object *all = mps_agents_list(MPS_HO_PATHS, &agents);

    if (!all)
        return MPS_EXIT_FAILURE;
    if (json) {
        puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
    } else {
        for (size_t i = 0; i < json_object_array_length(all); i++)
            print_path(json_object_array_get_idx(all, i));
        if (agents == 0)
            puts(MPS_NO_AGENT);
    }
    json_object_put(all);
    return fflush(stdout) != 0 ? MPS_EXIT_FAILURE : 0;
}

int mps_launcher_tell(int op, const char *agent, const char *what, int argc, char **argv)
{
    struct mps_agents_answer answer;
    char line[MPS_HO_DATA_MAX + 1] = "";
    size_t len = 0;

    for (int i = 0; i < argc; i++) {
        int n = snprintf(line + len, sizeof(line) - len, "%s%s", i > 0 ? " " : "", argv[i]);

        if (n < 0 || (size_t)n >= sizeof(line) - len) {
            mps_launcher_complain("%s: too much", what);
            return MPS_EXIT_FAILURE;
        }
        len += (size_t)n;
    }
    if (!mps_agents_tell((enum mps_ho_op)op, line, agent, &answer))
        return MPS_EXIT_FAILURE;
    if (answer.done > 0)
        return 0;
    mps_launcher_complain("%s: %s", what, answer.refused > 0 ? answer.why : MPS_NO_AGENT);
    return MPS_EXIT_FAILURE;
}

int mps_launcher_path(int argc, char **argv)
{
    bool listing = argc > 1 && strcmp(argv[1], "list") == 0;
    const char *agent = NULL;

    if (listing && (argc == 2 || (argc == 3 && strcmp(argv[2], "--json") == 0)))
        return list(argc == 3);
    if (!listing && argc > 3 && strcmp(argv[1], "--agent") == 0) {
        agent = argv[2];
        argc -= 2;
        argv += 2;
    }
    if (listing || argc < 3) {
        mps_launcher_complain("path: list [--json], or [--agent ID] add, del or set with an "
                              "address; try 'mptcpshim help'");
        return MPS_EXIT_FAILURE;
    }
    return mps_launcher_tell(MPS_HO_PATH, agent, "path", argc - 1, argv + 1);
}
