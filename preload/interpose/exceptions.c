/* SPDX-License-Identifier: MIT */
#include "exceptions.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "handover/config.h"
#include "handover/sys.h"

#define CAPABLE_MAX 16
#define PORTS_MAX   32

/* IPv4 as its mapped IPv6 address. */
struct prefix {
    unsigned char ip[16];
    unsigned bits;
};

static struct prefix capable[CAPABLE_MAX];
static unsigned n_capable;
static unsigned short ports[PORTS_MAX];
static unsigned n_ports;
static bool left_alone, keep_bound, ports_said;
static const char *purpose = ""; /* of this program's connections, as a word for the agent */

static void map(const void *v4, unsigned char out[16])
{
    memset(out, 0, 10);
    memset(out + 10, 0xff, 2);
    memcpy(out + 12, v4, 4);
}

static bool parse_prefix(const char *text, size_t len, struct prefix *ret)
{
    char copy[INET6_ADDRSTRLEN + 4], *slash;
    unsigned char v4[4];
    long bits, max = 128;

    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1) {
        map(v4, ret->ip);
        max = 32;
    } else if (inet_pton(AF_INET6, copy, ret->ip) != 1) {
        return false;
    }
    bits = slash ? strtol(slash, NULL, 10) : max;
    if (bits < 0 || bits > max)
        return false;
    ret->bits = (unsigned)(bits + 128 - max);
    return true;
}

static void take_capable(const char *item, size_t len, const char *unused)
{
    if (n_capable < CAPABLE_MAX && parse_prefix(item, len, &capable[n_capable]))
        n_capable++;
}

static bool is_name(const char *item, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(item, name, len) == 0;
}

static void take_program(const char *item, size_t len, const char *name)
{
    left_alone |= is_name(item, len, name);
}

static void take_bulk(const char *item, size_t len, const char *name)
{
    if (is_name(item, len, name))
        purpose = "for=bulk";
}

static void take_interactive(const char *item, size_t len, const char *name)
{
    if (is_name(item, len, name))
        purpose = "for=interactive";
}

static void take_handover(const char *item, size_t len, const char *name)
{
    if (is_name(item, len, name))
        purpose = "for=handover";
}

static void take_port(const char *item, size_t len, const char *unused)
{
    unsigned long port = 0;

    ports_said = true;
    for (size_t i = 0; i < len && item[i] >= '0' && item[i] <= '9' && port < 65536; i++)
        port = port * 10 + (unsigned long)(item[i] - '0');
    if (port > 0 && port < 65536 && n_ports < PORTS_MAX)
        ports[n_ports++] = (unsigned short)port;
}

static void take_policy(const char *item, size_t len, const char *unused)
{
    keep_bound = len == 4 && memcmp(item, "keep", len) == 0;
}

/* Each element of the lists that the words `key` are. */
static void each(const char *options, const char *key,
                 void (*take)(const char *item, size_t len, const char *user), const char *user)
{
    size_t key_len = strlen(key);

    for (const char *word = options; *word;) {
        size_t len = strcspn(word, " \t\n"), at = key_len;

        while (len > key_len && memcmp(word, key, key_len) == 0 && at < len) {
            size_t item = strcspn(word + at, ", \t\n");

            take(word + at, item, user);
            at += item + 1;
        }
        word += len;
        word += strspn(word, " \t\n");
    }
}

void mps_exceptions_read(const char *options, const char *executable)
{
    const char *slash = executable ? strrchr(executable, '/') : NULL;
    const char *name = slash ? slash + 1 : executable;

    each(options, "capable=", take_capable, "");
    each(options, "bind=", take_policy, "");
    each(options, "leave-ports=", take_port, "");
    if (!ports_said)
        each("leave-ports=" MPS_LEAVE_PORTS, "leave-ports=", take_port, "");
    if (!executable)
        return;
    each(options, "leave-alone=", take_program, name);
    each(options, "bulk=", take_bulk, name);
    each(options, "interactive=", take_interactive, name);
    each(options, "handover=", take_handover, name);
}

const char *mps_exceptions_purpose(void)
{
    return purpose;
}

bool mps_exceptions_keep_bound(void)
{
    return keep_bound;
}

bool mps_exceptions_left_alone(void)
{
    return left_alone;
}

bool mps_exceptions_left_port(unsigned port)
{
    for (unsigned i = 0; i < n_ports; i++)
        if (ports[i] == port)
            return true;
    return false;
}

unsigned mps_exceptions_port_of(const struct sockaddr *addr, socklen_t len)
{
    if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in))
        return ntohs(((const struct sockaddr_in *)addr)->sin_port);
    if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
        return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
    return 0;
}

static bool in_prefix(const unsigned char ip[16], const struct prefix *prefix)
{
    unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;

    return memcmp(ip, prefix->ip, whole) == 0 &&
           (rest == 0 || ((ip[whole] ^ prefix->ip[whole]) & 0xff << (8 - rest) & 0xff) == 0);
}

bool mps_exceptions_peer_capable(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    unsigned char ip[16];
    int saved = errno;
    bool known;

    if (n_capable == 0 || left_alone)
        return false;
    known = mps_sys_getpeername(fd, &peer, &len) == 0;
    errno = saved;
    if (!known)
        return false;
    if (peer.ss_family == AF_INET)
        map(&((struct sockaddr_in *)&peer)->sin_addr, ip);
    else if (peer.ss_family == AF_INET6)
        memcpy(ip, &((struct sockaddr_in6 *)&peer)->sin6_addr, sizeof(ip));
    else
        return false;
    for (unsigned i = 0; i < n_capable; i++)
        if (in_prefix(ip, &capable[i]))
            return true;
    return false;
}
