/* SPDX-License-Identifier: MIT */
#include "appconn.h"

#include <string.h>
#include "core/base/err.h"
#include "core/base/mem.h"
#include "engine/agent/engine.h"
#include "engine/show/log.h"

static void log_bad_option(const char *word, const char *why)
{
    mps_log("session: option \"%s\": %s", word, why);
}

int mps_appconn_set_options(struct mps_appconn *ac, const struct mps_options *options)
{
    const struct mps_mem *mem = &ac->account.mem;
    struct mps_options *own = mps_alloc(mem, sizeof(*own));

    if (!own)
        return MPS_ENOMEM;
    *own = *options;
    mps_appconn_forget_options(ac);
    ac->options = own;
    return 0;
}

int mps_appconn_take_words(struct mps_appconn *ac, const char *words, size_t length)
{
    struct mps_options options = *ac->options;

    mps_options_parse(&options, words, length, log_bad_option);
    if (memcmp(&options, ac->options, sizeof(options)) == 0)
        return 0;
    return mps_appconn_set_options(ac, &options);
}

void mps_appconn_forget_options(struct mps_appconn *ac)
{
    if (ac->options != &ac->eng->options)
        mps_free(&ac->account.mem, (void *)ac->options);
    ac->options = &ac->eng->options;
}
