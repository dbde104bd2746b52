/* SPDX-License-Identifier: MIT */
#include "inspect.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent.h"
#include "core/conn/info_list.h"
#include "handover.h"
#include "handover/ask.h"
#include "handover/client.h"
#include "members.h"

#define JSON_MAX (4 << 20) /* far more than any connection needs */

/* All of a regular file or memfd, NUL-terminated, or NULL. The caller frees it. */
static char *read_all(int fd)
{
    struct stat st;
    char *text;
    off_t at = 0;

    if (fstat(fd, &st) < 0 || st.st_size > JSON_MAX)
        return NULL;
    text = (char *)malloc((size_t)st.st_size + 1);
    if (text == NULL)
        return NULL;
    while (at < st.st_size) {
        ssize_t n = pread(fd, text + at, (size_t)(st.st_size - at), at);

        if (n <= 0) {
            free(text);
            return NULL;
        }
        at += n;
    }
    text[at] = '\0';
    return text;
}

/* The connection's object as the agent tells it; the caller puts it. 0 or a negative code. */
static int fetch(const struct mps_ho_conn_name *name, struct json_object **ret)
{
    const struct mps_ho_config *agent = api_agent_config();
    struct mps_ho_request req = {.op = MPS_HO_CONN_STATUS, .conn_id = name->conn_id};
    struct mps_ho_reply reply;
    struct json_object *obj;
    char *text;
    int fd;

    if (agent == NULL ||
        mps_ho_call(agent, name->agent_id, &req, -1, false, &reply, &fd) != MPS_HO_REPLIED ||
        fd < 0)
        return -ENOTCONN;
    text = reply.status == MPS_HO_OK ? read_all(fd) : NULL;
    close(fd);
    if (text == NULL)
        return reply.status == MPS_HO_OK ? -ENOMEM : -ENOTCONN;
    obj = json_tokener_parse(text);
    free(text);
    if (!json_object_is_type(obj, json_type_object)) {
        json_object_put(obj);
        return -EPROTO;
    }
    *ret = obj;
    return 0;
}

/* Tokens are written as on the wire, in hexadecimal. */
static uint32_t get_token(struct json_object *obj, const char *key)
{
    return (uint32_t)strtoul(api_member_text(obj, key), NULL, 16);
}

static bool get_bool(struct json_object *obj, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(obj, key, &value) && json_object_get_boolean(value);
}

/* Connections and subflows use one list of states. */
static int32_t get_state(struct json_object *obj)
{
    static const struct {
        const char *text;
        int32_t state;
    } states[] = {
        {"connecting", MPTCPSHIM_OPENING},      {"opening", MPTCPSHIM_OPENING},
        {"established", MPTCPSHIM_ESTABLISHED}, {"active", MPTCPSHIM_ESTABLISHED},
        {"closing", MPTCPSHIM_CLOSING},
    };
    const char *text = api_member_text(obj, "state");

    if (strcmp(api_member_text(obj, "mode"), "plain") == 0)
        return MPTCPSHIM_PLAIN;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(text, states[i].text) == 0)
            return states[i].state;
    }
    return MPTCPSHIM_CLOSED;
}

/* What a row of info_list.h says of this library's structure, `ret`. */
#define NUMBER(member)   ret->member = api_member_u64(obj, key);
#define NUMBER32(member) ret->member = api_member_u32(obj, key);
#define FLAG(flag)       ret->flags |= get_bool(obj, key) ? MPTCPSHIM_SUBFLOW_##flag : 0;
#define NONE
#define TAKE(kind, name, value, library)                                                           \
    {                                                                                              \
        static const char key[] = #name;                                                           \
                                                                                                   \
        (void)key;                                                                                 \
        library                                                                                    \
    }

static void get_subflow(struct json_object *obj, struct mptcpshim_subflow *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->id = api_member_u32(obj, "id");
    ret->state = get_state(obj);
    MPS_SUBFLOW_FIELDS(TAKE)
    api_member_address(obj, "local", &ret->local);
    api_member_address(obj, "remote", &ret->remote);
}

/* The array of subflows, or NULL. */
static struct json_object *get_subflows(struct json_object *obj)
{
    struct json_object *list;

    if (!json_object_object_get_ex(obj, "subflows", &list) ||
        !json_object_is_type(list, json_type_array))
        return NULL;
    return list;
}

static void get_stats(struct json_object *obj, struct mptcpshim_stats *ret)
{
    struct json_object *list = get_subflows(obj);
    const char *scheduler = api_member_text(obj, "scheduler");

    memset(ret, 0, sizeof(*ret));
    ret->state = get_state(obj);
    ret->role =
        strcmp(api_member_text(obj, "role"), "server") == 0 ? MPTCPSHIM_SERVER : MPTCPSHIM_CLIENT;
    ret->token = get_token(obj, "token");
    ret->peer_token = get_token(obj, "peer_token");
    ret->subflows = list != NULL ? (uint32_t)json_object_array_length(list) : 0;
    memcpy(ret->scheduler, scheduler, strnlen(scheduler, sizeof(ret->scheduler) - 1));
    MPS_CONN_FIELDS(TAKE)
}

int api_stats(int fd, struct mptcpshim_stats *ret)
{
    struct mps_ho_conn_name name;
    struct json_object *obj;
    int r = mps_ho_conn_of(fd, &name);

    if (r < 0)
        return r;
    if (r == 0) {
        memset(ret, 0, sizeof(*ret));
        return 0;
    }
    r = fetch(&name, &obj);
    if (r < 0)
        return r;
    get_stats(obj, ret);
    json_object_put(obj);
    return 0;
}

int mptcpshim_get_stats(int fd, struct mptcpshim_stats *stats)
{
    int saved = errno;
    int r = api_stats(fd, stats);

    errno = saved;
    return api_return(r);
}

int mptcpshim_is_multipath(int fd)
{
    struct mptcpshim_stats stats;
    int saved = errno;
    int r = api_stats(fd, &stats);

    errno = saved;
    return r < 0 ? api_return(r) : stats.state != MPTCPSHIM_PLAIN;
}

static int list_subflows(int fd, struct mptcpshim_subflow *ret, unsigned int n)
{
    struct mps_ho_conn_name name;
    struct json_object *obj, *list;
    size_t count = 0;
    int r = mps_ho_conn_of(fd, &name);

    if (r <= 0)
        return r;
    r = fetch(&name, &obj);
    if (r < 0)
        return r;
    list = get_subflows(obj);
    if (list != NULL)
        count = json_object_array_length(list);
    for (size_t i = 0; i < count && i < n; i++)
        get_subflow(json_object_array_get_idx(list, i), &ret[i]);
    json_object_put(obj);
    return (int)count;
}

int mptcpshim_subflows(int fd, struct mptcpshim_subflow *list, unsigned int n)
{
    int saved = errno;
    int r = list_subflows(fd, list, n);

    errno = saved;
    return api_return(r);
}
