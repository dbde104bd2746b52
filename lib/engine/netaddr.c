/* SPDX-License-Identifier: MIT */
#include "netaddr.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include "core/err.h"
#include "log.h"
#include "options.h"

#define SETTLE_S 0.02
#define LINK_MAX 256

struct dump {
    struct mps_netaddr_list *list;
    struct {
        int index;
        bool loopback;
    } link[LINK_MAX];
    unsigned n_links;
};

static int on_link(const struct nlmsghdr *nlh, void *data)
{
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    struct dump *d = data;

    if ((ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_RUNNING) && d->n_links < LINK_MAX) {
        d->link[d->n_links].index = ifi->ifi_index;
        d->link[d->n_links].loopback = (ifi->ifi_flags & IFF_LOOPBACK) != 0;
        d->n_links++;
    }
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

static int on_addr(const struct nlmsghdr *nlh, void *data)
{
    const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
    struct dump *d = data;
    struct attrs a = {.flags = ifa->ifa_flags};
    struct mps_netaddr_entry *e = &d->list->entry[d->list->n];
    const struct nlattr *attr;
    unsigned i;

    for (i = 0; i < d->n_links && d->link[i].index != (int)ifa->ifa_index; i++)
        ;
    if (i == d->n_links || d->list->n == MPS_NETADDR_MAX)
        return MNL_CB_OK;
    mnl_attr_parse(nlh, sizeof(*ifa), on_attr, &a);
    attr = a.local ? a.local : a.address;
    /* A secondary IPv4 address is another name in the same network, not another path. */
    if (ifa->ifa_family == AF_INET && (a.flags & IFA_F_SECONDARY) && !d->link[i].loopback)
        return MNL_CB_OK;
    if (!attr || (a.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED)))
        return MNL_CB_OK;
    if (ifa->ifa_scope != RT_SCOPE_UNIVERSE && !d->link[i].loopback)
        return MNL_CB_OK;
    memset(e, 0, sizeof(*e));
    if (ifa->ifa_family == AF_INET && mnl_attr_get_payload_len(attr) == 4)
        e->addr.family = MPS_AF_INET;
    else if (ifa->ifa_family == AF_INET6 && mnl_attr_get_payload_len(attr) == 16)
        e->addr.family = MPS_AF_INET6;
    else
        return MNL_CB_OK;
    memcpy(e->addr.ip, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
    e->ifindex = ifa->ifa_index;
    e->loopback = d->link[i].loopback;
    d->list->n++;
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

int mps_netaddr_dump(struct mps_netaddr_list *ret)
{
    struct mps_netaddr_list list = {.n = 0};
    struct dump d = {.list = &list};
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int rc = MPS_ESYS;

    if (!nl)
        return MPS_ESYS;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0) {
        rc = dump_one(nl, RTM_GETLINK, sizeof(struct ifinfomsg), on_link, &d);
        if (rc == 0)
            rc = dump_one(nl, RTM_GETADDR, sizeof(struct ifaddrmsg), on_addr, &d);
    }
    mnl_socket_close(nl);
    if (rc == 0)
        *ret = list;
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
            .loopback = true,
        };
    }
}

/* Another IPv6 address stands for this one's interface. */
static bool is_redundant(const struct mps_netaddr_list *all, unsigned at,
                         const struct mps_addr *own)
{
    const struct mps_netaddr_entry *e = &all->entry[at];
    bool first = true;

    if (e->addr.family != MPS_AF_INET6 || mps_addr_same_ip(&e->addr, own))
        return false;
    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *other = &all->entry[i];

        if (other->addr.family != MPS_AF_INET6 || other->ifindex != e->ifindex)
            continue;
        if (mps_addr_same_ip(&other->addr, own))
            return true;
        first = first && i >= at;
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

static void on_settle(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_netaddr *self = timer->data;
    struct mps_netaddr_list list = {.n = 0};

    if (mps_netaddr_dump(&list) < 0) {
        mps_log("netaddr: dump failed: %s", strerror(errno));
        return;
    }
    if (list.n == self->now.n &&
        memcmp(list.entry, self->now.entry, list.n * sizeof(list.entry[0])) == 0)
        return;
    self->now = list;
    self->changed(self);
}

static void on_notify(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_netaddr *self = io->data;
    char buf[16384];

    /* What changed does not matter, and lost notifications (ENOBUFS) neither: all is dumped. */
    while (recv(io->fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        ;
    if (!ev_is_active(&self->settle)) {
        ev_timer_set(&self->settle, SETTLE_S, 0.);
        ev_timer_start(loop, &self->settle);
    }
}

int mps_netaddr_init(struct mps_netaddr *self, struct ev_loop *loop,
                     void (*changed)(struct mps_netaddr *self), void *user)
{
    unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;

    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->changed = changed;
    self->user = user;
    ev_timer_init(&self->settle, on_settle, SETTLE_S, 0.);
    self->settle.data = self;
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
    ev_timer_stop(self->loop, &self->settle);
    ev_io_stop(self->loop, &self->io);
    if (self->nl)
        mnl_socket_close(self->nl);
    self->nl = NULL;
    self->loop = NULL;
}
