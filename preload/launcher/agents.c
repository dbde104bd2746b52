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
static bool agent_cred(const char *id, struct ucred *ret)
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_agent_name(id, &un), cred_len = sizeof(*ret);
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool found;

    if (sock < 0)
        return false;
    found = connect(sock, (struct sockaddr *)&un, len) == 0 &&
            getsockopt(sock, SOL_SOCKET, SO_PEERCRED, ret, &cred_len) == 0;
    close(sock);
    return found;
}

bool mps_agents_ask(const char *id, struct mps_ho_request *req, int fd,
                    struct mps_ho_reply *ret_reply, int *ret_fd, pid_t *ret_pid)
{
    static struct mps_ho_config config;
    struct ucred cred;

    memcpy(config.agent_id, id, sizeof(config.agent_id));
    if (!agent_cred(id, &cred))
        return false;
    config.uid = cred.uid;
    if (mps_ho_call(&config, NULL, req, fd, false, ret_reply, ret_fd) != MPS_HO_REPLIED)
        return false;
    if (ret_reply->status != MPS_HO_OK) {
        if (*ret_fd >= 0)
            close(*ret_fd);
        return false;
    }
    *ret_pid = cred.pid;
    return true;
}

static struct json_object *read_json(int fd)
{
    struct json_object *root = NULL;

    if (lseek(fd, 0, SEEK_SET) == 0)
        root = json_object_from_fd(fd);
    close(fd);
    return root;
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

bool mps_agents_each(void (*fn)(const char *id, void *user), void *user)
{
    FILE *table = fopen("/proc/net/unix", "re");
    char *line = NULL;
    size_t size = 0;

    if (!table) {
        mps_launcher_complain("/proc/net/unix: %s", strerror(errno));
        return false;
    }
    while (getline(&line, &size, table) > 0) {
        const char *id = is_listening(line) ? agent_in_line(line) : NULL;

        if (id)
            fn(id, user);
    }
    free(line);
    fclose(table);
    return true;
}

/* ---- lists of all agents ---- */

struct gathering {
    enum mps_ho_op op;
    struct json_object *all;
    int agents;
};

static void ask_list(const char *id, void *user)
{
    struct gathering *g = user;
    struct mps_ho_request req = {.op = (uint16_t)g->op};
    struct json_object *some;
    struct mps_ho_reply reply;
    pid_t pid;
    int fd;

    if (!mps_agents_ask(id, &req, -1, &reply, &fd, &pid) || fd < 0)
        return;
    some = read_json(fd);
    if (!some)
        return;
    g->agents++;
    merge(g->all, some);
    json_object_put(some);
}

struct json_object *mps_agents_list(enum mps_ho_op op, int *ret_agents)
{
    struct gathering g = {.op = op, .all = json_object_new_array()};

    if (!g.all) {
        mps_launcher_complain("out of memory");
        return NULL;
    }
    if (!mps_agents_each(ask_list, &g)) {
        json_object_put(g.all);
        return NULL;
    }
    *ret_agents = g.agents;
    return g.all;
}

/* ---- changes ---- */

struct telling {
    enum mps_ho_op op;
    const char *text;
    const char *only; /* NULL: all agents */
    struct mps_agents_answer answer;
};

static void tell(const char *id, void *user)
{
    struct telling *t = user;
    struct mps_ho_request req = {.op = (uint16_t)t->op, .len = (uint32_t)strlen(t->text)};
    struct mps_ho_reply reply = {.status = MPS_HO_OK, .len = 0};
    pid_t pid;
    int fd;

    if (t->only && strcmp(t->only, id) != 0)
        return;
    memcpy(req.data, t->text, req.len);
    if (mps_agents_ask(id, &req, -1, &reply, &fd, &pid)) {
        t->answer.done++;
        if (fd >= 0)
            close(fd);
        return;
    }
    /* An agent of somebody else does not answer. */
    if (reply.status != MPS_HO_ERROR)
        return;
    t->answer.refused++;
    /* What another agent knows better is no reason. */
    if (t->answer.why[0] && reply.error == ENOENT)
        return;
    snprintf(t->answer.why, sizeof(t->answer.why), "%.*s", (int)reply.len, (char *)reply.data);
}

bool mps_agents_tell(enum mps_ho_op op, const char *text, const char *only,
                     struct mps_agents_answer *ret)
{
    struct telling t = {.op = op, .text = text, .only = only};

    if (strlen(text) > MPS_HO_DATA_MAX) {
        mps_launcher_complain("too much");
        return false;
    }
    if (!mps_agents_each(tell, &t))
        return false;
    *ret = t.answer;
    return true;
}
