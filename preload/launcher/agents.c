/* SPDX-License-Identifier: MIT */
#include "agents.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "handover/client.h"
#include "launcher.h"

/* Whose process listens on that name; false if nobody's. */
static bool agent_uid(const char *id, uid_t *ret)
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_agent_name(id, &un);
    struct ucred cred;
    socklen_t cred_len = sizeof(cred);
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool found;

    if (sock < 0)
        return false;
    found = connect(sock, (struct sockaddr *)&un, len) == 0 &&
            getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) == 0;
    close(sock);
    if (found)
        *ret = cred.uid;
    return found;
}

static struct json_object *read_json(int fd)
{
    struct json_object *root = NULL;

    if (lseek(fd, 0, SEEK_SET) == 0)
        root = json_object_from_fd(fd);
    close(fd);
    return root;
}

/* Without the secret: the agent answers its own user and root. */
static struct json_object *ask(const char *id)
{
    static struct mps_ho_config config;
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int fd = -1;

    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_STATUS;
    memcpy(config.agent_id, id, sizeof(config.agent_id));
    if (!agent_uid(id, &config.uid) ||
        mps_ho_call(&config, NULL, &req, -1, false, &reply, &fd) != MPS_HO_REPLIED)
        return NULL;
    if (fd >= 0 && reply.status != MPS_HO_OK) {
        close(fd);
        fd = -1;
    }
    return fd >= 0 ? read_json(fd) : NULL;
}

static void merge(struct json_object *all, struct json_object *some)
{
    size_t n = json_object_is_type(some, json_type_array) ? json_object_array_length(some) : 0;

    for (size_t i = 0; i < n; i++)
        json_object_array_add(all, json_object_get(json_object_array_get_idx(some, i)));
}

/* The id in a line of /proc/net/unix that ends in an agent's listening name; NULL if none. */
static const char *agent_in_line(char *line)
{
    char *name = strrchr(line, '@');
    const size_t prefix = strlen(MPS_HO_NAME_PREFIX);

    line[strcspn(line, "\n")] = '\0';
    if (!name || strncmp(name + 1, MPS_HO_NAME_PREFIX, prefix) != 0)
        return NULL;
    name += 1 + prefix;
    return strlen(name) == MPS_HO_ID_LEN && mps_ho_id_valid(name) ? name : NULL;
}

static bool is_listening(const char *line)
{
    unsigned long references, protocol, flags;

    /* Num RefCount Protocol Flags; 0x10000 is __SO_ACCEPTCON. */
    return sscanf(line, "%*[^:]: %lx %lx %lx", &references, &protocol, &flags) == 3 &&
           flags & 0x10000;
}

struct json_object *mps_agents_status(int *ret_agents)
{
    FILE *table = fopen("/proc/net/unix", "re");
    struct json_object *all;
    char *line = NULL;
    size_t size = 0;
    int agents = 0;

    if (!table) {
        mps_launcher_complain("/proc/net/unix: %s", strerror(errno));
        return NULL;
    }
    all = json_object_new_array();
    while (all && getline(&line, &size, table) > 0) {
        const char *id = is_listening(line) ? agent_in_line(line) : NULL;
        struct json_object *some = id ? ask(id) : NULL;

        if (some) {
            agents++;
            merge(all, some);
            json_object_put(some);
        }
    }
    free(line);
    fclose(table);
    if (!all)
        mps_launcher_complain("out of memory");
    else
        *ret_agents = agents;
    return all;
}
