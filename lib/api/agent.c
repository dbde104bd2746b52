/* SPDX-License-Identifier: MIT */
#include "agent.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "handover/client.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct mps_ho_config config; /* written once, then only read */
static bool config_valid;

/* In a build tree the agent lies in a known place beside this library. */
static bool beside_library(char *path, size_t size)
{
    Dl_info info;
    const char *slash;
    int n;

    if (dladdr((void *)(uintptr_t)api_agent_config, &info) == 0 || info.dli_fname == NULL)
        return false;
    slash = strrchr(info.dli_fname, '/');
    if (slash == NULL)
        return false;
    n = snprintf(path, size, "%.*s/../../preload/mptcpshim-agent", (int)(slash - info.dli_fname),
                 info.dli_fname);
    return n > 0 && (size_t)n < size && access(path, X_OK) == 0;
}

static void config_load(void)
{
    char built[PATH_MAX], own[MPS_HO_AGENT_ENV_MAX];
    const char *program = secure_getenv(MPS_ENV_PROGRAM);
    const char *options = secure_getenv(MPS_ENV_OPTIONS);
    const char *home = secure_getenv("HOME");

    if (program == NULL)
        program = beside_library(built, sizeof(built)) ? built : MPS_AGENT_PROGRAM;
    config_valid =
        mps_ho_config_init(&config, secure_getenv(MPS_ENV_AGENT), program, options, home) ||
        (mps_ho_config_invent(own) && mps_ho_config_init(&config, own, program, options, home));
}

const struct mps_ho_config *api_agent_config(void)
{
    return pthread_once(&once, config_load) == 0 && config_valid ? &config : NULL;
}

bool api_agent_available(void)
{
    const struct mps_ho_config *agent = api_agent_config();
    struct mps_ho_request req = {.op = MPS_HO_PING};
    struct mps_ho_reply reply;
    int fd;

    if (agent == NULL || mps_ho_call(agent, NULL, &req, -1, true, &reply, &fd) != MPS_HO_REPLIED)
        return false;
    if (fd >= 0)
        close(fd);
    return reply.status == MPS_HO_OK;
}
