/* SPDX-License-Identifier: MIT */
#include "half.h"

#include <stdlib.h>
#include <string.h>
#include "core/base/err.h"

#define BUF_SIZE (256u * 1024)

bool mps_half_is_empty(const struct mps_half *h)
{
    return h->at == h->len;
}

bool mps_half_reserve(struct mps_half *h)
{
    if (!h->buf) {
        h->buf = malloc(BUF_SIZE);
        h->cap = h->buf ? BUF_SIZE : 0;
    }
    h->at = h->len = 0;
    h->urgent = false;
    return h->buf != NULL;
}

int mps_half_append(struct mps_half *h, const uint8_t *p, size_t n)
{
    if (h->len + n > h->cap) {
        size_t cap = h->len + n > BUF_SIZE ? h->len + n : BUF_SIZE;
        uint8_t *buf = realloc(h->buf, cap);

        if (!buf)
            return MPS_ENOMEM;
        h->buf = buf;
        h->cap = cap;
    }
    memcpy(h->buf + h->len, p, n);
    h->len += n;
    return 0;
}

size_t mps_half_next(const struct mps_half *h, bool *ret_urgent)
{
    size_t n = h->len - h->at;

    *ret_urgent = h->urgent && n == 1;
    return h->urgent && n > 1 ? n - 1 : n;
}

void mps_half_passed(struct mps_half *h, size_t n, mps_time_t now)
{
    h->at += n;
    h->bytes += n;
    mps_meter_add(&h->meter, n, now);
}

void mps_half_deinit(struct mps_half *h)
{
    free(h->buf);
    h->buf = NULL;
}
