/* SPDX-License-Identifier: MIT */
#include "verdict.h"
#include <json-c/json.h>
#include <linux/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handover/marks.h"
#include "launcher.h"
#include "member.h"
#include "probe.h"

#define MTU_MARK    (MPS_MARK_CONNECT + 40) /* IPv4 without options */
#define UNLIKE      4                       /* times: round-trip times that are worth a word, */
#define NOTICED     10000                   /* if the longer one is as long, in us */
#define ADVICE_MAX  320
#define ADDRESS_MAX 64

static void put(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void put_number(struct json_object *o, const char *key, int64_t value)
{
    json_object_object_add(o, key, json_object_new_int64(value));
}

__attribute__((format(printf, 2, 3))) static void advise(struct json_object *list,
                                                         const char *format, ...)
{
    char text[ADVICE_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), text) == 0)
            return;
    }
    json_object_array_add(list, json_object_new_string(text));
}

/* ---- addresses ---- */

/* "192.0.2.1:80" and "[2001:db8::1]:80" without the port. */
static void strip_port(const char *address, char ret[ADDRESS_MAX])
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : strlen(address);

    if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    snprintf(ret, ADDRESS_MAX, "%.*s", (int)len, address);
}

static unsigned port_of(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

static bool same_ip(const char *one, const char *other)
{
    char a[ADDRESS_MAX], b[ADDRESS_MAX];

    strip_port(one, a);
    strip_port(other, b);
    return strcmp(a, b) == 0;
}

static const char *interface_of(const struct mps_probe *p, const char *local)
{
    char ip[ADDRESS_MAX];

    strip_port(local, ip);
    for (size_t i = 0; p->paths && i < json_object_array_length(p->paths); i++) {
        struct json_object *o = json_object_array_get_idx(p->paths, i);

        if (mps_member_is(o, "address", ip))
            return mps_member_text(o, "interface", "");
    }
    return "";
}

/* ---- paths ---- */

/* "1" in /proc/sys/net/ipv4/NAME: this host asks for that option. */
static bool is_asked_for(const char *name)
{
    char file[64], value[8] = "";
    FILE *f;

    snprintf(file, sizeof(file), "/proc/sys/net/ipv4/%s", name);
    f = fopen(file, "re");
    if (f) {
        if (!fgets(value, sizeof(value), f))
            value[0] = '\0';
        fclose(f);
    }
    return strtol(value, NULL, 10) > 0;
}

static struct json_object *missing_options(unsigned there)
{
    static const struct {
        unsigned bit;
        const char *file, *word;
    } known[] = {
        {TCPI_OPT_TIMESTAMPS, "tcp_timestamps", "timestamps"},
        {TCPI_OPT_SACK, "tcp_sack", "sack"},
        {TCPI_OPT_WSCALE, "tcp_window_scaling", "window-scaling"},
    };
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!(there & known[i].bit) && is_asked_for(known[i].file))
            json_object_array_add(list, json_object_new_string(known[i].word));
    }
    return list;
}

static struct json_object *path_object(const struct mps_probe *p, struct json_object *subflow,
                                       const char *state)
{
    struct json_object *o = json_object_new_object();
    const char *local = mps_member_text(subflow, "local", "");

    put(o, "interface", interface_of(p, local));
    put(o, "local", local);
    put(o, "remote", mps_member_text(subflow, "remote", ""));
    put(o, "state", state);
    return o;
}

/* `wanted`: the MSS of the peer's answer if nothing on the way lowers it. */
static void put_tcp(struct json_object *o, const struct mps_probe_tcp *tcp, unsigned wanted)
{
    put_number(o, "rtt_us", tcp->rtt_us);
    put_number(o, "mss_sent", tcp->mss_offered);
    put_number(o, "mss_seen", tcp->mss_seen);
    json_object_object_add(o, "mss_lowered",
                           json_object_new_boolean(tcp->mss_seen > 0 && tcp->mss_seen < wanted));
    json_object_object_add(o, "missing", missing_options(tcp->options));
}

static void add_first(struct json_object *list, const struct mps_probe *p)
{
    struct json_object *o = json_object_new_object();

    put(o, "interface", interface_of(p, p->local));
    put(o, "local", p->local);
    put(o, "remote", p->remote);
    put(o, "state", "first");
    /* A peer without the shim says the MSS of its link, whatever that is. */
    put_tcp(o, &p->tcp, p->reason ? 0 : MPS_MARK_LISTEN);
    json_object_array_add(list, o);
}

static void add_join(struct json_object *list, const struct mps_probe *p,
                     struct json_object *subflow)
{
    bool active = mps_member_is(subflow, "state", "active");
    struct json_object *o = path_object(p, subflow, active ? "joined" : "no-answer");
    unsigned options = (unsigned)mps_member_number(subflow, "tcp_options");
    unsigned more = options & TCPI_OPT_TIMESTAMPS ? 12 : 0;
    const struct mps_probe_tcp tcp = {
        .mss_offered = (unsigned)mps_member_number(subflow, "mss_offered") + more,
        .mss_seen = (unsigned)mps_member_number(subflow, "mss") + more,
        .options = options,
        /* The first answer may have waited for its reader. */
        .rtt_us = (unsigned)mps_member_number(subflow, "min_rtt_us"),
    };

    if (active)
        put_tcp(o, &tcp, MPS_MARK_AGENT);
    json_object_array_add(list, o);
}

static struct json_object *find_path(struct json_object *list, const char *local,
                                     const char *remote)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);

        if (same_ip(mps_member_text(o, "local", ""), local) &&
            (!remote || strcmp(mps_member_text(o, "remote", ""), remote) == 0))
            return o;
    }
    return NULL;
}

/* Joins that came about never, or not for long. */
static void add_failed(struct json_object *list, const struct mps_probe *p)
{
    const char *id = mps_member_text(p->connection, "id", "-");

    for (size_t i = 0; i < json_object_array_length(p->events); i++) {
        struct json_object *e = json_object_array_get_idx(p->events, i), *o;

        if (!mps_member_is(e, "id", id) || !(mps_member_is(e, "event", "subflow_failed") ||
                                             mps_member_is(e, "event", "subflow_closed")))
            continue;
        if (find_path(list, mps_member_text(e, "local", ""), mps_member_text(e, "remote", "")))
            continue;
        o = path_object(p, e, "failed");
        put(o, "reason", mps_member_text(e, "reason", ""));
        put(o, "error", mps_member_text(e, "error", ""));
        json_object_array_add(list, o);
    }
}

static bool carries(struct json_object *list, const char *interface)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);

        if (mps_member_is(o, "interface", interface) &&
            (mps_member_is(o, "state", "first") || mps_member_is(o, "state", "joined")))
            return true;
    }
    return false;
}

/*
 * Local addresses that connections use, and this one did not try, of interfaces that carry nothing
 * by another address of theirs.
 */
static void add_untried(struct json_object *list, const struct mps_probe *p)
{
    for (size_t i = 0; p->paths && i < json_object_array_length(p->paths); i++) {
        struct json_object *e = json_object_array_get_idx(p->paths, i), *o;
        char local[ADDRESS_MAX + 4];

        snprintf(local, sizeof(local), "%s:0", mps_member_text(e, "address", ""));
        if (!mps_member_flag(e, "used") || find_path(list, local, NULL) ||
            carries(list, mps_member_text(e, "interface", "")))
            continue;
        o = json_object_new_object();
        put(o, "interface", mps_member_text(e, "interface", ""));
        put(o, "local", mps_member_text(e, "address", ""));
        put(o, "remote", "");
        put(o, "state", "untried");
        json_object_array_add(list, o);
    }
}

static struct json_object *list_paths(const struct mps_probe *p)
{
    struct json_object *list = json_object_new_array();
    struct json_object *subflows = mps_member_list(p->connection, "subflows");

    add_first(list, p);
    if (p->reason)
        return list;
    for (size_t i = 0; subflows && i < json_object_array_length(subflows); i++) {
        struct json_object *o = json_object_array_get_idx(subflows, i);

        if (mps_member_number(o, "id") > 0 && !mps_member_is(o, "state", "dead"))
            add_join(list, p, o);
    }
    add_failed(list, p);
    add_untried(list, p);
    return list;
}

/* ---- the peer's other addresses ---- */

static struct json_object *list_announced(const struct mps_probe *p, struct json_object *paths)
{
    struct json_object *list = json_object_new_array();
    const char *id = mps_member_text(p->connection, "id", "-");

    for (size_t i = 0; i < json_object_array_length(p->events); i++) {
        struct json_object *e = json_object_array_get_idx(p->events, i), *o;
        const char *address = mps_member_text(e, "address", "");
        bool tried = false, reached = false;

        if (!mps_member_is(e, "event", "address_announced") || !mps_member_is(e, "by", "peer") ||
            !mps_member_is(e, "id", id))
            continue;
        for (size_t k = 0; k < json_object_array_length(paths); k++) {
            struct json_object *path = json_object_array_get_idx(paths, k);

            if (!mps_member_is(path, "remote", address))
                continue;
            tried = true;
            reached = reached || mps_member_is(path, "state", "joined");
        }
        o = json_object_new_object();
        put(o, "address", address);
        put(o, "state", reached ? "reached" : tried ? "unreachable" : "untried");
        json_object_object_add(o, "join_port",
                               json_object_new_boolean(port_of(address) != p->port));
        json_object_array_add(list, o);
    }
    return list;
}

/* ---- what would help ---- */

static const struct {
    const char *reason, *text;
} plain_advice[] = {
    {"recently-plain", "the peer has answered as plain TCP just now: try again in some seconds"},
    {"loopback", "there is one path within this host; to try it all the same, give two addresses "
                 "at both ends: --local 127.0.0.1,127.0.0.2"},
    {"link-local", "a link-local address belongs to one interface: use a global address of the "
                   "peer"},
    {"leave-alone", "the configuration leaves this port or program alone: 'leave-ports' and "
                    "'leave-alone' in mptcpshim.conf(5)"},
    {"no-agent", "no agent could be reached: 'mptcpshim bugreport' collects why"},
    {"agent-refused", "the agent lacks memory or descriptors: 'memory' in mptcpshim.conf(5), and "
                      "'ulimit -n'"},
    {"known-plain", "the peer has left an opening message without an answer in the last ten "
                    "minutes: try again later"},
    {"no-answer", "the handshake is right, the opening message is not answered: a box on the way "
                  "passes only the protocol that belongs to this port; use another port"},
    {"peer-refused", "the peer's agent cannot take a connection now: 'mptcpshim status' there "
                     "shows its memory"},
    {"namespace", "the connection is of another network namespace than the agent: start "
                  "mptcpshim within that namespace"},
};

/* The answer to the SYN is no shim's, or was none any more when it came here. */
static void advise_unmarked(struct json_object *advice, const struct mps_probe *p)
{
    unsigned more = p->tcp.options & TCPI_OPT_TIMESTAMPS ? 12 : 0;

    if (p->tcp.mss_offered < MPS_MARK_CONNECT) {
        advise(advice,
               "the MTU of the way out, or the advmss of its route, leaves %u bytes for a segment, "
               "and the mark of the handshake needs %u: raise the MTU to %u, or let both ends list "
               "each other by 'capable =' in mptcpshim.conf(5)",
               p->tcp.mss_offered, MPS_MARK_CONNECT, MTU_MARK);
        return;
    }
    if (p->tcp.mss_seen == MPS_MARK_LISTEN && p->tcp.window % (MPS_MARK_LISTEN - more) != 0) {
        advise(advice,
               "the answer has the MSS of a shim (%u) and not its window (%u): a box on the way "
               "ends TCP; let both ends list each other by 'capable =' in mptcpshim.conf(5)",
               p->tcp.mss_seen, p->tcp.window);
        return;
    }
    advise(advice, "start the server's program by 'mptcpshim run'");
    advise(advice, "if it is: a box on the way (proxy, firewall) answers in its place; let both "
                   "ends list each other by 'capable =' in mptcpshim.conf(5)");
}

static void advise_plain(struct json_object *advice, const struct mps_probe *p)
{
    if (strcmp(p->reason, "peer-unmarked") == 0)
        advise_unmarked(advice, p);
    for (size_t i = 0; i < sizeof(plain_advice) / sizeof(plain_advice[0]); i++) {
        if (strcmp(p->reason, plain_advice[i].reason) == 0)
            advise(advice, "%s", plain_advice[i].text);
    }
    if (json_object_array_length(advice) == 0)
        advise(advice, "'%s' is explained in PLAIN CONNECTIONS of mptcpshim(1)", p->reason);
}

/* A join that failed: the server's own port, or the agent's, for which a firewall has no rule. */
static void advise_failed(struct json_object *advice, const struct mps_probe *p,
                          struct json_object *path)
{
    const char *remote = mps_member_text(path, "remote", ""), *error;
    const char *local = mps_member_text(path, "local", "");
    char from[ADDRESS_MAX], to[ADDRESS_MAX];
    unsigned port = port_of(remote);

    strip_port(local, from);
    strip_port(remote, to);
    error = mps_member_text(path, "error", "");
    if (port != p->port && port != 0)
        advise(advice,
               "the server's firewall has to let joins in, at the server: nft add rule inet filter "
               "input tcp dport %u accept; and 'join-port = %u' in [agent] of mptcpshim.conf(5) "
               "keeps that port",
               port, port);
    else
        advise(advice,
               "%s does not reach %s%s%s: look at 'ip route get %s from %s', and at firewalls",
               from, remote, *error ? ": " : "", error, to, from);
}

static bool is_v6(const char *address)
{
    const char *colon = strchr(address, ':');

    return address[0] == '[' || (colon && strchr(colon + 1, ':'));
}

static bool has_family(struct json_object *announced, bool v6)
{
    for (size_t i = 0; i < json_object_array_length(announced); i++) {
        struct json_object *o = json_object_array_get_idx(announced, i);

        if (is_v6(mps_member_text(o, "address", "")) == v6)
            return true;
    }
    return false;
}

static void advise_paths(struct json_object *advice, const struct mps_probe *p,
                         struct json_object *paths, struct json_object *announced)
{
    size_t n = json_object_array_length(paths);
    bool other_family = false;

    for (size_t i = 0; i < n; i++) {
        struct json_object *path = json_object_array_get_idx(paths, i);
        const char *local = mps_member_text(path, "local", "");

        if (mps_member_is(path, "state", "failed") || mps_member_is(path, "state", "no-answer"))
            advise_failed(advice, p, path);
        if (mps_member_is(path, "state", "untried"))
            other_family = other_family || is_v6(local) != is_v6(p->remote);
    }
    if (other_family && !has_family(announced, !is_v6(p->remote)))
        advise(advice,
               "this host has addresses of %s and the peer has told none: 'announce =' in "
               "mptcpshim.conf(5) there",
               is_v6(p->remote) ? "IPv4" : "IPv6");
    if (n == 1)
        advise(advice, "neither end has another address that connections use: 'mptcpshim path "
                       "list' at both ends, and 'local', 'include-interfaces' in "
                       "mptcpshim.conf(5)");
}

/* ---- what is to be gained ---- */

static void put_gain(struct json_object *o, struct json_object *paths, bool plain)
{
    int64_t least = 0, most = 0;
    unsigned n = 0;
    char text[ADVICE_MAX];

    for (size_t i = 0; i < json_object_array_length(paths); i++) {
        struct json_object *path = json_object_array_get_idx(paths, i);
        int64_t rtt = mps_member_number(path, "rtt_us");

        if (!mps_member_is(path, "state", "first") && !mps_member_is(path, "state", "joined"))
            continue;
        n++;
        if (rtt > 0 && (least == 0 || rtt < least))
            least = rtt;
        if (rtt > most)
            most = rtt;
    }
    put_number(o, "working", n);
    if (plain || n < 2)
        snprintf(text, sizeof(text), "nothing now: %s",
                 plain ? "plain TCP has one path" : "there is one path");
    else
        snprintf(text, sizeof(text),
                 "the sum of the rates of %u paths, and the loss of all but one is survived%s", n,
                 least > 0 && most >= UNLIKE * least && most >= NOTICED
                     ? "; their round-trip times are unlike, so short messages take the short one"
                     : "");
    put(o, "gain", text);
}

struct json_object *mps_verdict(const char *host, const struct mps_probe *probe)
{
    struct json_object *o = json_object_new_object(), *advice = json_object_new_array();
    struct json_object *paths = list_paths(probe), *announced = list_announced(probe, paths);
    const char *mode = mps_member_text(probe->connection, "mode", "opening");

    put(o, "host", host);
    put(o, "address", probe->remote);
    put(o, "mode", probe->reason ? "plain" : mode);
    put(o, "reason", probe->reason ? probe->reason : "");
    put_gain(o, paths, probe->reason != NULL);
    json_object_object_add(o, "paths", paths);
    json_object_object_add(o, "announced", announced);
    if (probe->reason)
        advise_plain(advice, probe);
    else
        advise_paths(advice, probe, paths, announced);
    if (probe->ended)
        advise(advice, "the peer's program ended the connection at once, perhaps before all joins "
                       "were made");
    json_object_object_add(o, "advice", advice);
    return o;
}

int mps_verdict_code(struct json_object *verdict)
{
    if (!mps_member_is(verdict, "mode", "multipath"))
        return MPS_EXIT_PLAIN;
    return mps_member_number(verdict, "working") > 1 ? 0 : MPS_EXIT_ONE_PATH;
}
