/* SPDX-License-Identifier: MIT */
#include "half.h"

#include <string.h>
#include "core/base/constants.h"
#include "core/base/err.h"

/* Both directions of a connection are sure of the small one. */
#define BUF_SIZE  (256u * 1024)
#define BUF_SMALL (MPS_SURE_BYTES / 2)

bool mps_half_is_empty(const struct mps_half *h)
{
    return h->at == h->len;
}

bool mps_half_reserve(struct mps_half *h, struct mps_account *account)
{
    h->at = h->len = 0;
    h->urgent = false;
    if (h->buf)
        return true;
    h->cap = mps_account_may(account, BUF_SIZE, false) ? BUF_SIZE : BUF_SMALL;
    h->buf = mps_alloc_raw(&account->mem, h->cap);
    return h->buf != NULL;
}

int mps_half_append(struct mps_half *h, struct mps_account *account, const uint8_t *p, size_t n)
{
    if (h->len + n > h->cap) {
        size_t cap = h->len + n > BUF_SIZE ? h->len + n : BUF_SIZE;
        uint8_t *buf = mps_alloc(&account->mem, cap); /* whatever the limit: nothing is lost */

        if (!buf)
            return MPS_ENOMEM;
        if (h->len > 0)
            memcpy(buf, h->buf, h->len);
        mps_free(&account->mem, h->buf);
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

void mps_half_rest(struct mps_half *h, struct mps_account *account)
{
    if (mps_half_is_empty(h))
        mps_half_deinit(h, account);
}

void mps_half_deinit(struct mps_half *h, struct mps_account *account)
{
    mps_free(&account->mem, h->buf);
    h->buf = NULL;
    h->at = h->len = h->cap = 0;
}
