/* SPDX-License-Identifier: MIT */
/* What a program changes about a connection while it lives: its scheduler, its paths. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "agent.h"
#include "handover.h"
#include "handover/ask.h"
#include "options.h"

#define WEIGHT_MAX 100

/* 0, or a negative errno value. */
static int command(int fd, const char *text)
{
    struct mps_ho_conn_name name;
    const struct mps_ho_conn conn = {.config = api_agent_config(), .name = &name, .fd = fd};
    struct mps_ho_request req = {.op = MPS_HO_CONN_OWN, .len = (uint32_t)strlen(text)};
    struct mps_ho_reply reply;
    int r = mps_ho_conn_of(fd, &name);

    if (r < 0)
        return r;
    if (r == 0)
        return -EOPNOTSUPP;
    memcpy(req.data, text, req.len);
    if (!mps_ho_ask(&conn, &req, &reply))
        return -ENOTCONN;
    return reply.status == MPS_HO_OK ? 0 : -(reply.error > 0 ? reply.error : EINVAL);
}

static int finish(int saved, int r)
{
    errno = saved;
    return api_return(r);
}

int mptcpshim_set_scheduler(int fd, const char *scheduler)
{
    char text[64];
    int saved = errno;

    if (!api_options_is_scheduler(scheduler))
        return api_return(-EINVAL);
    snprintf(text, sizeof(text), "scheduler=%s", scheduler);
    return finish(saved, command(fd, text));
}

/* "verb ADDRESS rest" */
static int path_command(int fd, const char *verb, const struct sockaddr *local, socklen_t len,
                        const char *rest)
{
    char address[API_ADDRESS_TEXT], text[128];
    int saved = errno, r = api_options_address(local, len, address);

    if (r < 0)
        return api_return(r);
    snprintf(text, sizeof(text), "%s %s %s", verb, address, rest);
    return finish(saved, command(fd, text));
}

int mptcpshim_add_address(int fd, const struct sockaddr *local, socklen_t len)
{
    return path_command(fd, "add", local, len, "");
}

int mptcpshim_remove_address(int fd, const struct sockaddr *local, socklen_t len)
{
    return path_command(fd, "del", local, len, "");
}

int mptcpshim_set_backup(int fd, const struct sockaddr *local, socklen_t len, int backup)
{
    if (backup != 0 && backup != 1)
        return api_return(-EINVAL);
    return path_command(fd, "set", local, len, backup ? "backup=yes" : "backup=no");
}

int mptcpshim_set_weight(int fd, const struct sockaddr *local, socklen_t len, unsigned int weight)
{
    char word[32];

    if (weight < 1 || weight > WEIGHT_MAX)
        return api_return(-EINVAL);
    snprintf(word, sizeof(word), "weight=%u", weight);
    return path_command(fd, "set", local, len, word);
}
