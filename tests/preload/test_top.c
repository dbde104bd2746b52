/* SPDX-License-Identifier: MIT */
/* What top knows between looks, and the screens that it makes of that. */
#include "../lib/test.h"
#include <json-c/json.h>
#include "../../preload/launcher/show/topbars.h"
#include "../../preload/launcher/show/topview.h"

/* ---- looks ---- */

/* rate: bytes per second; half of it by each of two paths. */
static int connection(char *ret, size_t size, int id, const char *program, int rate, int segments)
{
    return snprintf(
        ret, size,
        "{\"agent\":\"0123456789abcdef\",\"id\":\"%016x\",\"program\":\"%s\",\"process\":%d,"
        "\"mode\":\"multipath\",\"state\":\"established\",\"role\":\"client\",\"age_us\":%d000000,"
        "\"scheduler\":\"ecf\",\"local\":\"192.0.2.1:1\",\"remote\":\"198.51.100.1:%d\","
        "\"send_rate\":0,\"receive_rate\":%d,\"bytes_received\":%d,\"subflows\":["
        "{\"id\":0,\"interface\":\"wlan0\",\"local\":\"192.0.2.1:1\",\"remote\":\"198.51.100.1:%d\","
        "\"state\":\"active\",\"receive_rate\":%d,\"segments_sent\":%d,\"segments_repeated\":%d,"
        "\"rtt_us\":22000},"
        "{\"id\":%d,\"interface\":\"wwan0\",\"local\":\"203.0.113.9:2\","
        "\"remote\":\"198.51.100.1:%d\",\"state\":\"active\",\"stale\":true,"
        "\"receive_rate\":%d}],"
        "\"ended\":[{\"local\":\"203.0.113.9\",\"remote\":\"198.51.100.1\",\"count\":1,"
        "\"bytes_received\":77}]}",
        id, program, 1000 + id, 100 - id, 5000 + id, rate, id * 1000, 5000 + id, rate / 2, segments,
        segments / 10, id, 5000 + id, rate / 2);
}

static void look(struct mps_live *live, const char *json)
{
    struct json_object *all = json_tokener_parse(json);
    struct mps_seen *seen;

    assert_non_null(all);
    seen = mps_seen_read(all);
    json_object_put(all);
    assert_non_null(seen);
    assert_true(mps_live_look(live, seen));
}

/* Three connections. */
static void look_at_three(struct mps_live *live, int rate, int segments)
{
    char a[1500], b[1500], c[1500], all[5000];

    connection(a, sizeof(a), 1, "curl", 1000, segments);
    connection(b, sizeof(b), 2, "rsync", rate, segments);
    connection(c, sizeof(c), 3, "Backup\\u001b[2J", 2000, segments);
    snprintf(all, sizeof(all),
             "[%s,%s,%s,{\"agent\":\"0123456789abcdef\",\"state\":\"counted\","
             "\"role\":\"client\",\"reason\":\"loopback\",\"count\":9}]",
             c, b, a);
    look(live, all);
}

static void order_is(struct mps_live *live, const char *first, const char *second,
                     const char *third)
{
    mps_live_list(live);
    assert_int_equal(live->n_listed, 3);
    assert_int_equal(strncmp(live->listed[0]->seen->program, first, strlen(first)), 0);
    assert_int_equal(strncmp(live->listed[1]->seen->program, second, strlen(second)), 0);
    assert_int_equal(strncmp(live->listed[2]->seen->program, third, strlen(third)), 0);
}

static void test_orders(void **state)
{
    struct mps_live live;

    mps_live_init(&live);
    look_at_three(&live, 3000, 0);
    order_is(&live, "rsync", "Backup", "curl");
    live.backwards = true;
    order_is(&live, "curl", "Backup", "rsync");
    live.backwards = false;
    live.order = MPS_BY_BYTES;
    order_is(&live, "Backup", "rsync", "curl");
    live.order = MPS_BY_PROGRAM;
    order_is(&live, "Backup", "curl", "rsync");
    live.order = MPS_BY_AGE;
    order_is(&live, "curl", "rsync", "Backup");
    mps_live_deinit(&live);
}

static void test_filter_and_choice(void **state)
{
    struct mps_live live;

    mps_live_init(&live);
    look_at_three(&live, 3000, 0);
    mps_live_choose(&live, 2);
    assert_string_equal(live.listed[mps_live_chosen(&live)]->seen->program, "curl");
    /* The choice follows the connection, not the place. */
    live.order = MPS_BY_PROGRAM;
    mps_live_list(&live);
    assert_int_equal(mps_live_chosen(&live), 1);
    strcpy(live.filter, "BACK");
    mps_live_list(&live);
    assert_int_equal(live.n_listed, 1);
    assert_int_equal(mps_live_chosen(&live), 0);
    strcpy(live.filter, "nothing");
    mps_live_list(&live);
    assert_int_equal(live.n_listed, 0);
    mps_live_choose(&live, 5);
    mps_live_deinit(&live);
}

static void test_past(void **state)
{
    const struct mps_live_conn *rsync;
    struct mps_live live;

    mps_live_init(&live);
    for (int i = 1; i <= MPS_LIVE_LOOKS + 5; i++)
        look_at_three(&live, i * 10000, i * 100);
    rsync = live.listed[0];
    assert_string_equal(rsync->seen->program, "rsync");
    assert_int_equal(mps_live_rate(&rsync->past, MPS_IN, 0), (MPS_LIVE_LOOKS + 5) * 10000);
    assert_int_equal(mps_live_rate(&rsync->past, MPS_IN, MPS_LIVE_LOOKS - 1), 60000);
    assert_int_equal(mps_live_rate(&rsync->past, MPS_IN, MPS_LIVE_LOOKS), 0);
    assert_int_equal(rsync->n_paths, 2);
    assert_int_equal(rsync->paths[0].new_segments, 100);
    assert_int_equal(rsync->paths[0].new_repeated, 10);
    assert_int_equal(mps_live_rate(&rsync->paths[1].past, MPS_IN, 1), (MPS_LIVE_LOOKS + 4) * 5000);
    look(&live, "[]");
    assert_int_equal(live.n_listed, 0);
    mps_live_deinit(&live);
}

/* ---- screens ---- */

/* A row as text. */
static const char *row(const struct mps_frame *f, size_t n)
{
    static char text[4096];
    size_t used = 0;

    assert_true(n < f->n_rows);
    for (size_t i = 0; i < f->width; i++) {
        const struct mps_cell *cell = mps_frame_at(f, n, i);

        if (!cell->behind)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
                                     cell->text[0] ? cell->text : " ");
    }
    while (used > 0 && text[used - 1] == ' ')
        text[--used] = '\0';
    return text;
}

static bool somewhere(const struct mps_frame *f, const char *what)
{
    for (size_t i = 0; i < f->n_rows; i++)
        if (strstr(row(f, i), what))
            return true;
    return false;
}

static void test_list(void **state)
{
    struct mps_top_view view = {.keys = true, .note = "", .answered = 1};
    struct mps_frame f;
    struct mps_live live;

    mps_live_init(&live);
    look_at_three(&live, 1000000, 100);
    look_at_three(&live, 3000000, 200);
    mps_frame_init(&f, 80, true);
    mps_top_compose(&live, &view, 24, &f);
    assert_int_equal(f.n_rows, 24);
    assert_string_equal(row(&f, 0), "mptcpshim: 3 connections, 3 multipath; sends 0 bit/s, "
                                    "receives 24.0 Mbit/s");
    assert_string_equal(row(&f, 1), "agents: 1; plain TCP elsewhere: 9; by rate");
    assert_non_null(strstr(row(&f, 2), "PROGRAM"));
    assert_non_null(strstr(row(&f, 3), "rsync[1002] 198.51.100.1:"));
    assert_non_null(strstr(row(&f, 3), "▃█"));
    assert_non_null(strstr(row(&f, 3), "24.0M"));
    assert_int_equal(mps_frame_at(&f, 3, 0)->look, MPS_LOOK_HEAD); /* chosen */
    assert_non_null(strstr(row(&f, 4), "  wlan0"));
    assert_non_null(strstr(row(&f, 4), "22 ms   10%"));
    assert_non_null(strstr(row(&f, 5), "stale"));
    assert_int_equal(mps_frame_at(&f, 5, 3)->look, MPS_LOOK_BAD);
    assert_non_null(strstr(row(&f, 6), "ended"));
    assert_non_null(strstr(row(&f, 23), "q quit"));
    assert_true(somewhere(&f, "Backup\\x1b[2J[1003]"));

    /* What is chosen is seen, on a low screen, too. */
    mps_live_choose(&live, 2);
    mps_top_compose(&live, &view, 8, &f);
    assert_int_equal(f.n_rows, 8);
    assert_true(somewhere(&f, "curl[1001]"));
    assert_false(somewhere(&f, "rsync"));

    /* For a pipe: all of it, and no keys. */
    view.keys = false;
    view.first = 0;
    mps_top_compose(&live, &view, 0, &f);
    assert_int_equal(f.n_rows, 3 + 3 * 4);
    assert_false(somewhere(&f, "quit"));
    mps_frame_deinit(&f);
    mps_live_deinit(&live);
}

static void test_widths(void **state)
{
    static const size_t widths[] = {1, 2, 19, 40, 57, 80, 110, 200, 500};
    struct mps_top_view view = {.keys = true, .note = ""};
    struct mps_live live;

    mps_live_init(&live);
    look_at_three(&live, 3000000, 200);
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        for (size_t rows = 1; rows < 30; rows++) {
            struct mps_frame f;

            mps_frame_init(&f, widths[i], true);
            for (view.screen = MPS_TOP_LIST; view.screen <= MPS_TOP_HELP; view.screen++) {
                view.first = 0;
                mps_top_compose(&live, &view, rows, &f);
                assert_true(f.n_rows <= rows || rows < 5);
            }
            view.screen = MPS_TOP_LIST;
            mps_top_compose(&live, &view, 24, &f);
            if (widths[i] >= 40)
                assert_true(somewhere(&f, "rsync[1002]") && somewhere(&f, "12.0M"));
            if (widths[i] >= 200)
                assert_true(somewhere(&f, "SCHEDULER") && somewhere(&f, "█████"));
            mps_frame_deinit(&f);
        }
    }
    mps_live_deinit(&live);
}

static void test_details(void **state)
{
    struct mps_top_view view = {.keys = true, .note = "", .screen = MPS_TOP_DETAILS};
    char all[2000] = "[";
    struct mps_frame f;
    struct mps_live live;

    mps_live_init(&live);
    look_at_three(&live, 3000000, 200);
    mps_frame_init(&f, 80, true);
    mps_live_choose(&live, 0);
    mps_top_compose(&live, &view, 40, &f);
    assert_true(somewhere(&f, "program      rsync[1002]"));
    assert_true(somewhere(&f, "wwan0        203.0.113.9:2 -> 198.51.100.1:5002"));
    assert_true(somewhere(&f, "ended, 1 subflows"));
    /* Further down on a low screen. */
    view.first = 1000;
    mps_top_compose(&live, &view, 10, &f);
    assert_true(somewhere(&f, "repeated"));
    assert_false(somewhere(&f, "program"));
    /* Not those of another one when it has ended. */
    connection(all + 1, sizeof(all) - 2, 1, "curl", 3000, 0);
    strcat(all, "]");
    look(&live, all);
    mps_top_compose(&live, &view, 24, &f);
    assert_true(somewhere(&f, "The connection has ended."));
    mps_frame_deinit(&f);
    mps_live_deinit(&live);
}

static void test_ascii(void **state)
{
    struct mps_top_view view = {.keys = true, .note = ""};
    struct mps_live live;
    struct mps_frame f;
    char all[2000] = "[";

    connection(all + 1, sizeof(all) - 2, 1, "na\\u00efve \\u4e2d", 3000, 0);
    strcat(all, "]");
    mps_live_init(&live);
    look(&live, all);
    mps_frame_init(&f, 120, false);
    mps_top_compose(&live, &view, 24, &f);
    for (size_t i = 0; i < f.n_rows; i++)
        for (const char *p = row(&f, i); *p; p++)
            assert_in_range(*p, ' ', '~');
    assert_true(somewhere(&f, "na?ve ?[1001]"));
    assert_true(somewhere(&f, "####"));
    mps_frame_deinit(&f);
    mps_frame_init(&f, 120, true);
    mps_top_compose(&live, &view, 24, &f);
    assert_true(somewhere(&f, "naïve 中[1001]"));
    mps_frame_deinit(&f);
    mps_live_deinit(&live);
}

static void test_notes(void **state)
{
    struct mps_top_view view = {.keys = true, .note = "Nothing runs.\nWaiting."};
    struct mps_live live;
    struct mps_frame f;

    mps_live_init(&live);
    mps_frame_init(&f, 40, true);
    mps_top_compose(&live, &view, 10, &f);
    assert_true(somewhere(&f, "Waiting."));
    view.note = "Programs under mptcpshim are running, and have no connections now.\n\nEnd";
    mps_top_compose(&live, &view, 10, &f);
    assert_string_equal(row(&f, 2), "Programs under mptcpshim are running,");
    assert_string_equal(row(&f, 3), "and have no connections now.");
    assert_string_equal(row(&f, 4), "");
    assert_string_equal(row(&f, 5), "End");
    view.note = "";
    mps_top_compose(&live, &view, 10, &f);
    assert_true(somewhere(&f, "No connections."));
    strcpy(live.filter, "x");
    view.typing = true;
    mps_top_compose(&live, &view, 10, &f);
    assert_true(somewhere(&f, "Only programs with: x_"));
    mps_frame_deinit(&f);
    mps_live_deinit(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders), cmocka_unit_test(test_filter_and_choice),
        cmocka_unit_test(test_past),   cmocka_unit_test(test_list),
        cmocka_unit_test(test_widths), cmocka_unit_test(test_details),
        cmocka_unit_test(test_ascii),  cmocka_unit_test(test_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
