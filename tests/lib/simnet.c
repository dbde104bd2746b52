/* SPDX-License-Identifier: MIT */
#include "simnet.h"
#include <stdlib.h>
#include <string.h>

void simnet_init(struct simnet *net, uint64_t seed)
{
    static const struct simlink_params nothing = {.rate = 1, .delay = MPS_MSEC};

    memset(net, 0, sizeof(*net));
    evq_init(&net->q, MPS_SEC);
    prng_init(&net->rng, seed);
    simlink_init(&net->nowhere, &nothing, &net->rng);
    simlink_cut(&net->nowhere, true);
    net->next_port = 40000;
}

void simnet_deinit(struct simnet *net)
{
    while (net->conns != NULL) {
        struct simnet_conn *conn = net->conns;

        net->conns = conn->next;
        simtcp_free(conn->tcp);
        free(conn);
    }
    evq_deinit(&net->q);
}

unsigned simnet_add_link(struct simnet *net, const struct simlink_params *params)
{
    if (net->n_links == SIMNET_MAX_LINKS)
        abort();
    simlink_init(&net->links[net->n_links], params, &net->rng);
    net->carrier[net->n_links] = net->n_links;
    return net->n_links++;
}

static bool is_of_link(const struct simnet_conn *conn, unsigned link)
{
    return conn->addr[0].ip[1] == link && conn->addr[1].ip[1] == link;
}

void simnet_share(struct simnet *net, unsigned link, unsigned with)
{
    net->carrier[link] = with;
    for (struct simnet_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        if (is_of_link(conn, link))
            conn->tcp->link = &net->links[with];
    }
}

void simnet_spoil(struct simnet *net, unsigned link, unsigned loss_ppm)
{
    for (struct simnet_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        if (is_of_link(conn, link))
            conn->tcp->loss_ppm = loss_ppm;
    }
}

struct mps_addr simnet_addr(unsigned link, unsigned host, uint16_t port)
{
    return (struct mps_addr){
        .family = MPS_AF_INET,
        .port = port,
        .ip = {10, (uint8_t)link, 0, (uint8_t)(host + 1)},
    };
}

void simnet_listen(struct simnet *net, const struct mps_addr *addr,
                   bool (*accept)(void *user, struct simsock *sock), void *user)
{
    if (net->n_listeners == SIMNET_MAX_LISTEN)
        abort();
    net->listeners[net->n_listeners++] = (struct simnet_listener){*addr, accept, user};
}

static const struct simnet_listener *find_listener(const struct simnet *net,
                                                   const struct mps_addr *addr)
{
    for (unsigned i = 0; i < net->n_listeners; i++) {
        if (mps_addr_equal(&net->listeners[i].addr, addr))
            return &net->listeners[i];
    }
    return NULL;
}

struct simsock *simnet_connect(struct simnet *net, const struct mps_addr *local,
                               const struct mps_addr *remote, const struct simsock_ops *ops,
                               void *user)
{
    const struct simnet_listener *listener = find_listener(net, remote);
    unsigned number = local->ip[1], host = local->ip[3] - 1u;
    struct simlink *link = &net->nowhere;
    struct simnet_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        abort();
    if (number < net->n_links && (net->routed || remote->ip[1] == number))
        link = &net->links[net->carrier[number]];
    conn->addr[0] = *local;
    conn->addr[1] = *remote;
    if (local->port == 0)
        conn->addr[0].port = net->next_port++;
    conn->tcp =
        simtcp_connect(&net->q, link, host, ops, user, listener != NULL ? listener->accept : NULL,
                       listener != NULL ? listener->user : NULL);
    conn->tcp->pipe[0].as_linux = conn->tcp->pipe[1].as_linux = net->as_linux;
    conn->next = net->conns;
    net->conns = conn;
    return &conn->tcp->sock[0];
}

void simnet_names(const struct simnet *net, const struct simsock *sock, struct mps_addr *ret_local,
                  struct mps_addr *ret_remote)
{
    const struct simnet_conn *conn = net->conns;

    while (conn->tcp != sock->tcp)
        conn = conn->next;
    *ret_local = conn->addr[sock->side];
    *ret_remote = conn->addr[1 - sock->side];
}

void simnet_reset_link(struct simnet *net, unsigned link)
{
    for (struct simnet_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        if (conn->tcp->link == &net->links[link])
            simtcp_reset(conn->tcp);
    }
}
