/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "handover/config.h"
#include "handover/spawn.h"
#include "inspect.h"
#include "launcher.h"
#include "options.h"
#include "places.h"
#include "settings.h"

/* The loader separates the list by blanks and colons and knows no quoting. */
static bool is_loadable(const char *path)
{
    return strpbrk(path, " :\t\n$") == NULL;
}

/*
 * mptcpize's library makes sockets of the kernel's MPTCP by direct system calls, which leaves
 * nothing to do for us unless we come first.
 */
static bool must_be_first(const char *list)
{
    return strstr(list, "libmptcpwrap") != NULL;
}

/* LD_PRELOAD with our library at its end, once. */
static bool set_preload(const char *library)
{
    const char *old = getenv("LD_PRELOAD");
    char *value;
    bool done;

    if (!old || *old == '\0')
        return setenv("LD_PRELOAD", library, 1) == 0;
    if (strstr(old, library))
        return true;
    if (asprintf(&value, "%s:%s", must_be_first(old) ? library : old,
                 must_be_first(old) ? old : library) < 0)
        return false;
    done = setenv("LD_PRELOAD", value, 1) == 0;
    free(value);
    return done;
}

/*
 * The AddressSanitizer of gcc is a library of its own and ends the program if any other comes
 * before it. Ours needs nothing of it, and libc still comes after it: it may be told so. Always, as
 * the programs that our program starts are not known.
 */
static bool set_sanitizer(void)
{
    static const char key[] = "verify_asan_link_order";
    const char *old = getenv("ASAN_OPTIONS");
    char *value;
    bool done;

    if (old && strstr(old, key))
        return true;
    if (asprintf(&value, "%s%s%s=0", old ? old : "", old && *old ? ":" : "", key) < 0)
        return false;
    done = setenv("ASAN_OPTIONS", value, 1) == 0;
    free(value);
    return done;
}

/* Inside a shimmed tree of this user, with the same options: its agent serves us too. */
static bool has_agent(const char *words)
{
    static struct mps_ho_config config;
    const char *options = getenv(MPS_ENV_OPTIONS);

    return mps_ho_config_init(&config, getenv(MPS_ENV_AGENT), getenv(MPS_ENV_PROGRAM), options,
                              NULL) &&
           config.uid == geteuid() && strcmp(words, options ? options : "") == 0;
}

/* Without them all works as with them. */
static bool set_counts(const char *agent_id)
{
    int number = mps_counts_create(agent_id);
    char value[MPS_HO_COUNTS_MAX];

    if (number < 0)
        return unsetenv(MPS_ENV_COUNTS) == 0;
    snprintf(value, sizeof(value), "%d", number);
    return setenv(MPS_ENV_COUNTS, value, 1) == 0;
}

static bool set_agent(const char *words)
{
    char value[MPS_HO_AGENT_ENV_MAX];

    /* It begins with the id. */
    if (!mps_ho_config_invent(value) || setenv(MPS_ENV_AGENT, value, 1) != 0 || !set_counts(value))
        return false;
    return (*words ? setenv(MPS_ENV_OPTIONS, words, 1) : unsetenv(MPS_ENV_OPTIONS)) == 0;
}

/* While the program starts, so that its first connection finds it. */
static void start_agent(void)
{
    static struct mps_ho_config config;

    if (!mps_ho_config_init(&config, getenv(MPS_ENV_AGENT), getenv(MPS_ENV_PROGRAM),
                            getenv(MPS_ENV_OPTIONS), getenv("HOME")))
        return;
    mps_ho_config_counts(&config, getenv(MPS_ENV_COUNTS));
    mps_ho_spawn_early(&config);
}

static int execute(char **program, bool new_agent, bool both_classes)
{
    static struct mps_inspection inspection;
    const char *reason;
    int error;

    mps_inspect(program[0], both_classes, &inspection);
    reason = inspection.reason;
    if (reason)
        mps_launcher_complain("warning: %s will use plain TCP: %s", program[0], reason);
    /* Nobody else would remove the segment of the counts. */
    if (reason && new_agent)
        mps_counts_remove(getenv(MPS_ENV_COUNTS));
    else if (new_agent)
        start_agent();
    execvp(program[0], program);
    error = errno;
    mps_launcher_complain("%s: %s", program[0], strerror(error));
    return error == ENOENT || error == ENOTDIR ? MPS_EXIT_NOT_FOUND : MPS_EXIT_CANNOT_RUN;
}

int mps_launcher_run(int argc, char **argv)
{
    static struct mps_places places;
    struct mps_run_options options;
    bool new_agent, both_classes;
    int code = mps_run_options_parse(argc, argv, &options);

    if (code == 0)
        code = mps_launcher_configure(&options);
    if (code != 0)
        return code;
    if (!mps_places_find(&places)) {
        mps_launcher_complain("%s is neither beside mptcpshim nor in %s", MPS_PRELOAD_NAME,
                              MPS_LIBRARY_DIR);
        return MPS_EXIT_FAILURE;
    }
    if (!is_loadable(places.library)) {
        mps_launcher_complain("the loader cannot take a path like '%s'", places.library);
        return MPS_EXIT_FAILURE;
    }
    both_classes = mps_places_serve_both(places.library);
    new_agent = !has_agent(options.words);
    if ((new_agent && !set_agent(options.words)) || setenv(MPS_ENV_PROGRAM, places.agent, 1) != 0 ||
        !set_preload(places.library) || !set_sanitizer()) {
        mps_launcher_complain("environment: %s", strerror(errno));
        return MPS_EXIT_FAILURE;
    }
    if (access(places.agent, X_OK) != 0) {
        mps_launcher_complain("warning: all connections will be plain TCP: %s: %s", places.agent,
                              strerror(errno));
        mps_counts_remove(new_agent ? getenv(MPS_ENV_COUNTS) : NULL);
        new_agent = false;
    }
    return execute(options.program, new_agent, both_classes);
}
