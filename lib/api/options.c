/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "config/purpose_list.h"
#include "core/paths/pm_list.h"
#include "core/sched/sched_list.h"

#define LOCAL_MAX    16 /* addresses that the agent takes */
#define SUBFLOWS_MAX 32
#define SIZE_MAX_OF  4096 /* of a structure of whatever release: more is no size */

/* The first release's struct; no program passes less. */
#define SIZE_MIN (offsetof(struct mptcpshim_options, n_local) + sizeof(size_t))

void mptcpshim_options_init(struct mptcpshim_options *opts, size_t size)
{
    memset(opts, 0, size);
    if (size >= sizeof(opts->size))
        opts->size = size;
}

/* The agent's words, which is of the same release; tests/api/test_options.c compares them. */
#define WORD(name)                          #name,
#define PURPOSE_WORD(NAME, word, scheduler) #word,
static const char *const purposes[] = {MPS_PURPOSES(PURPOSE_WORD) NULL};
static const char *const schedulers[] = {MPS_SCHEDULERS(WORD) NULL};
static const char *const path_managers[] = {MPS_PATH_MANAGERS(WORD) NULL};
static const char *const kinds_of_fairness[] = {"off", "auto", "strict", NULL};

static bool name_ok(const char *name, const char *const *names)
{
    if (name == NULL)
        return true;
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* No connection starts from "any" or from many. */
static bool address_ok(const struct sockaddr_storage *ss)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;

    if (ss->ss_family == AF_INET)
        return v4->sin_addr.s_addr != htonl(INADDR_ANY) &&
               v4->sin_addr.s_addr != htonl(INADDR_BROADCAST) &&
               !IN_MULTICAST(ntohl(v4->sin_addr.s_addr));
    return ss->ss_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) &&
           !IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

bool api_options_is_scheduler(const char *name)
{
    return name != NULL && name_ok(name, schedulers);
}

int api_options_address(const struct sockaddr *addr, socklen_t len, char ret[API_ADDRESS_TEXT])
{
    struct sockaddr_storage ss;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ss;
    const void *ip = &((const struct sockaddr_in *)&ss)->sin_addr;
    int family = AF_INET;

    memset(&ss, 0, sizeof(ss));
    if (addr == NULL || len < sizeof(struct sockaddr_in) || len > sizeof(ss))
        return -EINVAL;
    memcpy(&ss, addr, len);
    if ((ss.ss_family == AF_INET6 && len < sizeof(struct sockaddr_in6)) || !address_ok(&ss))
        return -EINVAL;
    if (ss.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        ip = v6->sin6_addr.s6_addr + 12;
    } else if (ss.ss_family == AF_INET6) {
        ip = &v6->sin6_addr;
        family = AF_INET6;
    }
    return inet_ntop(family, ip, ret, API_ADDRESS_TEXT) != NULL ? 0 : -EINVAL;
}

/* A program newer than this library may pass a longer struct if it does not use the new part. */
static bool tail_unused(const struct mptcpshim_options *opts)
{
    const unsigned char *bytes = (const unsigned char *)opts;

    for (size_t i = sizeof(*opts); i < opts->size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

int api_options_get(const struct mptcpshim_options *opts, struct mptcpshim_options *ret)
{
    struct mptcpshim_options copy;

    mptcpshim_options_init(&copy, sizeof(copy));
    if (opts != NULL) {
        if (opts->size < SIZE_MIN || opts->size > SIZE_MAX_OF || !tail_unused(opts))
            return -EINVAL;
        memcpy(&copy, opts, opts->size < sizeof(copy) ? opts->size : sizeof(copy));
        copy.size = sizeof(copy);
    }
    if (copy.flags & ~(MPTCPSHIM_OFF | MPTCPSHIM_REQUIRED) ||
        copy.flags == (MPTCPSHIM_OFF | MPTCPSHIM_REQUIRED))
        return -EINVAL;
    if (!name_ok(copy.scheduler, schedulers) || !name_ok(copy.path_manager, path_managers) ||
        !name_ok(copy.fairness, kinds_of_fairness) || !name_ok(copy.purpose, purposes) ||
        copy.max_subflows > SUBFLOWS_MAX)
        return -EINVAL;
    if (copy.n_local > LOCAL_MAX || (copy.n_local > 0 && copy.local == NULL))
        return -EINVAL;
    for (size_t i = 0; i < copy.n_local; i++) {
        if (!address_ok(&copy.local[i]))
            return -EINVAL;
    }
    *ret = copy;
    return 0;
}

struct words {
    char *buf;
    size_t size, used;
    bool overflow;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *w, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(w->buf + w->used, w->size - w->used, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= w->size - w->used)
        w->overflow = true;
    else
        w->used += (size_t)n;
}

static void add_address(struct words *w, const struct sockaddr_storage *ss)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *ip = ss->ss_family == AF_INET
                         ? (const void *)&((const struct sockaddr_in *)ss)->sin_addr
                         : (const void *)&((const struct sockaddr_in6 *)ss)->sin6_addr;

    if (inet_ntop(ss->ss_family, ip, text, sizeof(text)) == NULL)
        w->overflow = true;
    add(w, "%s", text);
}

int api_options_words(const struct mptcpshim_options *opts, char *buf, size_t size)
{
    struct words w = {.buf = buf, .size = size};

    if (opts->purpose != NULL)
        add(&w, " for=%s", opts->purpose);
    if (opts->scheduler != NULL)
        add(&w, " scheduler=%s", opts->scheduler);
    if (opts->path_manager != NULL)
        add(&w, " pm=%s", opts->path_manager);
    if (opts->fairness != NULL)
        add(&w, " fairness=%s", opts->fairness);
    if (opts->max_subflows > 0)
        add(&w, " max-subflows=%u", opts->max_subflows);
    for (size_t i = 0; i < opts->n_local; i++) {
        add(&w, "%s", i == 0 ? " local=" : ",");
        add_address(&w, &opts->local[i]);
    }
    return w.overflow ? -EINVAL : (int)w.used;
}
