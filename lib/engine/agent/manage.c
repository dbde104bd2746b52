/* SPDX-License-Identifier: MIT */
#include "manage.h"
#include "engine/show/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "config/keys.h"
#include "config/value.h"
#include "hub.h"
#include "engine/paths/locals.h"
#include "engine/paths/ownpaths.h"
#include "engine/connection/mpconn.h"
#include "engine/connection/relay.h"
#include "engine/connection/session.h"

static void fail(struct mps_dispatch *d, int err)
{
    d->reply.status = MPS_HO_ERROR;
    d->reply.error = err;
}

/* With a text for the user. */
static void refuse(struct mps_dispatch *d, int err, const char *why)
{
    size_t len = strlen(why);

    if (len > sizeof(d->reply.data))
        len = sizeof(d->reply.data);
    fail(d, err);
    memcpy(d->reply.data, why, len);
    d->reply.len = (uint32_t)len;
}

static void text_of(const struct mps_ho_request *req, char ret[MPS_HO_DATA_MAX + 1])
{
    memcpy(ret, req->data, req->len);
    ret[req->len] = '\0';
}

/* ---- paths ---- */

static unsigned n_subflows(const struct mps_engine *eng, const struct mps_addr *addr)
{
    struct mps_subflow_info info[MPS_MAX_SUBFLOWS];
    const struct mps_session *s;
    unsigned n = 0;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link) {
        unsigned k =
            s->mp ? mps_conn_subflow_info(mps_mpconn_core(s->mp), info, MPS_MAX_SUBFLOWS) : 0;

        for (unsigned i = 0; i < k && i < MPS_MAX_SUBFLOWS; i++)
            n += mps_addr_same_ip(&info[i].local, addr);
    }
    return n;
}

static struct json_object *path_object(const struct mps_engine *eng,
                                       const struct mps_netaddr_entry *e, bool used)
{
    struct json_object *o = json_object_new_object();
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(e->addr.family == MPS_AF_INET ? AF_INET : AF_INET6, e->addr.ip, text, sizeof(text));
    mps_json_put(o, "agent", json_object_new_string(eng->agent_id));
    mps_json_put(o, "interface", json_object_new_string(e->ifname));
    mps_json_put(o, "address", json_object_new_string(text));
    mps_json_put(o, "used", json_object_new_boolean(used));
    mps_json_put(o, "backup", json_object_new_boolean(used && e->backup));
    mps_json_put(o, "weight", json_object_new_int(used ? (int)e->weight : 0));
    mps_json_put(o, "subflows", json_object_new_int((int)n_subflows(eng, &e->addr)));
    return o;
}

/* In place of the addresses that are too many: how many they are. */
static struct json_object *left_out_object(const struct mps_engine *eng, unsigned n)
{
    static const struct mps_netaddr_entry nothing = {.addr = {.family = MPS_AF_NONE}};
    struct json_object *o = path_object(eng, &nothing, false);

    mps_json_put(o, "address", json_object_new_string(""));
    mps_json_put(o, "left_out", json_object_new_int((int)n));
    return o;
}

static const struct mps_netaddr_entry *find(const struct mps_netaddr_list *list,
                                            const struct mps_addr *addr)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (mps_addr_same_ip(&list->entry[i].addr, addr))
            return &list->entry[i];
    }
    return NULL;
}

/* The host's addresses, and loopback ones that are used although the kernel does not list them. */
struct json_object *mps_manage_paths(const struct mps_engine *eng)
{
    struct json_object *root = json_object_new_array();
    const struct mps_netaddr_list *all = &eng->view->addresses;
    struct mps_netaddr_list used;

    mps_locals_all(eng, &used);
    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *e = find(&used, &all->entry[i].addr);

        mps_json_append(root, path_object(eng, e ? e : &all->entry[i], e != NULL));
    }
    for (unsigned i = 0; i < used.n; i++) {
        if (!find(all, &used.entry[i].addr))
            mps_json_append(root, path_object(eng, &used.entry[i], true));
    }
    if (all->left_out > 0)
        mps_json_append(root, left_out_object(eng, all->left_out));
    return root;
}

static struct json_object *member(struct json_object *path, const char *key)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(path, key, &value);
    return value;
}

static bool same(struct json_object *a, struct json_object *b, const char *key)
{
    const char *x = json_object_get_string(member(a, key));
    const char *y = json_object_get_string(member(b, key));

    return x && y && strcmp(x, y) == 0;
}

static struct json_object *find_path(struct json_object *list, struct json_object *path)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);

        if (same(o, path, "address") && same(o, path, "interface"))
            return o;
    }
    return NULL;
}

void mps_manage_join_paths(struct json_object *list, struct json_object *more)
{
    for (size_t i = 0; i < json_object_array_length(more); i++) {
        struct json_object *path = json_object_array_get_idx(more, i);
        struct json_object *ours = find_path(list, path);

        /* One of the engines may not have seen yet that an address came or went. */
        if (!ours)
            mps_json_append(list, json_object_get(path));
        else
            json_object_int_inc(member(ours, "subflows"),
                                json_object_get_int(member(path, "subflows")));
    }
}

void mps_manage_path(struct mps_hub *hub, const struct mps_ho_request *req, struct mps_dispatch *d)
{
    char text[MPS_HO_DATA_MAX + 1];
    const char *why;

    text_of(req, text);
    why = mps_hub_path_command(hub, text);
    if (why)
        refuse(d, EINVAL, why);
}

/* ---- one connection ---- */

/* By its token, 8 hexadecimal digits, or its id, 16. */
static bool parse_name(const char *name, uint64_t *ret)
{
    size_t len = strlen(name);

    if ((len != 8 && len != 16) || strspn(name, "0123456789abcdefABCDEF") != len)
        return false;
    *ret = strtoull(name, NULL, 16);
    return true;
}

bool mps_manage_target(const struct mps_ho_request *req, uint64_t *ret)
{
    char text[MPS_HO_DATA_MAX + 1], *p = text, *name;

    text_of(req, text);
    name = mps_value_next(&p);
    return name && parse_name(name, ret);
}

static struct mps_session *find_session(struct mps_engine *eng, const char *name)
{
    uint64_t n;

    if (!parse_name(name, &n))
        return NULL;
    return strlen(name) == 16 ? mps_session_find(eng, n)
                              : mps_token_find(&eng->tokens, (uint32_t)n);
}

/* The keys that a running connection can be given (config/keys.c), each with what that takes. */
static int apply(struct mps_session *s, const struct mps_key *key)
{
    if (s->mp && strcmp(key->name, "scheduler") == 0)
        return mps_conn_set_scheduler(mps_mpconn_core(s->mp), s->ac.options->sched,
                                      mps_clock_now());
    return 0; /* for one that is not open yet */
}

static void refuse_word(struct mps_dispatch *d)
{
    char text[128] = "what can be set is one of";
    const struct mps_key *key;
    size_t len = strlen(text);

    for (unsigned i = 0; (key = mps_key_at(i)) && len < sizeof(text); i++) {
        if (key->live)
            len +=
                (size_t)snprintf(text + len, sizeof(text) - len, " %s=%s", key->name, key->option);
    }
    refuse(d, EINVAL, text);
}

/* Takes the word into the options; NULL: the reply says what is wrong. */
static const struct mps_key *take_word(struct mps_options *options, char *word,
                                       struct mps_dispatch *d)
{
    char *value = strchr(word, '=');
    const struct mps_key *key;
    char allowed[MPS_KEY_ALLOWED], text[sizeof(allowed) + 64];

    if (value)
        *value++ = '\0';
    key = value ? mps_key_of_word(word) : NULL;
    if (!key || !key->live) {
        refuse_word(d);
        return NULL;
    }
    if (mps_options_set(options, word, value) == NULL)
        return key;
    mps_key_allowed(key, allowed);
    snprintf(text, sizeof(text), "the %s is not %s", key->name, allowed);
    refuse(d, EINVAL, text);
    return NULL;
}

/* `text`: one word. */
static void set_word(struct mps_session *s, char *text, struct mps_dispatch *d)
{
    char *word = mps_value_next(&text);
    struct mps_options options;
    const struct mps_key *key;

    if (!word || mps_value_next(&text)) {
        refuse_word(d);
        return;
    }
    options = *s->ac.options;
    key = take_word(&options, word, d);
    if (!key)
        return;
    if (mps_session_is_plain(s)) {
        refuse(d, ENOTCONN, "the connection is plain TCP");
        return;
    }
    if (mps_appconn_set_options(&s->ac, &options) < 0 || apply(s, key) < 0) {
        refuse(d, ENOMEM, "out of memory");
        return;
    }
    mps_session_wake(s);
}

static void set_connection(struct mps_engine *eng, char *text, struct mps_dispatch *d)
{
    char *name = mps_value_next(&text);
    struct mps_session *s = name ? find_session(eng, name) : NULL;

    if (!s)
        refuse(d, ENOENT, "no such connection");
    else
        set_word(s, text, d);
}

void mps_manage_own(struct mps_engine *eng, const struct mps_ho_request *req,
                    struct mps_dispatch *d)
{
    struct mps_session *s = mps_session_find(eng, req->conn_id);
    char text[MPS_HO_DATA_MAX + 1];
    int err;

    text_of(req, text);
    if (!s) {
        fail(d, ENOTCONN);
    } else if (mps_session_is_plain(s)) {
        fail(d, EOPNOTSUPP);
    } else if (strncmp(text, "scheduler=", strlen("scheduler=")) == 0) {
        set_word(s, text, d);
    } else {
        err = mps_ownpaths_command(&s->ac, text);
        if (err != 0)
            fail(d, err);
        else
            mps_session_addresses_changed(s);
    }
}

void mps_manage_connection(struct mps_engine *eng, const struct mps_ho_request *req,
                           struct mps_dispatch *d)
{
    char text[MPS_HO_DATA_MAX + 1];

    text_of(req, text);
    set_connection(eng, text, d);
}
