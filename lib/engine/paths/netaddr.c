/* SPDX-License-Identifier: MIT */
#include "netaddr.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/options.h"
#include "core/base/err.h"
#include "engine/net/rewatch.h"
#include "engine/show/log.h"

#define QUIET_S       0.02
#define RETRY_S       0.5 /* after a dump that failed */
#define ANY_ROUTE_S   5.0
#define DUMP_ATTEMPTS 20

struct link {
    int index;
    char name[MPS_NETADDR_IFNAME];
    bool loopback, tun;
};

struct dump {
    struct mps_netaddr_list *list;
    struct link *link;
    unsigned n_links, max_links;
};

static int on_link_info(const struct nlattr *attr, void *data)
{
    struct link *link = data;

    if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
        link->tun = strncmp(mnl_attr_get_str(attr), "tun", mnl_attr_get_payload_len(attr)) == 0;
    return MNL_CB_OK;
}

static int on_link_attr(const struct nlattr *attr, void *data)
{
    struct link *link = data;

    if (mnl_attr_get_type(attr) == IFLA_IFNAME)
        snprintf(link->name, sizeof(link->name), "%.*s", (int)mnl_attr_get_payload_len(attr),
                 mnl_attr_get_str(attr));
    else if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
        mnl_attr_parse_nested(attr, on_link_info, link);
    return MNL_CB_OK;
}

/* Hosts of containers have hundreds. */
static struct link *new_link(struct dump *d)
{
    unsigned max = d->max_links ? 2 * d->max_links : 64;
    struct link *more;

    if (d->n_links == d->max_links) {
        more = realloc(d->link, max * sizeof(*more));
        if (!more)
            return NULL;
        d->link = more;
        d->max_links = max;
    }
    memset(&d->link[d->n_links], 0, sizeof(*d->link));
    return &d->link[d->n_links++];
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    struct dump *d = data;

    struct link *link;

    if (!(ifi->ifi_flags & IFF_UP) || !(ifi->ifi_flags & IFF_RUNNING))
        return MNL_CB_OK;
    link = new_link(d);
    if (!link)
        return MNL_CB_ERROR;
    mnl_attr_parse(nlh, sizeof(*ifi), on_link_attr, link);
    link->index = ifi->ifi_index;
    link->loopback = (ifi->ifi_flags & IFF_LOOPBACK) != 0;
    return MNL_CB_OK;
}

struct attrs {
    const struct nlattr *local, *address;
    uint32_t flags;
};

static int on_attr(const struct nlattr *attr, void *data)
{
    struct attrs *a = data;

    switch (mnl_attr_get_type(attr)) {
    case IFA_LOCAL:
        a->local = attr;
        break;
    case IFA_ADDRESS:
        a->address = attr;
        break;
    case IFA_FLAGS:
        a->flags = mnl_attr_get_u32(attr);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

/* Addresses that others mostly stand for get half of the places at most. */
static void keep(struct mps_netaddr_list *list, const struct mps_netaddr_entry *e)
{
    if (list->n < (e->secondary || e->alone ? MPS_NETADDR_MAX / 2 : MPS_NETADDR_MAX))
        list->entry[list->n++] = *e;
    else
        list->left_out++;
}

static int on_addr(const struct nlmsghdr *nlh, void *data)
{
    const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
    struct dump *d = data;
    struct attrs a = {.flags = ifa->ifa_flags};
    struct mps_netaddr_entry found, *e = &found;
    const struct nlattr *attr;
    bool secondary;
    unsigned i;

    for (i = 0; i < d->n_links && d->link[i].index != (int)ifa->ifa_index; i++)
        ;
    if (i == d->n_links)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*ifa), on_attr, &a);
    attr = a.local ? a.local : a.address;
    secondary = ifa->ifa_family == AF_INET && (a.flags & IFA_F_SECONDARY) && !d->link[i].loopback;
    if (!attr || (a.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED)))
        return MNL_CB_OK;
    if (ifa->ifa_scope != RT_SCOPE_UNIVERSE && !d->link[i].loopback)
        return MNL_CB_OK;
    memset(e, 0, sizeof(*e)); /* compared as bytes */
    if (ifa->ifa_family == AF_INET && mnl_attr_get_payload_len(attr) == 4)
        e->addr.family = MPS_AF_INET;
    else if (ifa->ifa_family == AF_INET6 && mnl_attr_get_payload_len(attr) == 16)
        e->addr.family = MPS_AF_INET6;
    else
        return MNL_CB_OK;
    memcpy(e->addr.ip, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
    e->prefix_len = ifa->ifa_prefixlen;
    e->ifindex = ifa->ifa_index;
    memcpy(e->ifname, d->link[i].name, sizeof(e->ifname));
    e->loopback = d->link[i].loopback;
    e->secondary = secondary;
    e->alone = ifa->ifa_family == AF_INET && ifa->ifa_prefixlen == 32;
    e->tun = d->link[i].tun;
    keep(d->list, e);
    return MNL_CB_OK;
}

static int dump_one(struct mnl_socket *nl, uint16_t type, size_t head_len, mnl_cb_t cb,
                    struct dump *d)
{
    static unsigned seq;
    char buf[16384];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    unsigned portid = mnl_socket_get_portid(nl);
    ssize_t n;
    int rc;

    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = ++seq;
    mnl_nlmsg_put_extra_header(nlh, head_len);
    if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
        return MPS_ESYS;
    do {
        n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
        if (n < 0)
            return MPS_ESYS;
        rc = mnl_cb_run(buf, (size_t)n, seq, portid, cb, d);
    } while (rc == MNL_CB_OK);
    return rc < 0 ? MPS_ESYS : 0;
}

/* A fresh socket each time: an interrupted dump leaves its rest behind. */
static int dump_all(struct mps_netaddr_list *ret)
{
    struct mps_netaddr_list list;
    struct dump d = {.list = &list};
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int rc = MPS_ESYS, err;

    if (!nl)
        return MPS_ESYS;
    memset(&list, 0, sizeof(list));
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0) {
        rc = dump_one(nl, RTM_GETLINK, sizeof(struct ifinfomsg), on_link, &d);
        if (rc == 0)
            rc = dump_one(nl, RTM_GETADDR, sizeof(struct ifaddrmsg), on_addr, &d);
    }
    err = errno;
    free(d.link);
    mnl_socket_close(nl);
    errno = err;
    if (rc == 0)
        *ret = list;
    return rc;
}

int mps_netaddr_dump(struct mps_netaddr_list *ret)
{
    int rc = MPS_ESYS;

    /* EINTR is NLM_F_DUMP_INTR too: the list changed meanwhile, and what came may be wrong. */
    for (unsigned i = 0; i < DUMP_ATTEMPTS; i++) {
        rc = dump_all(ret);
        if (rc == 0 || errno != EINTR)
            break;
    }
    return rc;
}

static bool is_listed(const struct mps_options *opt, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < opt->n_locals; i++) {
        if (mps_addr_same_ip(&opt->locals[i], addr))
            return true;
    }
    return false;
}

/* The whole of 127.0.0.0/8 is local without being listed by the kernel. */
static void add_loopbacks(const struct mps_options *opt, struct mps_netaddr_list *ret)
{
    for (unsigned i = 0; i < opt->n_locals && ret->n < MPS_NETADDR_MAX; i++) {
        if (!mps_addr_is_loopback(&opt->locals[i]))
            continue;
        ret->entry[ret->n++] = (struct mps_netaddr_entry){
            .addr = opt->locals[i],
            .ifname = "lo",
            .loopback = true,
        };
    }
}

/* Another address stands for this one's network, or for its interface. */
static bool is_redundant(const struct mps_netaddr_list *all, unsigned at,
                         const struct mps_addr *own)
{
    const struct mps_netaddr_entry *e = &all->entry[at];
    bool first = true;

    if (mps_addr_same_ip(&e->addr, own))
        return false;
    if (e->secondary)
        return true;
    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *other = &all->entry[i];

        if (other->addr.family != e->addr.family || other->ifindex != e->ifindex)
            continue;
        /* IPv4 addresses of two networks are two ways out, as far as can be seen. */
        if (e->addr.family == MPS_AF_INET && !e->alone && !other->alone)
            continue;
        if (mps_addr_same_ip(&other->addr, own))
            return true;
        if (e->alone ? !other->alone || i < at : e->addr.family == MPS_AF_INET6 && i < at)
            first = false;
    }
    return !first;
}

void mps_netaddr_select(const struct mps_netaddr_list *all, const struct mps_options *opt,
                        const struct mps_addr *own, const struct mps_addr *peer,
                        struct mps_netaddr_list *ret)
{
    ret->n = 0;
    if (mps_addr_is_loopback(peer)) {
        add_loopbacks(opt, ret);
        return;
    }
    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *e = &all->entry[i];

        if (e->loopback || mps_addr_is_loopback(&e->addr))
            continue;
        if (opt->n_locals > 0 ? !is_listed(opt, &e->addr) : is_redundant(all, i, own))
            continue;
        ret->entry[ret->n++] = *e;
    }
}

const char *mps_netaddr_ifname(const struct mps_netaddr_list *all, uint32_t ifindex,
                               const struct mps_addr *addr)
{
    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *e = &all->entry[i];

        if (ifindex != 0
                ? e->ifindex == ifindex
                : mps_addr_same_ip(&e->addr, addr) || (e->loopback && mps_addr_is_loopback(addr)))
            return e->ifname;
    }
    return "";
}

/* ---- changes ---- */

static void start_timer(struct mps_netaddr *self, double seconds)
{
    if (ev_is_active(&self->quiet))
        return;
    ev_timer_set(&self->quiet, seconds, 0.);
    ev_timer_start(self->loop, &self->quiet);
}

static void look_at_addresses(struct mps_netaddr *self)
{
    struct mps_netaddr_list list;

    if (mps_netaddr_dump(&list) < 0) {
        mps_log("netaddr: dump failed: %s", strerror(errno));
        start_timer(self, RETRY_S);
        return;
    }
    self->addresses_due = false;
    if (list.n == self->now.n && list.left_out == self->now.left_out &&
        memcmp(list.entry, self->now.entry, list.n * sizeof(list.entry[0])) == 0)
        return;
    self->now = list;
    if (list.left_out > 0)
        mps_log("netaddr: %u addresses of this host are not used: more than %u", list.left_out,
                (unsigned)MPS_NETADDR_MAX);
    self->ops->addresses(self);
}

static void on_quiet(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_netaddr *self = timer->data;
    unsigned n = self->n_routes;

    if (self->addresses_due)
        look_at_addresses(self);
    self->n_routes = 0;
    for (unsigned i = 0; i < n; i++)
        self->ops->route(self, &self->routes[i]);
}

/*
 * Any route may have come: the list that is always true. A router that changes many all the time
 * has to wait, or back-off would mean nothing.
 */
static void any_route(struct mps_netaddr *self)
{
    if (ev_now(self->loop) - self->any_route_at < ANY_ROUTE_S)
        return;
    self->any_route_at = ev_now(self->loop);
    self->routes[0] = (struct mps_route){.dst = {.family = MPS_AF_INET}};
    self->routes[1] = (struct mps_route){.dst = {.family = MPS_AF_INET6}};
    self->n_routes = 2;
}

struct route_attrs {
    const struct nlattr *dst, *oif, *table;
};

static int on_route_attr(const struct nlattr *attr, void *data)
{
    struct route_attrs *a = data;

    switch (mnl_attr_get_type(attr)) {
    case RTA_DST:
        a->dst = attr;
        break;
    case RTA_OIF:
        a->oif = attr;
        break;
    case RTA_TABLE:
        a->table = attr;
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static void on_route(struct mps_netaddr *self, const struct nlmsghdr *nlh)
{
    const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
    struct mps_route route = {.gone = nlh->nlmsg_type == RTM_DELROUTE};
    struct route_attrs a = {NULL, NULL, NULL};
    size_t len;

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) || rtm->rtm_type != RTN_UNICAST ||
        (rtm->rtm_flags & RTM_F_CLONED))
        return;
    mnl_attr_parse(nlh, sizeof(*rtm), on_route_attr, &a);
    if ((a.table ? mnl_attr_get_u32(a.table) : rtm->rtm_table) == RT_TABLE_LOCAL)
        return;
    route.dst.family = rtm->rtm_family == AF_INET6 ? MPS_AF_INET6 : MPS_AF_INET;
    route.prefix_len = rtm->rtm_dst_len;
    if (a.dst) {
        len = mnl_attr_get_payload_len(a.dst);
        memcpy(route.dst.ip, mnl_attr_get_payload(a.dst), len < 16 ? len : 16);
    }
    if (a.oif)
        route.ifindex = mnl_attr_get_u32(a.oif);
    if (self->n_routes == MPS_NETADDR_ROUTES)
        any_route(self);
    else
        self->routes[self->n_routes++] = route;
}

void mps_netaddr_message(struct mps_netaddr *self, const void *buf, size_t len)
{
    const struct nlmsghdr *nlh = buf;
    int left = (int)len;

    for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
        if (nlh->nlmsg_type == RTM_NEWROUTE || nlh->nlmsg_type == RTM_DELROUTE)
            on_route(self, nlh);
        else
            self->addresses_due = true; /* what changed does not matter: all is dumped */
    }
    if (self->addresses_due || self->n_routes > 0)
        start_timer(self, QUIET_S);
}

static void on_notify(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_netaddr *self = io->data;
    union {
        struct nlmsghdr align;
        char bytes[16384];
    } buf;
    ssize_t n;

    if (revents & EV_ERROR)
        mps_rewatch_soon(loop, io);
    while ((n = recv(io->fd, &buf, sizeof(buf), MSG_DONTWAIT)) >= 0 || errno == ENOBUFS ||
           errno == EINTR) {
        if (n < 0 && errno == ENOBUFS) {
            /* Some were lost. */
            self->addresses_due = true;
            any_route(self);
            start_timer(self, QUIET_S);
        }
        if (n > 0)
            mps_netaddr_message(self, &buf, (size_t)n);
    }
}

int mps_netaddr_init(struct mps_netaddr *self, struct ev_loop *loop,
                     const struct mps_netaddr_ops *ops, void *user)
{
    unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                      RTMGRP_IPV6_ROUTE;

    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->ops = ops;
    self->user = user;
    ev_timer_init(&self->quiet, on_quiet, QUIET_S, 0.);
    self->quiet.data = self;
    self->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (self->nl && mnl_socket_bind(self->nl, groups, MNL_SOCKET_AUTOPID) == 0) {
        ev_io_init(&self->io, on_notify, mnl_socket_get_fd(self->nl), EV_READ);
        self->io.data = self;
        ev_io_start(loop, &self->io);
    } else {
        mps_log("netaddr: no notifications: %s", strerror(errno));
    }
    return mps_netaddr_dump(&self->now);
}

void mps_netaddr_deinit(struct mps_netaddr *self)
{
    if (!self->loop)
        return;
    ev_timer_stop(self->loop, &self->quiet);
    ev_io_stop(self->loop, &self->io);
    if (self->nl)
        mnl_socket_close(self->nl);
    self->nl = NULL;
    self->loop = NULL;
}
