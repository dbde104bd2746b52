/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "agents.h"
#include "launcher.h"
#include "output.h"

static const char *text(struct json_object *o, const char *key)
{
    struct json_object *v;
    const char *value = NULL;

    if (json_object_object_get_ex(o, key, &v))
        value = json_object_get_string(v);
    return value ? value : "?"; /* there may be a null */
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
    if (number(path, "left_out") > 0) {
        mps_print("%s  %d more addresses of this host are not used: too many\n",
                  text(path, "agent"), number(path, "left_out"));
        return;
    }
    if (!flag(path, "used")) {
        mps_print("%s  %s  %s  not used\n", text(path, "agent"), text(path, "interface"),
                  text(path, "address"));
        return;
    }
    mps_print("%s  %s  %s  %sweight %d  subflows %d\n", text(path, "agent"),
              text(path, "interface"), text(path, "address"),
              flag(path, "backup") ? "backup  " : "", number(path, "weight"),
              number(path, "subflows"));
}

static int list(bool json)
{
    struct mps_agents *agents = mps_agents_ask(MPS_HO_PATHS, NULL, NULL);
    struct json_object *all = agents ? mps_agents_json(agents) : NULL;
    int code = all ? mps_agents_complain(agents, "path list") : MPS_EXIT_FAILURE;

    if (all && json)
        mps_print_json(all);
    for (size_t i = 0; all && !json && i < json_object_array_length(all); i++)
        print_path(json_object_array_get_idx(all, i));
    if (code == 0 && !json && mps_agents_count(agents, MPS_AGENT_OK) == 0)
        mps_print("%s\n", MPS_NO_AGENT);
    json_object_put(all);
    mps_agents_free(agents);
    return code;
}

/* ---- changes ---- */

/* The refusal to show: not one that says that something is unknown, if another agent knows it. */
static const struct mps_agent *best_refusal(const struct mps_agents *agents)
{
    const struct mps_agent *best = NULL;

    for (size_t i = 0; i < agents->n; i++) {
        const struct mps_agent *a = &agents->agent[i];

        if (a->answer == MPS_AGENT_ERROR && (!best || best->reply.error == ENOENT))
            best = a;
    }
    return best;
}

static void complain_none(const struct mps_agents *agents, const char *only, const char *what,
                          const char *line)
{
    const struct mps_agent *refusal = best_refusal(agents);

    if (refusal && refusal->reply.len > 0)
        mps_launcher_complain("%s: '%s': %.*s", what, line, (int)refusal->reply.len,
                              (const char *)refusal->reply.data);
    else if (refusal)
        mps_launcher_complain("%s: '%s': %s", what, line, strerror(refusal->reply.error));
    else if (!only)
        mps_launcher_complain("%s: %s", what, MPS_NO_AGENT);
    else if (mps_agents_count(agents, MPS_AGENT_STRANGER) > 0)
        mps_launcher_complain("%s: agent %s belongs to user %u", what, only,
                              agents->agent[0].cred.uid);
    else
        mps_launcher_complain("%s: no agent %s runs in this network namespace; "
                              "'mptcpshim path list' shows those that do",
                              what, only);
}

int mps_launcher_tell(int op, const char *agent, const char *what, int argc, char **argv)
{
    char line[MPS_HO_DATA_MAX + 1] = "";
    struct mps_agents *agents;
    size_t len = 0;
    int code;

    for (int i = 0; i < argc; i++) {
        int n = snprintf(line + len, sizeof(line) - len, "%s%s", i > 0 ? " " : "", argv[i]);

        if (n < 0 || (size_t)n >= sizeof(line) - len) {
            mps_launcher_complain("%s: too much", what);
            return MPS_EXIT_FAILURE;
        }
        len += (size_t)n;
    }
    agents = mps_agents_ask((enum mps_ho_op)op, line, agent);
    if (!agents)
        return MPS_EXIT_FAILURE;
    code = mps_agents_complain(agents, what);
    if (code == 0 && mps_agents_count(agents, MPS_AGENT_OK) == 0) {
        complain_none(agents, agent, what, line);
        code = MPS_EXIT_FAILURE;
    }
    mps_agents_free(agents);
    return code;
}

int mps_launcher_path(int argc, char **argv)
{
    bool listing = argc > 1 && strcmp(argv[1], "list") == 0;
    const char *agent = NULL;

    if (listing && (argc == 2 || (argc == 3 && strcmp(argv[2], "--json") == 0)))
        return list(argc == 3);
    if (!listing && argc > 2 && strcmp(argv[1], "--agent") == 0) {
        agent = argv[2];
        if (!mps_ho_id_valid(agent)) {
            mps_launcher_complain("path: '%s' is no agent's id: those are 16 hexadecimal digits, "
                                  "as 'mptcpshim path list' shows them",
                                  agent);
            return MPS_EXIT_FAILURE;
        }
        argc -= 2;
        argv += 2;
    }
    if (listing || argc < 3) {
        mps_launcher_complain("path: list [--json], or [--agent ID] add, del or set with an "
                              "address; try 'mptcpshim path --help'");
        return MPS_EXIT_FAILURE;
    }
    return mps_launcher_tell(MPS_HO_PATH, agent, "path", argc - 1, argv + 1);
}
