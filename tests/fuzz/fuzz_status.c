/* SPDX-License-Identifier: MIT */
/*
 * What an agent, or who pretends to be one, answers to `mptcpshim status`: whatever it is, the
 * launcher prints whole lines of printable characters, or JSON that is JSON, and does not fail in
 * another way. First byte: 1 for --json, 2 for --openmetrics, 3 for --prometheus, 4 and 5 for the
 * list and the details of top. 0xff begins the answer of a further agent.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"

/* The subcommand asks us in place of the agents. */
#define mps_agents_ask fuzz_ask
#include "../../preload/launcher/status.c"

#include "../../preload/launcher/show/topview.h"

#define AGENTS_MAX 8

static const uint8_t *input;
static size_t input_len;

static int memory_file(const uint8_t *data, size_t len)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0);
    CHECK(write(fd, data, len) == (ssize_t)len);
    return fd;
}

struct mps_agents *fuzz_ask(enum mps_ho_op op, const char *text, const char *only)
{
    struct mps_agents *list = calloc(1, sizeof(*list) + AGENTS_MAX * sizeof(list->agent[0]));
    const uint8_t *at = input, *end = input + input_len;

    CHECK(list && op == MPS_HO_STATUS && !text && !only);
    while (list->n < AGENTS_MAX) {
        struct mps_agent *a = &list->agent[list->n++];
        const uint8_t *next = at < end ? memchr(at, 0xff, (size_t)(end - at)) : NULL;
        size_t len = (size_t)((next ? next : end) - at);

        memcpy(a->id, "0123456789abcdef", sizeof(a->id));
        a->answer = MPS_AGENT_OK;
        a->fd = memory_file(at, len);
        a->events = a->sock = -1;
        if (!next)
            break;
        at = next + 1;
    }
    return list;
}

static void check_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        CHECK(c == '\n' || (c >= 0x20 && c != 0x7f));
        /* C1 control characters in UTF-8. */
        CHECK(!(c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0));
    }
    CHECK(len == 0 || text[len - 1] == '\n');
}

/* The screens of top, as text. */
static int top(enum mps_top_screen screen)
{
    static const size_t widths[] = {1, 20, 40, 80, 200};
    struct mps_top_view view = {.screen = screen, .keys = true, .note = ""};
    struct mps_agents *agents = fuzz_ask(MPS_HO_STATUS, NULL, NULL);
    struct json_object *all = mps_agents_json(agents);
    struct mps_seen *seen = mps_seen_read(all);
    struct mps_frame frame;
    struct mps_live live;

    CHECK(seen);
    mps_live_init(&live);
    CHECK(mps_live_look(&live, seen));
    mps_live_choose(&live, 1);
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        mps_frame_init(&frame, widths[i], i % 2 == 0);
        mps_top_compose(&live, &view, i == 4 ? 0 : 24, &frame);
        mps_frame_print(&frame);
        mps_frame_deinit(&frame);
    }
    mps_live_deinit(&live);
    json_object_put(all);
    mps_agents_free(agents);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char *const forms[] = {NULL, "--json", "--openmetrics", "--prometheus"};
    char *words[] = {"status", len > 0 && data[0] < 4 ? forms[data[0]] : NULL, NULL}, *text = NULL;
    FILE *out = stdout, *err = stderr;
    bool json = len > 0 && data[0] == 1;
    size_t text_len = 0;
    int code;

    if (len < 1)
        return 0;
    input = data + 1;
    input_len = len - 1;
    stdout = open_memstream(&text, &text_len);
    stderr = fopen("/dev/null", "w");
    CHECK(stdout && stderr);
    if (data[0] == 4 || data[0] == 5)
        code = top(data[0] == 4 ? MPS_TOP_LIST : MPS_TOP_DETAILS);
    else
        code = mps_launcher_status(words[1] ? 2 : 1, words);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    CHECK(code == 0 || code == MPS_EXIT_NO_ANSWER || code == MPS_EXIT_FAILURE);
    check_text(text, text_len);
    if (json && text_len > 0) {
        struct json_object *root = json_tokener_parse(text);

        CHECK(json_object_is_type(root, json_type_array));
        json_object_put(root);
    }
    free(text);
    return 0;
}
