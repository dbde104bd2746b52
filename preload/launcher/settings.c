/* SPDX-License-Identifier: MIT */
#include "settings.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/keys.h"
#include "config/psks.h"
#include "host.h"
#include "launcher.h"

bool mps_launcher_choose(const char *config, struct mps_chosen_files *ret)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *by_variable = getenv("MPTCPSHIM_CONFIG");

    memset(ret, 0, sizeof(*ret));
    if (!config && by_variable && *by_variable)
        config = by_variable;
    if (config) {
        if (*config == '\0' || !mps_launcher_absolute(config, ret->only)) {
            mps_launcher_complain("'%s' is no name of a configuration file", config);
            return false;
        }
        ret->files.only = ret->only;
        return true;
    }
    ret->files.system = MPS_SYSTEM_CONFIG;
    ret->user_by_xdg = xdg && xdg[0] == '/';
    if (mps_settings_user_file(xdg, getenv("HOME"), ret->user, sizeof(ret->user)))
        ret->files.user = ret->user;
    return true;
}

static void complain(void *user, const struct mps_settings_error *e)
{
    char text[512];

    mps_settings_error_text(e, text, sizeof(text));
    mps_launcher_complain("%s", text);
}

/* What the user has put into the environment, outside of any tree. */
static bool own_words(struct mps_run_options *options)
{
    static struct mps_ho_config config;
    char given[MPS_HO_OPTIONS_MAX];
    const char *words = getenv(MPS_ENV_OPTIONS);
    int n;

    if (!words || *words == '\0' ||
        mps_ho_config_init(&config, getenv(MPS_ENV_AGENT), NULL, NULL, NULL))
        return true;
    memcpy(given, options->words, sizeof(given));
    n = snprintf(options->words, sizeof(options->words), "%s%s%s", words, *given ? " " : "", given);
    return n > 0 && (size_t)n < sizeof(options->words);
}

static bool has_word(const struct mps_run_options *options, const char *key)
{
    char scratch[MPS_OPTIONS_WORD];

    return mps_options_find(options->words, strlen(options->words), key, scratch, sizeof(scratch));
}

struct list {
    char text[MPS_HO_OPTIONS_MAX];
    size_t len;
    bool overflow;
};

static void append(struct list *list, const char *item)
{
    int n = snprintf(list->text + list->len, sizeof(list->text) - list->len, "%s%s",
                     list->len > 0 ? "," : "", item);

    if (n > 0 && (size_t)n < sizeof(list->text) - list->len)
        list->len += (size_t)n;
    else
        list->overflow = true;
}

static void append_addr(struct list *list, const struct mps_addr *addr, int bits)
{
    char text[INET6_ADDRSTRLEN + 8] = "";

    inet_ntop(addr->family == MPS_AF_INET ? AF_INET : AF_INET6, addr->ip, text, INET6_ADDRSTRLEN);
    if (bits >= 0)
        snprintf(text + strlen(text), 8, "/%d", bits);
    append(list, text);
}

static bool add_list(struct mps_run_options *options, const char *key, const struct list *list)
{
    return list->len == 0 || (!list->overflow && mps_run_options_add(options, key, list->text));
}

static bool add_names(struct mps_run_options *options, const char *key,
                      const struct mps_names *names)
{
    struct list list = {.len = 0};

    for (unsigned i = 0; i < names->n; i++)
        append(&list, names->item[i]);
    return add_list(options, key, &list);
}

/* What connections are for by the programs' names, unless the command line says it for all. */
static bool add_purposes(struct mps_run_options *options, const struct mps_policy *p)
{
    return has_word(options, "for") || (add_names(options, "bulk", &p->bulk) &&
                                        add_names(options, "interactive", &p->interactive) &&
                                        add_names(options, "handover", &p->handover));
}

/* What the preloaded library has to know, which reads no file. */
static bool add_lists(struct mps_run_options *options, const struct mps_settings *settings)
{
    struct list locals = {.len = 0}, capable = {.len = 0};
    struct list ports = {.len = 0};
    const struct mps_policy *p = &settings->policy;

    if (!add_purposes(options, p))
        return false;

    for (unsigned i = 0; i < settings->options.n_locals; i++)
        append_addr(&locals, &settings->options.locals[i], -1);
    for (unsigned i = 0; i < p->capable.n; i++)
        append_addr(&capable, &p->capable.item[i].addr, p->capable.item[i].bits);
    for (unsigned i = 0; i < p->leave_ports.n; i++) {
        char port[8];

        snprintf(port, sizeof(port), "%u", p->leave_ports.item[i]);
        append(&ports, port);
    }
    if (p->leave_ports.said && p->leave_ports.n == 0)
        append(&ports, "none");
    if (settings->options.bind_keep && !has_word(options, "bind") &&
        !mps_run_options_add(options, "bind", "keep"))
        return false;
    return (has_word(options, "local") || add_list(options, "local", &locals)) &&
           add_list(options, "capable", &capable) &&
           add_names(options, "leave-alone", &p->leave_alone) &&
           add_list(options, "leave-ports", &ports);
}

/*
 * Where the agents of this user keep what they know of peers: in the user's directory for such
 * things, which ends with the session or at a restart. Without one they keep nothing.
 */
static bool add_peers_dir(struct mps_run_options *options)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    char base[MPS_OPTIONS_PATH], dir[MPS_OPTIONS_PATH];
    struct stat st;
    int n;

    if (has_word(options, "peers-dir"))
        return true;
    if (xdg && *xdg)
        n = snprintf(base, sizeof(base), "%s", xdg);
    else
        n = snprintf(base, sizeof(base), "/run/user/%lu", (unsigned long)geteuid());
    if (n <= 0 || (size_t)n >= sizeof(base) || base[0] != '/' || lstat(base, &st) != 0 ||
        !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return true;
    n = snprintf(dir, sizeof(dir), "%s/mptcpshim", base);
    /* A name with blanks cannot be a word; nothing is lost but the memory. */
    if (n > 0 && (size_t)n < sizeof(dir) && !strpbrk(dir, " \t\n\v\f\r"))
        return mps_run_options_add(options, "peers-dir", dir);
    return true;
}

static void bad_word(const char *word, const char *why)
{
    char key[MPS_OPTIONS_WORD], allowed[MPS_KEY_ALLOWED] = "";

    snprintf(key, sizeof(key), "%.*s", (int)strcspn(word, "="), word);
    mps_options_allowed(key, allowed, sizeof(allowed));
    mps_launcher_complain("%s: '%s': %s%s%s", MPS_ENV_OPTIONS, word, why,
                          *allowed ? "; allowed: " : "", allowed);
}

static void say_left_alone(const char *program, const struct mps_policy *policy)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;

    for (unsigned i = 0; i < policy->leave_alone.n; i++) {
        if (strcmp(policy->leave_alone.item[i], name) == 0)
            mps_launcher_complain("warning: %s will use plain TCP: it is to be left alone by "
                                  "the configuration",
                                  program);
    }
}

/* It may come later; so this is a warning only, and only if nothing is left. */
static void say_missing(const struct mps_options *options)
{
    char have[512];

    for (unsigned i = 0; i < options->n_locals; i++)
        if (mps_host_has(&options->locals[i]))
            return;
    if (options->n_locals == 0)
        return;
    mps_host_addresses(have, sizeof(have));
    mps_launcher_complain("warning: this host has none of the addresses of 'local', so there will "
                          "be one path; it has %s",
                          have);
}

/* The agent would not start with a file of keys that it cannot use. */
static bool check_keys(const char *file)
{
    static struct mps_psks psks;
    struct mps_settings_report report = {.bad = complain};
    bool right = file[0] == '\0' || mps_psks_read(&psks, file, &report);

    mps_psks_wipe(&psks);
    return right;
}

int mps_launcher_configure(struct mps_run_options *options)
{
    static struct mps_settings settings;
    static struct mps_chosen_files chosen;
    static struct mps_options scratch;
    struct mps_settings_report report = {.bad = complain};

    if (!mps_launcher_choose(options->config, &chosen))
        return MPS_EXIT_FAILURE;
    mps_settings_init(&settings);
    if (chosen.files.only) {
        if (!mps_settings_read_file(&settings, chosen.only, false, &report))
            return MPS_EXIT_FAILURE;
    } else {
        mps_settings_read(&settings, &chosen.files, &report);
    }
    if (report.n_bad > 0)
        mps_launcher_complain("the rest of the configuration is used; see mptcpshim.conf(5)");
    if (!own_words(options) ||
        (chosen.files.only && !mps_run_options_add(options, "config", chosen.only)) ||
        (chosen.user_by_xdg && !mps_run_options_add(options, "user-config", chosen.user)) ||
        !add_peers_dir(options) || !add_lists(options, &settings)) {
        mps_launcher_complain("too much for the environment variable %s (%d bytes), or a file "
                              "name with blanks",
                              MPS_ENV_OPTIONS, MPS_HO_OPTIONS_MAX - 1);
        return MPS_EXIT_FAILURE;
    }
    mps_options_init(&scratch);
    mps_options_parse(&scratch, options->words, strlen(options->words), bad_word);
    if (!check_keys(scratch.psk[0] ? scratch.psk : settings.options.psk))
        return MPS_EXIT_FAILURE;
    say_missing(&scratch);
    say_left_alone(options->program[0], &settings.policy);
    return 0;
}
