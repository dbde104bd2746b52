/* SPDX-License-Identifier: MIT */
#include "agents.h"
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "handover/listening.h"
#include "handover/packet.h"
#include "launcher.h"

#define RETRY_MS 20         /* a queue that is full may become empty */
#define JSON_MAX (64 << 20) /* bytes that all agents together may say */

/* ---- who is there ---- */

/* The id in a line of /proc/net/unix that is of an agent's listening name; NULL if none. */
static const char *agent_in_line(char *line)
{
    const char *id = mps_ho_listening(line, MPS_HO_NAME_PREFIX);

    return id && mps_ho_id_valid(id) ? id : NULL;
}

/* Takes the list, which may be NULL; NULL if there is no memory. */
static struct mps_agents *append(struct mps_agents *list, const char *id)
{
    size_t n = list ? list->n : 0, size = sizeof(*list) + (n + 1) * sizeof(list->agent[0]);
    struct mps_agents *longer = realloc(list, size);

    if (!longer) {
        free(list);
        return NULL;
    }
    longer->n = n;
    if (!id)
        return longer;
    longer->agent[n] = (struct mps_agent){
        .cred = {.uid = (uid_t)-1}, /* not known */
        .fd = -1,
        .events = -1,
        .sock = -1,
    };
    memcpy(longer->agent[n].id, id, MPS_HO_ID_LEN);
    longer->n = n + 1;
    return longer;
}

static struct mps_agents *find_agents(const char *only)
{
    FILE *table = fopen("/proc/net/unix", "re");
    struct mps_agents *list = append(NULL, NULL);
    char *line = NULL;
    size_t size = 0;

    if (!table) {
        mps_launcher_complain("/proc/net/unix: %s", strerror(errno));
        free(list);
        return NULL;
    }
    while (list && getline(&line, &size, table) > 0) {
        const char *id = agent_in_line(line);

        if (id && (!only || strcmp(only, id) == 0))
            list = append(list, id);
    }
    free(line);
    fclose(table);
    if (!list)
        mps_launcher_complain("out of memory");
    return list;
}

/* ---- one agent ---- */

/* As whom a process runs; our own user if that cannot be seen. */
static uid_t user_of(pid_t pid)
{
    char name[40], line[128];
    unsigned uid = geteuid();
    FILE *status;

    snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
    status = pid > 0 ? fopen(name, "re") : NULL;
    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "Uid: %*u %u", &uid) == 1)
            break;
    if (status)
        fclose(status);
    return uid;
}

/*
 * May it be ours? An agent that root started early takes another user later (handover/spawn.h), and
 * its socket still shows root.
 */
static bool is_ours(const struct mps_agent *a)
{
    if (geteuid() == 0 || a->cred.uid == geteuid())
        return true;
    return a->cred.uid == 0 && user_of(a->cred.pid) == geteuid();
}

static void finish(struct mps_agent *a, enum mps_agent_answer answer)
{
    /* An agent of root whose process we cannot see. */
    if (answer != MPS_AGENT_OK && answer != MPS_AGENT_ERROR && answer != MPS_AGENT_ENDED &&
        geteuid() != 0 && a->cred.uid == 0 && a->cred.pid == 0)
        answer = MPS_AGENT_STRANGER;
    a->answer = answer;
    if (a->sock >= 0)
        close(a->sock);
    a->sock = -1;
}

static void unasked(struct mps_agent *a)
{
    a->reply.error = errno;
    finish(a, MPS_AGENT_UNASKED);
}

static bool send_request(struct mps_agent *a, const struct mps_ho_request *req)
{
    int pair[2] = {-1, -1};
    bool sent;

    if (req->op == MPS_HO_MONITOR) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
            return false;
        a->events = pair[0];
    }
    sent = mps_ho_packet_send(a->sock, req, sizeof(*req), MSG_DONTWAIT, pair[1]) ==
           (ssize_t)sizeof(*req);
    if (pair[1] >= 0)
        close(pair[1]);
    return sent;
}

/* False if it has to be tried again a little later. */
static bool start(struct mps_agent *a, const struct mps_ho_request *req)
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_agent_name(a->id, &un), cred_len = sizeof(a->cred);

    a->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->sock < 0) {
        unasked(a);
        return true;
    }
    if (connect(a->sock, (struct sockaddr *)&un, len) < 0) {
        bool full = errno == EAGAIN;

        if (errno == ECONNREFUSED || full)
            finish(a, full ? MPS_AGENT_SILENT : MPS_AGENT_ENDED);
        else
            unasked(a);
        return !full;
    }
    /* That of the process which called listen(). */
    if (getsockopt(a->sock, SOL_SOCKET, SO_PEERCRED, &a->cred, &cred_len) < 0)
        unasked(a);
    else if (!is_ours(a))
        finish(a, MPS_AGENT_STRANGER);
    else if (!send_request(a, req))
        unasked(a);
    return true;
}

/* Is it still there under its name, or has it ended while it was asked? */
static bool listens(const char *id)
{
    struct sockaddr_un un;
    socklen_t len = mps_ho_agent_name(id, &un);
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool there = sock >= 0 && (connect(sock, (struct sockaddr *)&un, len) == 0 || errno == EAGAIN);

    if (sock >= 0)
        close(sock);
    return there;
}

static void take_reply(struct mps_agent *a, ssize_t n)
{
    switch (mps_ho_reply_check(&a->reply, n)) {
    case MPS_HO_REPLY_GARBAGE:
        finish(a, MPS_AGENT_GARBAGE);
        break;
    case MPS_HO_REPLY_OTHER_VERSION:
        finish(a, MPS_AGENT_VERSION);
        break;
    case MPS_HO_REPLY_SOUND:
        finish(a, a->reply.status == MPS_HO_OK ? MPS_AGENT_OK : MPS_AGENT_ERROR);
        break;
    }
}

static void receive(struct mps_agent *a)
{
    ssize_t n = mps_ho_packet_receive(a->sock, &a->reply, sizeof(a->reply), MSG_DONTWAIT, &a->fd);

    if (n > 0)
        take_reply(a, n);
    else if (n == 0 || errno != EAGAIN)
        finish(a, listens(a->id) ? MPS_AGENT_CLOSED : MPS_AGENT_ENDED);
}

/* ---- all of them ---- */

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* Each agent that is asked takes a descriptor or two. */
static void raise_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Begin with those that have not begun; how many queues are full. */
static size_t start_all(struct mps_agents *list, const struct mps_ho_request *req, bool *begun)
{
    size_t full = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (!begun[i])
            begun[i] = start(&list->agent[i], req);
        full += !begun[i];
    }
    return full;
}

static void ask(struct mps_agents *list, const struct mps_ho_request *req, bool *begun,
                struct pollfd *fds)
{
    long end = now_ms() + MPS_AGENTS_WAIT_MS, left = MPS_AGENTS_WAIT_MS;
    size_t full = start_all(list, req, begun), open;

    for (; left > 0; left = end - now_ms()) {
        open = 0;
        for (size_t i = 0; i < list->n; i++) {
            /* poll() passes over negative descriptors. */
            fds[i] = (struct pollfd){.fd = list->agent[i].sock, .events = POLLIN};
            open += list->agent[i].sock >= 0;
        }
        if (open + full == 0)
            break;
        if (poll(fds, (nfds_t)list->n, (int)(full > 0 && left > RETRY_MS ? RETRY_MS : left)) < 0)
            continue;
        for (size_t i = 0; i < list->n; i++) {
            if (fds[i].fd >= 0 && fds[i].revents)
                receive(&list->agent[i]);
        }
        if (full > 0)
            full = start_all(list, req, begun);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->agent[i].sock >= 0)
            finish(&list->agent[i], MPS_AGENT_SILENT);
    }
}

struct mps_agents *mps_agents_ask(enum mps_ho_op op, const char *text, const char *only)
{
    struct mps_ho_request req = {
        .magic = MPS_HO_MAGIC,
        .version = MPS_HO_VERSION,
        .op = (uint16_t)op,
    };
    size_t len = text ? strlen(text) : 0;
    struct mps_agents *list;
    struct pollfd *fds;
    bool *begun;

    if (len > MPS_HO_DATA_MAX) {
        mps_launcher_complain("too much");
        return NULL;
    }
    if (len > 0)
        memcpy(req.data, text, len);
    req.len = (uint32_t)len;
    list = find_agents(only);
    if (!list)
        return NULL;
    fds = calloc(list->n + 1, sizeof(*fds));
    begun = calloc(list->n + 1, sizeof(*begun));
    if (fds && begun) {
        raise_limit();
        ask(list, &req, begun, fds);
    } else {
        mps_launcher_complain("out of memory");
        mps_agents_free(list);
        list = NULL;
    }
    free(fds);
    free(begun);
    return list;
}

void mps_agents_free(struct mps_agents *agents)
{
    for (size_t i = 0; agents && i < agents->n; i++) {
        if (agents->agent[i].fd >= 0)
            close(agents->agent[i].fd);
        if (agents->agent[i].events >= 0)
            close(agents->agent[i].events);
    }
    free(agents);
}

size_t mps_agents_count(const struct mps_agents *agents, enum mps_agent_answer answer)
{
    size_t n = 0;

    for (size_t i = 0; i < agents->n; i++)
        n += agents->agent[i].answer == answer;
    return n;
}

static bool complain(const struct mps_agent *a, const char *command)
{
    char who[96];

    if (a->cred.pid > 0)
        snprintf(who, sizeof(who), "agent %s (process %d of user %u)", a->id, (int)a->cred.pid,
                 a->cred.uid);
    else
        snprintf(who, sizeof(who), "agent %s", a->id);
    switch (a->answer) {
    case MPS_AGENT_SILENT:
        mps_launcher_complain("%s: %s does not answer: it is stopped, or hangs", command, who);
        return true;
    case MPS_AGENT_CLOSED:
        mps_launcher_complain("%s: %s refuses the request: it may be of another version", command,
                              who);
        return true;
    case MPS_AGENT_VERSION:
        mps_launcher_complain("%s: %s is of another version: it speaks %u, this program %u",
                              command, who, a->reply.version, MPS_HO_VERSION);
        return true;
    case MPS_AGENT_GARBAGE:
        mps_launcher_complain("%s: %s answers what cannot be understood", command, who);
        return true;
    case MPS_AGENT_UNASKED:
        mps_launcher_complain("%s: %s cannot be asked: %s", command, who, strerror(a->reply.error));
        return true;
    default:
        return false;
    }
}

int mps_agents_complain(const struct mps_agents *agents, const char *command)
{
    int code = 0;

    for (size_t i = 0; i < agents->n; i++) {
        if (complain(&agents->agent[i], command))
            code = MPS_EXIT_NO_ANSWER;
    }
    return code;
}

/* ---- what they say ---- */

/*
 * The text that the descriptor holds; NULL if it is none. It may be another user's: only files in
 * memory can be sealed, and to read one of those does not wait for anybody. Takes what it reads
 * from *left.
 */
static struct json_object *read_json(int fd, size_t *left)
{
    struct json_object *root = NULL;
    struct stat st;
    size_t at = 0, size;
    char *text;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
        (uintmax_t)st.st_size > *left || fcntl(fd, F_GET_SEALS) < 0)
        return NULL;
    size = (size_t)st.st_size;
    *left -= size;
    text = malloc(size + 1);
    if (!text)
        return NULL;
    while (at < size) {
        ssize_t n = pread(fd, text + at, size - at, (off_t)at);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    text[at] = '\0';
    if (at == size)
        root = json_tokener_parse(text);
    free(text);
    return root;
}

/* Only objects are of use to those who print them. */
static bool merge(struct json_object *all, struct json_object *some)
{
    if (!json_object_is_type(some, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(some); i++) {
        struct json_object *o = json_object_array_get_idx(some, i);

        if (!json_object_is_type(o, json_type_object))
            return false;
        json_object_array_add(all, json_object_get(o));
    }
    return true;
}

struct json_object *mps_agents_json(struct mps_agents *agents)
{
    struct json_object *all = json_object_new_array(), *some;
    size_t left = JSON_MAX;

    if (!all) {
        mps_launcher_complain("out of memory");
        return NULL;
    }
    for (size_t i = 0; i < agents->n; i++) {
        if (agents->agent[i].answer != MPS_AGENT_OK)
            continue;
        some = read_json(agents->agent[i].fd, &left);
        if (!merge(all, some))
            agents->agent[i].answer = MPS_AGENT_GARBAGE;
        json_object_put(some);
    }
    return all;
}
