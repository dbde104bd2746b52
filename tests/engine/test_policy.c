/* SPDX-License-Identifier: MIT */
/* Which local addresses connections use: files, `mptcpshim path`, what programs bind; and the
 * requests that change running connections. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <json-c/json.h>
#include <unistd.h>
#include "config/settings.h"
#include "core/sched/sched.h"
#include "engine/paths/locals.h"
#include "engine/connection/mpconn.h"

/* ---- addresses, without any connection ---- */

struct host {
    struct mps_engine eng;
    struct mps_view view;
    struct mps_settings settings;
};

static struct mps_addr addr(const char *text)
{
    struct mps_addr a = {.family = MPS_AF_NONE};

    assert_null(mps_value_address(text, &a));
    return a;
}

static void add(struct host *h, const char *ifname, uint32_t ifindex, const char *address)
{
    struct mps_netaddr_entry *e = &h->view.addresses.entry[h->view.addresses.n++];

    memset(e, 0, sizeof(*e));
    e->addr = addr(address);
    e->ifindex = ifindex;
    e->loopback = ifindex == 1;
    snprintf(e->ifname, sizeof(e->ifname), "%s", ifname);
}

static struct host *new_host(const char *file)
{
    struct host *h = calloc(1, sizeof(*h));
    struct mps_settings_report report = {.bad = NULL};

    assert_non_null(h);
    mps_settings_init(&h->settings);
    mps_settings_read_text(&h->settings, "t", file, strlen(file), &report);
    assert_int_equal(report.n_bad, 0);
    h->eng.view = &h->view;
    h->eng.policy = &h->settings.policy;
    h->eng.options = h->settings.options;
    mps_list_init(&h->eng.sessions);
    add(h, "lo", 1, "127.0.0.1");
    add(h, "eth0", 2, "10.0.0.1");
    add(h, "eth0", 2, "2001:db8::1");
    add(h, "eth0", 2, "2001:db8::2");
    add(h, "wlan0", 3, "10.0.1.1");
    return h;
}

/* "ADDRESS[,b][,wN] ..." as the connection would use them. */
static const char *selected(struct host *h, struct mps_locals_want want, const char *peer)
{
    static char text[1024];
    struct mps_netaddr_list list;
    struct mps_addr to = addr(peer), own = addr("10.0.0.1");
    size_t at = 0;

    want.options = &h->eng.options;
    want.peer = &to;
    if (!want.own)
        want.own = &own;
    mps_locals_select(&h->eng, &want, &list);
    text[0] = '\0';
    for (unsigned i = 0; i < list.n; i++) {
        const struct mps_netaddr_entry *e = &list.entry[i];
        const uint8_t *ip = e->addr.ip;

        if (e->addr.family == MPS_AF_INET)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%u.%u", ip[2], ip[3]);
        else
            at += (size_t)snprintf(text + at, sizeof(text) - at, ":%u", ip[15]);
        if (e->backup)
            at += (size_t)snprintf(text + at, sizeof(text) - at, ",b");
        if (e->weight != 1)
            at += (size_t)snprintf(text + at, sizeof(text) - at, ",w%u", e->weight);
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", i + 1 < list.n ? " " : "");
    }
    return text;
}

#define FAR "192.0.2.1"
#define ANY ((struct mps_locals_want){.own = NULL})

static void expect_file(const char *file, const char *wanted)
{
    struct host *h = new_host(file);

    assert_string_equal(selected(h, ANY, FAR), wanted);
    free(h);
}

static void add_alone(struct host *h, const char *ifname, uint32_t ifindex, const char *address)
{
    add(h, ifname, ifindex, address);
    h->view.addresses.entry[h->view.addresses.n - 1].alone = true;
}

/* A rented host: further addresses of the same interface are no further paths, */
static void addresses_without_network(void **state)
{
    struct host *h = new_host("");
    struct mps_addr own = addr("10.0.7.2");

    for (unsigned i = 1; i < 4; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.0.7.%u", i);
        add_alone(h, "eth0", 2, text);
        snprintf(text, sizeof(text), "10.0.8.%u", i);
        add_alone(h, "ppp0", 9, text);
    }
    assert_string_equal(selected(h, ANY, FAR), "0.1 :1 1.1 8.1");
    /* unless the connection has one of them. */
    assert_string_equal(selected(h, (struct mps_locals_want){.own = &own}, FAR), ":1 1.1 8.1 7.2");
    h->eng.options.n_locals = 2;
    h->eng.options.locals[0] = addr("10.0.7.2");
    h->eng.options.locals[1] = addr("10.0.7.3");
    assert_string_equal(selected(h, ANY, FAR), "7.2 7.3");
    free(h);
}

static void files(void **state)
{
    expect_file("", "0.1 :1 1.1");
    expect_file("[paths]\nexclude-interfaces = wlan*\n", "0.1 :1");
    expect_file("[paths]\ninclude-interfaces = wlan0\n", "1.1");
    expect_file("[paths]\ninclude-prefixes = 10.0.0.0/8\nexclude-prefixes = 10.0.1.0/24\n", "0.1");
    /* The next one of that interface takes its place. */
    expect_file("[paths]\nexclude-prefixes = 2001:db8::1\n", "0.1 :2 1.1");
    expect_file("[paths]\nlocal = 10.0.1.1\nexclude-interfaces = *\n", "1.1");
    expect_file("[path wlan0]\nbackup = yes\nweight = 7\n[path 10.0.0.0/16]\nweight = 2\n",
                "0.1,w2 :1 1.1,b,w2");
}

static void tell(struct host *h, const char *command, const char *wrong)
{
    char text[256];
    const char *why;

    snprintf(text, sizeof(text), "%s", command);
    why = mps_pathctl_command(&h->view.paths, &h->view.addresses, text);
    if (!wrong)
        assert_null(why);
    else if (!why || !strstr(why, wrong))
        fail_msg("%s: %s", command, why ? why : "taken");
}

static void commands(void **state)
{
    struct host *h = new_host("[paths]\nexclude-interfaces = wlan0\n[path eth0]\nweight = 3\n");

    assert_string_equal(selected(h, ANY, FAR), "0.1,w3 :1,w3");
    tell(h, "set eth0 backup=yes", NULL);
    assert_string_equal(selected(h, ANY, FAR), "0.1,b,w3 :1,b,w3");
    tell(h, "set 10.0.0.1 backup=no weight=1", NULL);
    assert_string_equal(selected(h, ANY, FAR), "0.1 :1,b,w3");
    tell(h, "add wlan0 weight=9", NULL);
    assert_string_equal(selected(h, ANY, FAR), "0.1 :1,b,w3 1.1,w9");
    tell(h, "del eth0", NULL);
    assert_string_equal(selected(h, ANY, FAR), "1.1,w9");
    /* Of an interface's addresses those that make a path; by name any one. */
    tell(h, "add eth0", NULL);
    assert_string_equal(selected(h, ANY, FAR), "0.1 :1,b,w3 1.1,w9");
    tell(h, "add 2001:db8::2", NULL);
    assert_string_equal(selected(h, ANY, FAR), "0.1 :1,b,w3 1.1,w9 :2,b,w3");
    tell(h, "del eth0", NULL);
    assert_string_equal(selected(h, ANY, FAR), "1.1,w9");
    /* All loopback addresses are there; those of other hosts are not. */
    assert_string_equal(selected(h, ANY, "127.0.0.1"), "");
    tell(h, "add 127.0.0.9", NULL);
    assert_string_equal(selected(h, ANY, "127.0.0.1"), "0.9");
    assert_string_equal(selected(h, ANY, FAR), "1.1,w9");
    tell(h, "del 127.0.0.9", NULL);
    assert_string_equal(selected(h, ANY, "127.0.0.1"), "");
    /* What was changed can be changed when it is gone, and goes for its return. */
    h->view.addresses.n--;
    assert_string_equal(selected(h, ANY, FAR), "");
    tell(h, "set 10.0.1.1 weight=4", NULL);
    h->view.addresses.n++;
    assert_string_equal(selected(h, ANY, FAR), "1.1,w4");
    free(h);
}

static void wrong_commands(void **state)
{
    struct host *h = new_host("");
    struct mps_pathctl before;
    char text[64];

    memcpy(&before, &h->view.paths, sizeof(before));
    tell(h, "", "no command");
    tell(h, "walk eth0", "not add, del or set");
    tell(h, "add", "no address");
    tell(h, "add 10.9.9.9", "neither");
    tell(h, "add eth7", "neither");
    tell(h, "set eth0", "nothing to set");
    tell(h, "set eth0 backup", "not backup=yes");
    tell(h, "set eth0 backup=perhaps", "yes or no");
    tell(h, "set eth0 weight=0", "1 to 100");
    tell(h, "set eth0 colour=red", "not backup=yes");
    tell(h, "set eth0 backup=yes weight=x", "1 to 100");
    tell(h, "del eth0 weight=3", "deleted");
    assert_memory_equal(&before, &h->view.paths, sizeof(before));
    for (unsigned i = 0; i < MPS_PATHCTL_MAX; i++) {
        snprintf(text, sizeof(text), "add 127.0.1.%u", i);
        tell(h, text, NULL);
    }
    tell(h, "add 127.0.2.1", "too many");
    tell(h, "del 127.0.1.1", NULL);
    free(h);
}

static void bound(void **state)
{
    struct host *h = new_host("");
    const struct mps_addr own = addr("10.0.1.1");
    const struct mps_locals_want keep = {.own = &own, .only_own = true};
    const struct mps_locals_want device = {.own = &own, .ifindex = 2};

    assert_string_equal(selected(h, keep, FAR), "1.1");
    assert_string_equal(selected(h, device, FAR), "0.1 :1");
    free(h);
}

/* ---- requests, with connections ---- */

static struct mps_session *only_session(struct mps_engine *eng)
{
    assert_int_equal(eng->n_sessions, 1);
    return mps_list_entry(eng->sessions.next, struct mps_session, link);
}

static struct rig_reply request(struct mps_hub *hub, int op, const char *data)
{
    struct mps_ho_request req = {.op = (uint16_t)op, .len = (uint32_t)strlen(data)};

    memcpy(req.data, data, req.len);
    return rig_request(hub, &req, -1);
}

static bool done(void *arg)
{
    struct stream *s = arg;

    return stream_step(s) || s->broken || s->error;
}

static void expect_scheduler(struct mps_engine *eng, const char *name)
{
    struct mps_conn_info info;

    mps_conn_info(mps_mpconn_core(only_session(eng)->mp), &info);
    assert_string_equal(info.sched, name);
}

static void scheduler_of_a_connection(void **state)
{
    struct stream s = {.seed = 3, .length = 3000000};
    struct rig_reply d;
    struct rig rig;
    char text[64];

    rig_init(&rig, "local=127.0.0.1,127.0.0.2");
    rig_connect(&rig, &s.from, &s.to);
    rig_run(&rig, 0.05);
    snprintf(text, sizeof(text), "%08x scheduler=roundrobin",
             mps_conn_token(mps_mpconn_core(only_session(rig.client)->mp)));
    d = request(&rig.client_hub, MPS_HO_CONN_SET, text);
    assert_int_equal(d.reply.status, MPS_HO_OK);
    expect_scheduler(rig.client, "roundrobin");
    snprintf(text, sizeof(text), "%016llx scheduler=redundant",
             (unsigned long long)only_session(rig.client)->ac.id);
    d = request(&rig.client_hub, MPS_HO_CONN_SET, text);
    assert_int_equal(d.reply.status, MPS_HO_OK);
    expect_scheduler(rig.client, "redundant");
    strcpy(strchr(text, '='), "=fastest");
    d = request(&rig.client_hub, MPS_HO_CONN_SET, text);
    assert_int_equal(d.reply.status, MPS_HO_ERROR);
    assert_int_equal(d.reply.error, EINVAL);
    assert_true(d.reply.len > 0);
    expect_scheduler(rig.client, "redundant");
    assert_int_equal(request(&rig.client_hub, MPS_HO_CONN_SET, "").reply.error, ENOENT);
    assert_int_equal(request(&rig.client_hub, MPS_HO_CONN_SET, "1234567 scheduler=ecf").reply.error,
                     ENOENT);
    *strchr(text, ' ') = '\0';
    assert_int_equal(request(&rig.client_hub, MPS_HO_CONN_SET, text).reply.error, EINVAL);
    assert_true(rig_until(&rig, done, &s, 20));
    assert_int_equal(s.received, s.length);
    close(s.from);
    close(s.to);
    rig_deinit(&rig);
}

static const char *member(struct json_object *list, const char *address, const char *key)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i), *v;

        if (json_object_object_get_ex(o, "address", &v) &&
            strcmp(json_object_get_string(v), address) == 0 &&
            json_object_object_get_ex(o, key, &v))
            return json_object_get_string(v);
    }
    return "";
}

struct flagged {
    struct mps_engine *eng;
    bool backup;
};

/* All of the connection's subflows are marked so. */
static bool all_flagged(void *arg)
{
    struct flagged *f = arg;
    struct mps_subflow_info info[4];
    unsigned n = mps_conn_subflow_info(mps_mpconn_core(only_session(f->eng)->mp), info, 4);

    for (unsigned i = 0; i < n && i < 4; i++) {
        if (info[i].backup != f->backup)
            return false;
    }
    return n > 0;
}

/* Both flags get to the other engine, in either direction. */
static void paths_of_connections(void **state)
{
    struct json_object *list;
    struct rig_reply d;
    struct flagged f;
    struct rig rig;
    int from, to;

    rig_init(&rig, "local=127.0.0.1");
    rig_connect(&rig, &from, &to);
    rig_run(&rig, 0.05);
    f = (struct flagged){rig.server, true};
    assert_int_equal(
        request(&rig.client_hub, MPS_HO_PATH, "set 127.0.0.1 backup=yes weight=5").reply.status,
        MPS_HO_OK);
    assert_true(rig_until(&rig, all_flagged, &f, 10));
    d = request(&rig.client_hub, MPS_HO_PATHS, "");
    assert_int_equal(d.reply.status, MPS_HO_OK);
    list = json_object_from_fd(d.reply_fd);
    close(d.reply_fd);
    assert_non_null(list);
    assert_string_equal(member(list, "127.0.0.1", "used"), "true");
    assert_string_equal(member(list, "127.0.0.1", "backup"), "true");
    assert_string_equal(member(list, "127.0.0.1", "weight"), "5");
    assert_string_equal(member(list, "127.0.0.1", "subflows"), "1");
    assert_string_equal(member(list, "127.0.0.1", "interface"), "lo");
    json_object_put(list);
    assert_int_equal(request(&rig.client_hub, MPS_HO_PATH, "set 127.0.0.1 backup=no").reply.status,
                     MPS_HO_OK);
    f.backup = false;
    assert_true(rig_until(&rig, all_flagged, &f, 10));
    f = (struct flagged){rig.client, true};
    assert_int_equal(request(&rig.server_hub, MPS_HO_PATH, "set 127.0.0.1 backup=yes").reply.status,
                     MPS_HO_OK);
    assert_true(rig_until(&rig, all_flagged, &f, 10));
    assert_int_equal(request(&rig.client_hub, MPS_HO_PATH, "set x backup=no").reply.status,
                     MPS_HO_ERROR);
    close(from);
    close(to);
    rig_deinit(&rig);
}

/* The file's flag for the address of the first subflow is told when the connection is there. */
static void first_address_by_file(void **state)
{
    static struct mps_settings settings;
    const char *text = "[path 127.0.0.0/8]\nbackup = yes\n";
    struct mps_settings_report report = {.bad = NULL};
    struct flagged f;
    struct rig rig;
    int from, to;

    mps_settings_init(&settings);
    mps_settings_read_text(&settings, "t", text, strlen(text), &report);
    rig_init(&rig, "local=127.0.0.1");
    rig.client->policy = &settings.policy;
    rig_connect(&rig, &from, &to);
    f = (struct flagged){rig.server, true};
    rig_run(&rig, 0.05);
    assert_true(rig_until(&rig, all_flagged, &f, 10));
    close(from);
    close(to);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_without_network),
        cmocka_unit_test(files),
        cmocka_unit_test(commands),
        cmocka_unit_test(wrong_commands),
        cmocka_unit_test(bound),
        cmocka_unit_test(scheduler_of_a_connection),
        cmocka_unit_test(paths_of_connections),
        cmocka_unit_test(first_address_by_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
