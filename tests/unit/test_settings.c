/* SPDX-License-Identifier: MIT */
/* The text of configuration files: every key, what is wrong in it and where. */
#include "config/settings.h"
#include "config/keys.h"
#include "core/paths/pm.h"
#include "core/sched/sched.h"
#include "seen.h"
#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
static bool no_memory;

void *malloc(size_t size);
void *malloc(size_t size)
{
    return no_memory ? NULL : __libc_malloc(size);
}
#endif

static struct mps_settings settings;
static struct seen seen;

static void read_text(const char *text)
{
    struct mps_settings_report report = {.bad = note, .user = &seen};

    memset(&seen, 0, sizeof(seen));
    mps_settings_init(&settings);
    mps_settings_read_text(&settings, "t.conf", text, strlen(text), &report);
    assert_int_equal(report.n_bad, seen.n);
}

/* clang-format off */
static const char whole[] =
    "\xef\xbb\xbf# every key\n"
    "[connections]\n"
    "for = handover\n"
    "scheduler = roundrobin ; not the default\n"
    "path-manager=fullmesh\r\n"
    "fairness = strict\n"
    "integrity = full\n"
    "max-subflows: 32\n"
    "max-addresses = 0\n"
    "no-subflow-timeout = 90\n"
    "keepalive = 20\n"
    "bind = keep\n"
    "\n"
    "  [agent]\n"
    "  idle = 0\n"
    "  stop-timeout = 7\n"
    "  threads = 3\n  memory = 64\n"
    "\tjoin-port = 7000\n"
    "  announce = 192.0.2.1, 2001:db8::9\n"
    "  user = nobody\n"
    "  marks = yes\n"
    "  remember-peers = no\n"
    "  log = /tmp/a;b\n"
    "  trace = /tmp/%p\n"
    "[paths]\n"
    "local = 10.0.0.1,\n"
    "    2001:db8::1 ; further lines\n"
    "; a comment between\n"
    "\t127.0.0.2\n"
    "include-interfaces = eth*, wlan0\n"
    "exclude-interfaces = eth9\n"
    "include-prefixes = 10.0.0.0/8 2001:db8::/32\n"
    "exclude-prefixes = 10.9.255.255/16, 10.1.2.3\n"
    "[path eth1]\n"
    "backup = yes\n"
    "[path 10.1.0.0/16]\n"
    "weight = 100\n"
    "[peers]\n"
    "psk = /etc/keys\n"
    "capable = 192.0.2.0/24\n"
    "[programs]\n"
    "leave-alone = sshd, collectd\n"
    "  ntpd\n"
    "bulk = rsync\n"
    "interactive = ssh mosh-client\n"
    "handover = player\n"
    "leave-ports = 21 2121";
/* clang-format on */

static void all_keys(void **state)
{
    const struct mps_policy *p = &settings.policy;
    const struct mps_options *o = &settings.options;

    read_text(whole);
    for (unsigned i = 0; i < seen.n; i++)
        print_error("%u: %s: %s\n", seen.error[i].line, seen.error[i].key, seen.error[i].why);
    assert_int_equal(seen.n, 0);
    assert_ptr_equal(o->sched, &mps_sched_roundrobin);
    assert_int_equal(o->purpose, MPS_PURPOSE_HANDOVER);
    assert_ptr_equal(o->conn.pm, &mps_pm_fullmesh);
    assert_int_equal(o->conn.fairness, MPS_FAIR_STRICT);
    assert_int_equal(o->integrity, MPS_INTEGRITY_FULL);
    assert_int_equal(o->conn.max_subflows, 32);
    assert_int_equal(o->conn.max_addrs, 0);
    assert_int_equal(o->conn.no_subflow_timeout, 90 * MPS_SEC);
    assert_int_equal(o->conn.keepalive, 20 * MPS_SEC);
    assert_true(o->bind_keep);
    assert_int_equal(o->idle_s, 0);
    assert_int_equal(o->stop_s, 7);
    assert_int_equal(o->threads, 3);
    assert_int_equal(o->memory, 64u << 20);
    assert_string_equal(o->user, "nobody");
    assert_true(o->marks);
    assert_false(o->remember_peers);
    assert_string_equal(o->verbose, "/tmp/a;b");
    assert_string_equal(o->trace, "/tmp/%p");
    assert_int_equal(o->n_locals, 3);
    assert_int_equal(o->locals[1].family, MPS_AF_INET6);
    assert_int_equal(o->locals[2].ip[3], 2);
    assert_int_equal(p->include_interfaces.n, 2);
    assert_string_equal(p->include_interfaces.item[1], "wlan0");
    assert_int_equal(p->exclude_prefixes.item[0].bits, 16);
    assert_int_equal(p->exclude_prefixes.item[0].addr.ip[3], 0);
    assert_int_equal(p->exclude_prefixes.item[1].bits, 32);
    assert_int_equal(p->n_paths, 2);
    assert_string_equal(o->psk, "/etc/keys");
    assert_int_equal(p->capable.n, 1);
    assert_int_equal(p->announce.n, 2);
    assert_int_equal(p->announce.item[1].ip[15], 9);
    assert_int_equal(p->bulk.n, 1);
    assert_int_equal(p->interactive.n, 2);
    assert_string_equal(p->interactive.item[1], "mosh-client");
    assert_int_equal(p->handover.n, 1);
    assert_int_equal(p->leave_alone.n, 3);
    assert_string_equal(p->leave_alone.item[2], "ntpd");
    assert_true(p->leave_ports.said);
    assert_int_equal(p->leave_ports.n, 2);
    assert_int_equal(p->leave_ports.item[1], 2121);
    /* The test has all of them. */
    for (unsigned i = 0; mps_key_at(i); i++)
        assert_true(!mps_key_at(i)->section || strstr(whole, mps_key_at(i)->name));
}

static void bad_values(void **state)
{
    static const struct {
        const char *section, *key, *value, *why;
    } rows[] = {
        {"connections", "for", "speed", "unknown value"},
        {"connections", "scheduler", "fastest", "unknown"},
        {"connections", "scheduler", "", "unknown"},
        {"connections", "fairness", "on", "unknown value"},
        {"connections", "integrity", "yes", "unknown value"},
        {"connections", "path-manager", "none", "unknown"},
        {"connections", "max-subflows", "0", "range"},
        {"connections", "max-subflows", "33", "range"},
        {"connections", "max-subflows", "8x", "not a number"},
        {"connections", "max-subflows", "99999999999999999999999", "range"},
        {"connections", "max-addresses", "65", "range"},
        {"connections", "max-addresses", "-1", "not a number"},
        {"connections", "no-subflow-timeout", "86401", "range"},
        {"connections", "keepalive", "1.5", "not a number"},
        {"connections", "bind", "sometimes", "unknown value"},
        {"agent", "idle", "soon", "not a number"},
        {"agent", "stop-timeout", "86401", "out of range"},
        {"agent", "threads", "0", "range"},
        {"agent", "memory", "15", "range"},
        {"agent", "remember-peers", "maybe", "neither yes nor no"},
        {"agent", "marks", "1", "neither yes nor no"},
        {"agent", "user", "www data", "not a user"},
        {"agent", "user", "a-name-that-is-longer-than-any-user", "too long"},
        {"agent", "join-port", "65536", "range"},
        {"agent", "announce", "10.0.0.1:80", "not an IP address"},
        {"agent", "log", "here", "absolute"},
        {"agent", "trace", "trace.json", "absolute"},
        {"paths", "local", "10.0.0", "not an IP address"},
        {"paths", "include-interfaces", "a/b", "'/'"},
        {"paths", "exclude-interfaces", "abcdefghijklmnopqrstuvwxyz0123456789", "long"},
        {"paths", "include-prefixes", "10.0.0.0/33", "prefix length"},
        {"paths", "exclude-prefixes", "eth0", "not an IP address"},
        {"path eth0", "backup", "maybe", "neither"},
        {"path eth0", "weight", "101", "range"},
        {"path eth0", "weight", "0", "range"},
        {"peers", "psk", "keys", "absolute"},
        {"peers", "capable", "example.com", "not an IP address"},
        {"programs", "leave-alone", "/usr/sbin/sshd", "'/'"},
        {"programs", "bulk", "usr/rsync", "'/'"},
        {"programs", "interactive", "/", "'/'"},
        {"programs", "handover", "abcdefghijklmnopqrstuvwxyz0123456789", "long"},
        {"programs", "leave-ports", "ftp", "not a number"},
        {"programs", "leave-ports", "65536", "range"},
    };
    char text[512];

    for (unsigned i = 0; i < COUNT(rows); i++) {
        snprintf(text, sizeof(text), "[%s]\n\n%s = %s\n[agent]\nidle = 7\n", rows[i].section,
                 rows[i].key, rows[i].value);
        read_text(text);
        if (seen.n != 1)
            fail_msg("%s = %s: %u errors", rows[i].key, rows[i].value, seen.n);
        assert_int_equal(seen.error[0].line, 3);
        assert_string_equal(seen.error[0].key, rows[i].key);
        assert_string_equal(seen.error[0].value, rows[i].value);
        assert_string_equal(seen.error[0].file, "t.conf");
        if (!strstr(seen.error[0].why, rows[i].why))
            fail_msg("%s = %s: %s", rows[i].key, rows[i].value, seen.error[0].why);
        assert_true(strlen(seen.error[0].allowed) > 0);
        assert_int_equal(settings.options.idle_s, 7); /* the rest counts */
    }
    for (unsigned k = 0; mps_key_at(k); k++) {
        unsigned i = 0;

        while (mps_key_at(k)->section && i < COUNT(rows) &&
               strcmp(rows[i].key, mps_key_at(k)->name) != 0)
            i++;
        assert_true(i < COUNT(rows));
    }
}

/* What is said to be allowed is what is. */
static void allowed_names(void **state)
{
    char allowed[MPS_KEY_ALLOWED];

    mps_options_allowed("scheduler", allowed, sizeof(allowed));
    assert_memory_equal(allowed, "ecf, minrtt, ", 13);
    assert_non_null(strstr(allowed, " or "));
    for (unsigned i = 0; mps_sched_at(i); i++)
        assert_non_null(strstr(allowed, mps_sched_at(i)->name));
    mps_options_allowed("keepalive", allowed, sizeof(allowed));
    assert_string_equal(allowed, "a number of seconds, 0 to 86400");
    mps_options_allowed("remember-peers", allowed, sizeof(allowed));
    assert_string_equal(allowed, "yes or no");
    mps_options_allowed("nothing", allowed, sizeof(allowed));
    assert_string_equal(allowed, "");
}

/* What the core has a default for has the same one in the row. */
static bool core_agrees(const struct mps_key *key, const struct mps_config *core,
                        const struct mps_options *opt)
{
    static const char zeros[sizeof(uint64_t)];
    size_t at = key->at - offsetof(struct mps_options, conn);

    if (key->place != MPS_KEY_OPTIONS || key->at < offsetof(struct mps_options, conn) ||
        at >= sizeof(*core))
        return true;
    return memcmp((const char *)core + at, zeros, key->size) == 0 ||
           memcmp((const char *)core + at, (const char *)opt + key->at, key->size) == 0;
}

/* The defaults of the rows are those of the core, and each is a value that its key may have. */
static void defaults(void **state)
{
    static struct mps_options opt, again;
    struct mps_config core;
    const struct mps_key *key;
    char value[64];

    mps_config_init(&core);
    mps_options_init(&opt);
    assert_null(opt.sched);
    assert_int_equal(opt.purpose, MPS_PURPOSE_BULK);
    assert_ptr_equal(opt.conn.pm, mps_pm_at(0));
    assert_int_equal(opt.stop_s, 60);
    assert_true(opt.remember_peers);
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (!key->initial)
            continue;
        snprintf(value, sizeof(value), "%s", key->initial);
        assert_null(mps_key_set(key, &again, value));
        assert_true(core_agrees(key, &core, &opt));
    }
}

static void bad_lines(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *why;
    } rows[] = {
        {"idle = 1\n", 1, "in no section"},
        {"[agent]\nnonsense\n", 2, "not understood"},
        {"[agent]\n\n\n= 5\n", 4, "no such key"},
        {"[agent]\nidel = 5\n", 2, "no such key"},
        {"[agent]\nscheduler = ecf\n", 2, "no such key"},
        {"[agents]\nidle = 5\nlog = /x\n", 1, "no such section"},
        {"[agent extra]\n", 1, "no such section"},
        {"[agent\nidle = 5\n", 1, "no ']'"},
        {"[path]\nweight = 5\n", 1, "no interface"},
        {"[path 10.0.0.0/64]\n", 1, "not a prefix"},
        {"[path abcdefghijklmnopqrstuvwxyz0123456789]\n", 1, "too long"},
        {"[agent]\nidle = 1\n  2\n", 3, "no list"},
        {"[agent]\n  2\n", 2, "not understood"},
        {"[programs]\nleave-alone = a\n  b\n  c/d\n", 4, "'/'"},
        {"[connections]\nscheduler = ecf\nscheduler = no\n", 3, "unknown"},
    };
    char line[400];

    for (unsigned i = 0; i < COUNT(rows); i++) {
        read_text(rows[i].text);
        if (seen.n != 1)
            fail_msg("%s: %u errors", rows[i].text, seen.n);
        assert_int_equal(seen.error[0].line, rows[i].line);
        if (!strstr(seen.error[0].why, rows[i].why))
            fail_msg("%s: %s", rows[i].text, seen.error[0].why);
    }
    /* Too long: reported once, and what continues it goes with it. Comments may be long. */
    memset(line, 'a', sizeof(line));
    memcpy(line, "[paths]\nlocal = 1.1.1.1\n# ", 26);
    snprintf(line + 300, sizeof(line) - 300, "\nlocal = 1.1.1.2\n");
    read_text(line);
    assert_int_equal(seen.n, 0);
    memcpy(line, "[paths]\nlocal = 1.1.1.1\nl=", 26);
    snprintf(line + 300, sizeof(line) - 300, "\n  2.2.2.2\n3.3.3.3\n");
    read_text(line);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.error[0].line, 3);
    assert_string_equal(seen.error[0].why, "too long");
    assert_int_equal(seen.error[1].line, 5);
    assert_int_equal(settings.options.n_locals, 1);
}

static void nul_bytes(void **state)
{
    static const char text[] = "[agent]\nidle = 1\0 2\nidle = 3\n";
    struct mps_settings_report report = {.bad = note, .user = &seen};

    memset(&seen, 0, sizeof(seen));
    mps_settings_init(&settings);
    mps_settings_read_text(&settings, "t", text, sizeof(text) - 1, &report);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.error[0].line, 2);
    assert_int_equal(settings.options.idle_s, 3);
    /* Nobody needs to be told. */
    report = (struct mps_settings_report){.bad = NULL};
    mps_settings_read_text(&settings, "t", text, sizeof(text) - 1, &report);
    assert_int_equal(report.n_bad, 1);
}

static void every_error_is_reported(void **state)
{
    read_text("[connections]\nscheduler = a\nmax-subflows = b\n[x]\n[programs]\n"
              "leave-alone = a/b, c, d/e\n[path e0]\nbackup = 1\nweight = -1\nweights = 2\n");
    assert_int_equal(seen.n, 8);
    assert_int_equal(settings.policy.leave_alone.n, 1);
    assert_string_equal(settings.policy.leave_alone.item[0], "c");
    assert_string_equal(seen.error[3].value, "a/b");
    assert_string_equal(seen.error[3].section, "programs");
}

static void full_lists(void **state)
{
    static const char *const keys[] = {
        "[programs]\nleave-alone =",
        "[paths]\nexclude-interfaces =",
        "[paths]\ninclude-prefixes =",
        "[peers]\ncapable =",
        "[paths]\nlocal =",
        "[agent]\nannounce =",
    };
    static const unsigned max[] = {32, 32, 32, 16, 16, 8};
    char text[2048];

    for (unsigned k = 0; k < COUNT(keys); k++) {
        int at = snprintf(text, sizeof(text), "%s", keys[k]);

        for (unsigned i = 0; i < 40; i++)
            at += snprintf(text + at, sizeof(text) - (size_t)at, "\n  10.0.0.%u", i);
        read_text(text);
        assert_int_equal(seen.n, 40 - max[k]);
        assert_string_equal(seen.error[0].why, "too many");
    }
    for (int i = 0, at = 0; i < 33; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "[path e%d]\nweight = 2\n", i);
    read_text(text);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.error[0].line, 65);
    assert_int_equal(settings.policy.n_paths, 32);
}

static void later_replaces_earlier(void **state)
{
    read_text("[programs]\nleave-alone = a b\nleave-alone = c\n[paths]\nlocal = 1.1.1.1\nlocal =\n"
              "[agent]\nidle = 1\nidle = 2\n");
    assert_int_equal(seen.n, 0);
    assert_int_equal(settings.policy.leave_alone.n, 1);
    assert_int_equal(settings.options.n_locals, 0);
    assert_int_equal(settings.options.idle_s, 2);
}

static bool admits(const char *interface, const char *address)
{
    struct mps_addr addr;

    assert_null(mps_value_address(address, &addr));
    return mps_policy_admits(&settings.policy, interface, &addr);
}

static void policy(void **state)
{
    struct mps_addr addr;
    bool backup = false;
    unsigned weight = 1;

    read_text("");
    assert_true(admits("eth0", "10.0.0.1"));
    read_text("[paths]\ninclude-interfaces = eth*\nexclude-interfaces = eth9\n"
              "include-prefixes = 10.0.0.0/8, ::/0\nexclude-prefixes = 10.1.0.0/16\n"
              "[path eth*]\nbackup = yes\nweight = 5\n[path 10.2.0.0/16]\nbackup = no\n"
              "[path wlan0]\nweight = 9\n");
    assert_int_equal(seen.n, 0);
    assert_true(admits("eth0", "10.0.0.1"));
    assert_true(admits("eth0", "2001:db8::1"));
    assert_false(admits("wlan0", "10.0.0.1"));
    assert_false(admits("eth9", "10.0.0.1"));
    assert_false(admits("eth0", "11.0.0.1"));
    assert_false(admits("eth0", "10.1.255.1"));
    assert_null(mps_value_address("10.2.0.1", &addr));
    mps_policy_path(&settings.policy, "eth0", &addr, &backup, &weight);
    assert_false(backup);
    assert_int_equal(weight, 5);
    assert_null(mps_value_address("10.3.0.1", &addr));
    mps_policy_path(&settings.policy, "eth0", &addr, &backup, &weight);
    assert_true(backup);
    backup = false;
    weight = 1;
    mps_policy_path(&settings.policy, "lo", &addr, &backup, &weight);
    assert_false(backup);
    assert_int_equal(weight, 1);
}

static void without_memory(void **state)
{
#ifndef __SANITIZE_ADDRESS__
    struct mps_settings_report report = {.bad = note, .user = &seen};

    memset(&seen, 0, sizeof(seen));
    mps_settings_init(&settings);
    no_memory = true;
    mps_settings_read_text(&settings, "t", whole, sizeof(whole) - 1, &report);
    no_memory = false;
    /* Nothing is allocated, unless libinih was built to. */
    if (seen.n == 0) {
        assert_int_equal(settings.policy.leave_alone.n, 3);
    } else {
        assert_int_equal(seen.n, 1);
        assert_string_equal(seen.error[0].why, "out of memory");
    }
#endif
}

/* Sixteen long addresses are one word. */
static void words(void **state)
{
    char text[MPS_OPTIONS_WORD + 64] = "scheduler=minrtt local=", value[8];
    size_t at = strlen(text);
    struct mps_options opt;

    for (unsigned i = 0; i < 16; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "2001:db8:1111:2222:3333:4444:5555:%04x,", 0x1000 + i);
    snprintf(text + at - 1, sizeof(text) - at, " idle=9");
    mps_options_init(&opt);
    assert_int_equal(mps_options_parse(&opt, text, strlen(text), NULL), 0);
    assert_int_equal(opt.n_locals, 16);
    assert_int_equal(opt.locals[15].ip[15], 15);
    assert_int_equal(opt.idle_s, 9);
    assert_true(mps_options_find(text, strlen(text), "idle", value, sizeof(value)));
    assert_string_equal(value, "9");
    assert_false(mps_options_find(text, strlen(text), "idl", value, sizeof(value)));
    assert_false(mps_options_find(text, strlen(text), "local", value, sizeof(value)));
    /* Longer than the environment's value can be: left out, the rest counts. */
    memset(text, 'x', MPS_OPTIONS_WORD);
    snprintf(text + MPS_OPTIONS_WORD, 64, " idle=8");
    assert_int_equal(mps_options_parse(&opt, text, strlen(text), NULL), 1);
    assert_int_equal(opt.idle_s, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(defaults),
        cmocka_unit_test(allowed_names),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(every_error_is_reported),
        cmocka_unit_test(full_lists),
        cmocka_unit_test(later_replaces_earlier),
        cmocka_unit_test(policy),
        cmocka_unit_test(words),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
