/* SPDX-License-Identifier: MIT */
/* Files of pre-shared keys: what is taken, what is refused, and which key is for whom. */
#include "config/psks.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "test.h"

#define KEY "00112233445566778899aAbBcCdDeEfF"

static struct mps_psks psks;
static char name[] = "/tmp/mptcpshim-psks.XXXXXX";
static struct {
    unsigned n, line;
    char why[128], allowed[128];
} seen;

static void note(void *user, const struct mps_settings_error *error)
{
    seen.n++;
    seen.line = error->line;
    snprintf(seen.why, sizeof(seen.why), "%s", error->why);
    snprintf(seen.allowed, sizeof(seen.allowed), "%s", error->allowed);
    assert_string_equal(error->file, name);
}

static bool read_file(void)
{
    struct mps_settings_report report = {.bad = note};
    bool right;

    memset(&seen, 0, sizeof(seen));
    memset(&psks, 0xff, sizeof(psks));
    right = mps_psks_read(&psks, name, &report);
    assert_int_equal(report.n_bad, right ? 0 : 1);
    assert_int_equal(seen.n, report.n_bad);
    if (!right)
        assert_int_equal(psks.n, 0);
    return right;
}

static void write_file(const char *text)
{
    int fd = open(name, O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static bool read_text(const char *text)
{
    write_file(text);
    return read_file();
}

static struct mps_addr v4(uint8_t a, uint8_t d)
{
    return (struct mps_addr){.family = MPS_AF_INET, .ip = {a, 0, 0, d}};
}

static void lines(void **state)
{
    const struct mps_psk *psk;
    struct mps_addr near = v4(10, 1), far = v4(192, 1);

    assert_true(read_text("# a comment\n\n  alice " KEY
                          " 10.0.0.0/8, 2001:db8::/32\r\n\tbob\t" KEY KEY
                          "\n" /* no end of the last line: */ "carol " KEY " 192.0.0.1"));
    assert_int_equal(psks.n, 3);
    psk = mps_psks_for(&psks, &near);
    assert_non_null(psk);
    assert_int_equal(psk->identity_len, 5);
    assert_memory_equal(psk->identity, "alice", 5);
    assert_int_equal(psk->key_len, 16);
    assert_memory_equal(psk->key,
                        "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
    /* The first line that fits: bob's is for every peer. */
    psk = mps_psks_for(&psks, &far);
    assert_memory_equal(psk->identity, "bob", 3);
    assert_int_equal(psk->key_len, 32);
    assert_ptr_equal(mps_psks_named(&psks, (const uint8_t *)"carol", 5), &psks.row[2].psk);
    assert_null(mps_psks_named(&psks, (const uint8_t *)"caro", 4));
    assert_null(mps_psks_named(&psks, (const uint8_t *)"", 0));
    assert_null(mps_psks_named(NULL, (const uint8_t *)"carol", 5));
    assert_null(mps_psks_for(NULL, &near));
    assert_true(read_text("alice " KEY " 10.0.0.1\n"));
    assert_null(mps_psks_for(&psks, &far));
    assert_true(read_text(""));
    assert_int_equal(psks.n, 0);
}

static void bad_lines(void **state)
{
    static const struct {
        const char *text, *why;
        unsigned line;
    } rows[] = {
        {"alice\n", "no key", 1},
        {"\nalice 0011\n", "short", 2},
        {"alice " KEY KEY KEY KEY "00\n", "long", 1},
        {"alice " KEY "0\n", "odd", 1},
        {"alice 00112233445566778899aabbccddeefg\n", "hexadecimal", 1},
        {"alice " KEY "\nalice " KEY "\n", "already", 2},
        {"alice " KEY " example.com\n", "not an IP address", 1},
        {"a " KEY " 1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 1.0.0.5 1.0.0.6 1.0.0.7 1.0.0.8 1.0.0.9\n",
         "too many addresses", 1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(read_text(rows[i].text));
        assert_int_equal(seen.line, rows[i].line);
        if (!strstr(seen.why, rows[i].why))
            fail_msg("%s: %s", rows[i].text, seen.why);
        assert_non_null(strstr(seen.allowed, "IDENTITY KEY"));
    }
}

static void too_many(void **state)
{
    static char text[80 * 65];
    size_t at = 0;

    for (unsigned i = 0; i < 64; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "host-%u " KEY "\n", i);
    assert_true(read_text(text));
    assert_int_equal(psks.n, MPS_PSKS);
    snprintf(text + at, sizeof(text) - at, "host-64 " KEY "\n");
    assert_false(read_text(text));
    assert_int_equal(seen.line, 65);
}

static void files(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0602, 0601, 0610};

    write_file("alice " KEY "\n");
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(name, modes[i]), 0);
        assert_false(read_file());
        assert_non_null(strstr(seen.why, "others"));
    }
    assert_int_equal(chmod(name, 0400), 0);
    assert_true(read_file());
    assert_int_equal(chmod(name, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(name, 65534, 65534), 0);
        assert_false(read_file());
        assert_non_null(strstr(seen.why, "another user"));
    }
    assert_int_equal(unlink(name), 0);
    assert_false(read_file());
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_false(read_file()); /* nobody is waited for */
    assert_non_null(strstr(seen.why, "regular"));
    assert_non_null(strstr(seen.allowed, "0600"));
}

static int begin(void **state)
{
    int fd = mkstemp(name);

    close(fd);
    return fd < 0 ? -1 : 0;
}

static int end(void **state)
{
    return unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(too_many),
        cmocka_unit_test(files),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
