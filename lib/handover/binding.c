/* SPDX-License-Identifier: MIT */
#include "binding.h"
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>

/* Of newer kernels than the headers: keys of RFC 5925. */
#define AO_ADD_KEY 38
#define AO_DEL_KEY 39
#define AO_INFO    40
#define AO_REPAIR  42

#define STAYS   MPS_BINDING_STAYS
#define REFUSED MPS_BINDING_REFUSED

/* preload/LIFECYCLE.md has the reasons. */
static const struct {
    int level, option;
    unsigned bits;
} table[] = {
    {SOL_SOCKET, SO_ZEROCOPY, STAYS | REFUSED},
    {SOL_SOCKET, SO_ATTACH_FILTER, STAYS | REFUSED},
    {SOL_SOCKET, SO_ATTACH_BPF, STAYS | REFUSED},
    {SOL_SOCKET, SO_BINDTODEVICE, REFUSED},
    {SOL_SOCKET, SO_BINDTOIFINDEX, REFUSED},
    {SOL_SOCKET, 29 /* SO_TIMESTAMP, */, STAYS},
    {SOL_SOCKET, 35 /* SO_TIMESTAMPNS and */, STAYS},
    {SOL_SOCKET, 37 /* SO_TIMESTAMPING, */, STAYS},
    {SOL_SOCKET, 63 /* each in its two forms */, STAYS},
    {SOL_SOCKET, 64, STAYS},
    {SOL_SOCKET, 65, STAYS},
    {SOL_SOCKET, SO_TXTIME, STAYS},
    {IPPROTO_TCP, TCP_MD5SIG, STAYS | REFUSED},
    {IPPROTO_TCP, TCP_MD5SIG_EXT, STAYS | REFUSED},
    {IPPROTO_TCP, AO_ADD_KEY, STAYS | REFUSED},
    {IPPROTO_TCP, AO_DEL_KEY, REFUSED},
    {IPPROTO_TCP, AO_INFO, STAYS | REFUSED},
    {IPPROTO_TCP, AO_REPAIR, STAYS | REFUSED},
    {IPPROTO_TCP, TCP_REPAIR, STAYS | REFUSED},
    {IPPROTO_TCP, TCP_ULP, STAYS | REFUSED},
    {IPPROTO_IP, IP_OPTIONS, STAYS},
    {IPPROTO_IP, IP_TRANSPARENT, STAYS},
    {IPPROTO_IP, IP_IPSEC_POLICY, STAYS | REFUSED},
    {IPPROTO_IP, IP_XFRM_POLICY, STAYS | REFUSED},
    {IPPROTO_IPV6, IPV6_TRANSPARENT, STAYS},
    {IPPROTO_IPV6, IPV6_RTHDR, STAYS},
    {IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, STAYS},
    {IPPROTO_IPV6, IPV6_HOPOPTS, STAYS},
    {IPPROTO_IPV6, IPV6_DSTOPTS, STAYS},
    {IPPROTO_IPV6, IPV6_IPSEC_POLICY, STAYS | REFUSED},
    {IPPROTO_IPV6, IPV6_XFRM_POLICY, STAYS | REFUSED},
};

unsigned mps_binding_of(int level, int option)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].level == level && table[i].option == option)
            return table[i].bits;
    return 0;
}

bool mps_binding_is_on(const void *value, socklen_t len)
{
    const unsigned char *p = value;

    for (socklen_t i = 0; p && i < len; i++)
        if (p[i] != 0)
            return true;
    return false;
}
