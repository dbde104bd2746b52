/* SPDX-License-Identifier: MIT */
#include "host.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/options.h"

/* 4 or 16 bytes; NULL for another family. */
static const void *ip_of(const struct sockaddr *sa)
{
    if (!sa)
        return NULL;
    if (sa->sa_family == AF_INET)
        return &((const struct sockaddr_in *)sa)->sin_addr;
    return sa->sa_family == AF_INET6 ? &((const struct sockaddr_in6 *)sa)->sin6_addr : NULL;
}

static bool is_listed(const struct mps_addr *addr)
{
    int family = addr->family == MPS_AF_INET ? AF_INET : AF_INET6;
    struct ifaddrs *all, *i;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return true;
    for (i = all; i && !found; i = i->ifa_next) {
        const void *ip = ip_of(i->ifa_addr);

        found = ip && i->ifa_addr->sa_family == family &&
                memcmp(ip, addr->ip, family == AF_INET ? 4 : 16) == 0;
    }
    freeifaddrs(all);
    return found;
}

/* The kernel lists 127.0.0.1 only and has all of 127.0.0.0/8: bind() knows. */
bool mps_host_has(const struct mps_addr *addr)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {.sa.sa_family = addr->family == MPS_AF_INET ? AF_INET : AF_INET6};
    int sock = socket(name.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool missing = false;

    if (sock < 0)
        return is_listed(addr);
    if (name.sa.sa_family == AF_INET)
        memcpy(&name.v4.sin_addr, addr->ip, 4);
    else
        memcpy(&name.v6.sin6_addr, addr->ip, 16);
    if (bind(sock, &name.sa, sizeof(name)) < 0)
        missing = errno == EADDRNOTAVAIL;
    close(sock);
    /* A new IPv6 address is listed, but cannot be used in its first seconds. */
    return !missing || is_listed(addr);
}

void mps_host_addresses(char *ret, size_t size)
{
    struct ifaddrs *all, *i;
    size_t len = 0;

    ret[0] = '\0';
    if (getifaddrs(&all) < 0)
        return;
    for (i = all; i; i = i->ifa_next) {
        const void *ip = ip_of(i->ifa_addr);
        char text[INET6_ADDRSTRLEN];
        int n;

        if (!ip || !(i->ifa_flags & IFF_UP) ||
            !inet_ntop(i->ifa_addr->sa_family, ip, text, sizeof(text)))
            continue;
        n = snprintf(ret + len, size - len, "%s%s", len > 0 ? ", " : "", text);
        if (n < 0 || (size_t)n >= size - len) {
            ret[len] = '\0';
            break;
        }
        len += (size_t)n;
    }
    freeifaddrs(all);
}

/* `flags`: besides those of the agent's open(). */
static const char *refusal(const char *file, int flags, bool devices, struct stat *ret)
{
    int fd =
        open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600);
    const char *why = NULL;

    if (fd < 0)
        return errno == ENXIO ? "not a regular file" : strerror(errno);
    /* A pipe that nobody reads would fill. */
    if (fstat(fd, ret) < 0 || !(S_ISREG(ret->st_mode) || (devices && S_ISCHR(ret->st_mode))))
        why = "not a regular file";
    close(fd);
    return why;
}

const char *mps_host_log_refusal(const char *file)
{
    struct stat st;

    return refusal(file, 0, true, &st);
}

const char *mps_host_trace_refusal(const char *file)
{
    const char *why;
    struct stat st;

    if (strstr(file, "%p"))
        return NULL;
    why = refusal(file, O_NOFOLLOW, false, &st);
    if (!why && (st.st_uid != geteuid() || st.st_nlink != 1))
        why = "somebody else's, or a file of several names";
    return why;
}
