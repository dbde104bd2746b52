/* SPDX-License-Identifier: MIT */
/* Events of one connection, through a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include "agent.h"
#include "handover.h"
#include "handover/ask.h"
#include "handover/sys.h"
#include "members.h"

#define EVENT_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

#define ERRNO_LAST 133 /* EHWPOISON */

/* Of a later release's structure: more is no size. */
#define SIZE_MAX_OF 4096

/* The first release's structure; no program passes less. */
#define SIZE_MIN (offsetof(struct mptcpshim_event, reserved) + sizeof(uint64_t[4]))

static int watch(int fd, int flags)
{
    struct mps_ho_conn_name name;
    const struct mps_ho_conn conn = {.config = api_agent_config(), .name = &name, .fd = fd};
    struct mps_ho_request req = {.op = MPS_HO_WATCH};
    struct mps_ho_reply reply;
    int pair[2], r = mps_ho_conn_of(fd, &name);
    bool replied;

    if (flags & ~EVENT_FLAGS)
        return -EINVAL;
    if (r < 0)
        return r;
    if (r == 0)
        return -EOPNOTSUPP;
    if (syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    replied = mps_ho_ask_with(&conn, &req, pair[1], &reply);
    mps_sys_close(pair[1]);
    if (!replied || reply.status != MPS_HO_OK) {
        mps_sys_close(pair[0]);
        return !replied || reply.error <= 0 ? -ENOTCONN : -reply.error;
    }
    if (flags & SOCK_NONBLOCK)
        (void)mps_sys_fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
    if (!(flags & SOCK_CLOEXEC))
        (void)mps_sys_fcntl(pair[0], F_SETFD, 0);
    return pair[0];
}

int mptcpshim_events(int fd, int flags)
{
    int saved = errno, r = watch(fd, flags);

    errno = saved;
    return api_return(r);
}

static int32_t type_of(const char *name)
{
    static const struct {
        const char *name;
        int32_t type;
    } types[] = {
        {"established", MPTCPSHIM_EVENT_ESTABLISHED},
        {"plain", MPTCPSHIM_EVENT_PLAIN},
        {"closed", MPTCPSHIM_EVENT_CLOSED},
        {"subflow_established", MPTCPSHIM_EVENT_SUBFLOW_UP},
        {"subflow_closed", MPTCPSHIM_EVENT_SUBFLOW_DOWN},
        {"subflow_failed", MPTCPSHIM_EVENT_SUBFLOW_FAILED},
        {"subflow_stale", MPTCPSHIM_EVENT_SUBFLOW_STALE},
        {"subflow_recovered", MPTCPSHIM_EVENT_SUBFLOW_RECOVERED},
        {"subflow_priority", MPTCPSHIM_EVENT_SUBFLOW_PRIORITY},
        {"address_announced", MPTCPSHIM_EVENT_ADDRESS_ANNOUNCED},
        {"address_removed", MPTCPSHIM_EVENT_ADDRESS_REMOVED},
        {"lost", MPTCPSHIM_EVENT_LOST},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(name, types[i].name) == 0)
            return types[i].type;
    }
    return MPTCPSHIM_EVENT_OTHER;
}

/* An errno value by its name; 0: none. */
static int32_t errno_of(const char *name)
{
    const char *known;

    for (int error = 1; error <= ERRNO_LAST; error++) {
        known = strerrorname_np(error);
        if (known != NULL && strcmp(known, name) == 0)
            return error;
    }
    return 0;
}

static void fill(struct json_object *obj, struct mptcpshim_event *ret)
{
    const char *reason = api_member_text(obj, "reason");
    struct json_object *backup;

    ret->type = type_of(api_member_text(obj, "event"));
    ret->subflow = api_member_u32(obj, "subflow");
    ret->lost = api_member_u32(obj, "lost");
    if (json_object_object_get_ex(obj, "backup", &backup) && json_object_get_boolean(backup))
        ret->flags |= MPTCPSHIM_SUBFLOW_BACKUP;
    if (strcmp(api_member_text(obj, "by"), "peer") == 0)
        ret->flags |= MPTCPSHIM_EVENT_BY_PEER;
    memcpy(ret->reason, reason, strnlen(reason, sizeof(ret->reason) - 1));
    ret->error = errno_of(api_member_text(obj, "error"));
    api_member_address(obj, "local", &ret->local);
    api_member_address(obj, "remote", &ret->remote);
    if (ret->type == MPTCPSHIM_EVENT_ADDRESS_ANNOUNCED ||
        ret->type == MPTCPSHIM_EVENT_ADDRESS_REMOVED)
        api_member_address(obj, "address",
                           ret->flags & MPTCPSHIM_EVENT_BY_PEER ? &ret->remote : &ret->local);
}

static int next(int events, struct mptcpshim_event *ret, size_t size)
{
    struct mptcpshim_event event;
    char text[MPS_HO_EVENT_MAX];
    struct json_object *obj;
    ssize_t n;

    if (!ret || size < SIZE_MIN || size > SIZE_MAX_OF)
        return -EINVAL;
    n = mps_sys_recv(events, text, sizeof(text) - 1, 0);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    if (n == 0)
        return 0;
    text[n] = '\0';
    obj = json_tokener_parse(text);
    if (!json_object_is_type(obj, json_type_object)) {
        json_object_put(obj);
        return -EPROTO;
    }
    memset(&event, 0, sizeof(event));
    fill(obj, &event);
    json_object_put(obj);
    memset(ret, 0, size);
    memcpy(ret, &event, size < sizeof(event) ? size : sizeof(event));
    return 1;
}

int mptcpshim_next_event(int events, struct mptcpshim_event *event, size_t size)
{
    int saved = errno, r = next(events, event, size);

    errno = saved;
    return api_return(r);
}
