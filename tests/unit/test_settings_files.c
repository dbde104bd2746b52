/* SPDX-License-Identifier: MIT */
/* Which files settings are read from. */
#include "seen.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config/settings.h"

static struct mps_settings settings;
static struct seen seen;

static void write_file(const char *name, const char *text, size_t repeat)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    for (size_t i = 0; i < repeat; i++)
        assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void files(void **state)
{
    char dir[] = "/tmp/settings.XXXXXX", sys[64], user[64], only[64], none[64], big[64];
    struct mps_settings_report report = {.bad = note, .user = &seen};
    struct mps_settings_files f = {.system = sys, .user = user};

    assert_non_null(mkdtemp(dir));
    snprintf(sys, sizeof(sys), "%s/sys", dir);
    snprintf(user, sizeof(user), "%s/user", dir);
    snprintf(only, sizeof(only), "%s/only", dir);
    snprintf(none, sizeof(none), "%s/none", dir);
    snprintf(big, sizeof(big), "%s/big", dir);
    write_file(sys, "[agent]\nidle = 1\n[connections]\nmax-subflows = 3\n", 1);
    write_file(user, "[agent]\nidle = 2\n", 1);
    write_file(only, "[agent]\nidle = 3\n", 1);
    write_file(big, "# 16 characters\n", 4097);
    memset(&seen, 0, sizeof(seen));

    mps_settings_init(&settings);
    mps_settings_read(&settings, &f, &report);
    assert_int_equal(settings.options.idle_s, 2);
    assert_int_equal(settings.options.conn.max_subflows, 3);
    f.only = only;
    mps_settings_init(&settings);
    mps_settings_read(&settings, &f, &report);
    assert_int_equal(settings.options.idle_s, 3);
    assert_int_equal(settings.options.conn.max_subflows, 8);
    assert_int_equal(seen.n, 0);

    assert_false(mps_settings_read_file(&settings, none, true, &report));
    assert_int_equal(seen.n, 0);
    assert_false(mps_settings_read_file(&settings, none, false, &report));
    assert_false(mps_settings_read_file(&settings, big, true, &report));
    assert_false(mps_settings_read_file(&settings, dir, true, &report));
    assert_int_equal(seen.n, 3);
    assert_string_equal(seen.error[0].why, strerror(ENOENT));
    assert_string_equal(seen.error[1].why, "too large");
    assert_string_equal(seen.error[2].why, strerror(EISDIR));
    assert_int_equal(seen.error[2].line, 0);
    write_file(big, "# 16 characters\n", 4096);
    assert_true(mps_settings_read_file(&settings, big, true, &report));
    unlink(sys);
    unlink(user);
    unlink(only);
    unlink(big);
    rmdir(dir);
}

static void user_file(void **state)
{
    char out[32];

    assert_true(mps_settings_user_file("/x", "/home/u", out, sizeof(out)));
    assert_string_equal(out, "/x/mptcpshim.conf");
    assert_true(mps_settings_user_file("", "/h", out, sizeof(out)));
    assert_string_equal(out, "/h/.config/mptcpshim.conf");
    assert_true(mps_settings_user_file("relative", "/h", out, sizeof(out)));
    assert_string_equal(out, "/h/.config/mptcpshim.conf");
    assert_false(mps_settings_user_file(NULL, NULL, out, sizeof(out)));
    assert_false(mps_settings_user_file(NULL, "/home/somebody", out, sizeof(out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(user_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
