/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 15 /* of a scheduler, path manager or kind of fairness */
#define LOCAL_MAX    16 /* addresses that the agent takes */

/* The first release's struct; no program passes less. */
#define SIZE_MIN (offsetof(struct mptcpshim_options, n_local) + sizeof(size_t))

void mptcpshim_options_init(struct mptcpshim_options *opts, size_t size)
{
    memset(opts, 0, size);
    opts->size = size;
}

/* A word in a list of words: nothing that separates words or values. */
static bool name_ok(const char *name)
{
    size_t len;

    if (name == NULL)
        return true;
    len = strlen(name);
    return len > 0 && len <= NAME_MAX_LEN &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
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
        if (opts->size < SIZE_MIN || !tail_unused(opts))
            return -EINVAL;
        memcpy(&copy, opts, opts->size < sizeof(copy) ? opts->size : sizeof(copy));
        copy.size = sizeof(copy);
    }
    if (copy.flags & ~(MPTCPSHIM_OFF | MPTCPSHIM_REQUIRED) ||
        copy.flags == (MPTCPSHIM_OFF | MPTCPSHIM_REQUIRED))
        return -EINVAL;
    if (!name_ok(copy.scheduler) || !name_ok(copy.path_manager) || !name_ok(copy.fairness))
        return -EINVAL;
    if (copy.n_local > LOCAL_MAX || (copy.n_local > 0 && copy.local == NULL))
        return -EINVAL;
    for (size_t i = 0; i < copy.n_local; i++) {
        if (copy.local[i].ss_family != AF_INET && copy.local[i].ss_family != AF_INET6)
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
