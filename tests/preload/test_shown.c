/* SPDX-License-Identifier: MIT */
/* What agents say, as the model reads it, as text of any width, and as metrics. */
#include "../lib/test.h"
#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The subcommand asks us in place of the agents. */
#define mps_agents_ask test_ask
#include "../../preload/launcher/status.c"

static const char *answer; /* of the one agent there is */
static pid_t agent_pid;

struct mps_agents *test_ask(enum mps_ho_op op, const char *text, const char *only)
{
    struct mps_agents *list = calloc(1, sizeof(*list) + sizeof(list->agent[0]));
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(list && op == MPS_HO_STATUS && !text && !only);
    assert_int_equal(write(fd, answer, strlen(answer)), (ssize_t)strlen(answer));
    list->n = 1;
    memcpy(list->agent[0].id, "0123456789abcdef", sizeof(list->agent[0].id));
    list->agent[0].answer = MPS_AGENT_OK;
    list->agent[0].cred.pid = agent_pid;
    list->agent[0].fd = fd;
    list->agent[0].events = list->agent[0].sock = -1;
    return list;
}

/* What the subcommand prints; the caller frees it. */
static char *status(const char *option, const char *columns)
{
    char *words[] = {"status", (char *)option, NULL}, *text = NULL;
    FILE *out = stdout;
    size_t len = 0;
    int code;

    setenv("COLUMNS", columns, 1);
    stdout = open_memstream(&text, &len);
    code = mps_launcher_status(option ? 2 : 1, words);
    fclose(stdout);
    stdout = out;
    assert_int_equal(code, 0);
    return text;
}

#define AGENT "\"agent\":\"0123456789abcdef\""
#define MULTIPATH                                                                                  \
    "{\"id\":\"00000000000000aa\"," AGENT ",\"role\":\"client\",\"mode\":\"multipath\","           \
    "\"state\":\"established\",\"token\":\"0badcafe\",\"scheduler\":\"ecf\","                      \
    "\"local\":\"192.0.2.11:43210\",\"remote\":\"198.51.100.1:5001\",\"process\":4711,"            \
    "\"program\":\"backup\",\"age_us\":133000000,\"memory_used\":1500000,\"bytes_sent\":900,"      \
    "\"bytes_received\":60000000,\"bytes_reinjected\":7,\"send_rate\":100,"                        \
    "\"receive_rate\":4000000,\"subflows\":["                                                      \
    "{\"id\":0,\"local\":\"192.0.2.11:43210\",\"remote\":\"198.51.100.1:5001\","                   \
    "\"state\":\"active\",\"bytes_sent\":600,\"bytes_received\":45000000,\"rtt_us\":22100,"        \
    "\"send_rate\":100,\"receive_rate\":3000000,\"segments_sent\":200,\"segments_repeated\":3},"   \
    "{\"id\":1,\"local\":\"[2001:db8:1111:2222:3333:4444:5555:6666]:43211\","                      \
    "\"remote\":\"[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:5001\","                                \
    "\"interface\":\"wwp0s20f0u6i12\",\"state\":\"active\",\"stale\":true,\"backup\":true,"        \
    "\"bytes_sent\":0,\"bytes_received\":5000000,\"send_rate\":0,\"receive_rate\":1000000},"       \
    "{\"id\":4,\"local\":\"192.0.2.11:43299\",\"remote\":\"198.51.100.1:5001\","                   \
    "\"state\":\"opening\",\"bytes_received\":0}],"                                                \
    "\"ended\":[{\"local\":\"192.0.2.11\",\"remote\":\"198.51.100.1\",\"count\":2,"                \
    "\"bytes_sent\":300,\"bytes_received\":10000000,\"bytes_reinjected\":5}]}"
#define WAITING                                                                                    \
    "{\"id\":\"00000000000000ab\"," AGENT ",\"role\":\"server\",\"mode\":\"multipath\","           \
    "\"state\":\"established\",\"process\":12,\"age_us\":7200000000,\"silent_us\":12000000,"       \
    "\"reset_in_us\":48000000,\"local\":\"192.0.2.11:1\",\"remote\":\"198.51.100.1:2\","           \
    "\"scheduler\":\"minrtt\",\"subflows\":[],\"ended\":[]}"
#define OTHERS                                                                                     \
    "{" AGENT ",\"state\":\"counted\",\"role\":\"client\",\"reason\":\"peer-unmarked\","           \
    "\"count\":5},{" AGENT ",\"state\":\"counted\",\"role\":\"client\",\"reason\":\"loopback\","   \
    "\"count\":2},{" AGENT ",\"state\":\"memory\",\"count\":3,\"connections\":2,"                  \
    "\"memory_used\":2000000,\"memory_promised\":500,\"memory_limit\":800000000,\"peers\":["       \
    "{\"address\":\"198.51.100.1\",\"memory_used\":5,\"memory_promised\":7,\"connections\":1}]}"

static void has(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("no '%s' in:\n%s", what, text);
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;

    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        size_t len = strcspn(text, "\n");

        longest = len > longest ? len : longest;
    }
    return longest;
}

static void test_text(void **state)
{
    char *text;

    answer = "[" MULTIPATH "," WAITING "," OTHERS "]";
    text = status(NULL, "80");
    assert_in_range(longest_line(text), 60, 80);
    has(text, "backup[4711]  192.0.2.11:43210 -> 198.51.100.1:5001  multipath  ecf  2m13s\n");
    has(text, "\n  sends 800 bit/s  receives 32.0 Mbit/s  sent 900 B  received 60.0 MB\n");
    has(text, "\n    -           active         800 bit/s 100%   24.0 Mbit/s  75%  1.50%    22 ms\n"
              "      192.0.2.11:43210 -> 198.51.100.1:5001  sent 600 B (67%)\n"
              "      received 45.0 MB (75%)\n");
    has(text, "  stale            0 bit/s   0%    8.0 Mbit/s  25%      -        -\n");
    has(text, "backup\n");
    has(text, "ended\n"
              "      192.0.2.11 -> 198.51.100.1  sent 300 B (33%)  received 10.0 MB (17%)\n"
              "      2 subflows\n");
    has(text, "[12]  192.0.2.11:1 -> 198.51.100.1:2  multipath  minrtt  2h00m\n");
    has(text, "no path works  nothing heard for 12s  waits for another 48s\n");
    has(text, "agent 0123456789abcdef: plain TCP as client: 7  peer-unmarked 5  loopback 2\n");
    has(text, "memory 2.0 MB  promised 500 B  of 800.0 MB\n  3 connections were refused\n"
              "    peer 198.51.100.1  memory 5 B  promised 7 B  1 connection\n");
    free(text);
}

static void test_widths(void **state)
{
    static const char *const widths[] = {"20", "40", "77", "78", "80", "100", "200"};

    answer = "[" MULTIPATH "," WAITING "," OTHERS "]";
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        char *text = status(NULL, widths[i]);

        if (longest_line(text) > strtoul(widths[i], NULL, 10))
            fail_msg("%zu columns of %s:\n%s", longest_line(text), widths[i], text);
        has(text, i < 3 ? "(75%)" : "RECEIVES");
        free(text);
    }
    answer = "[]";
    free(status(NULL, "-3"));
}

/* A terminal sees no byte that it would obey, wherever it comes from. */
static void test_hostile_texts(void **state)
{
    char *text;

    answer = "[{" AGENT ",\"process\":7,\"program\":\"a\\u001b[31m\\n\\\"\\\\\",\"mode\":null,"
             "\"local\":[1],\"remote\":{\"a\":2},\"subflows\":[null,3,{}],\"ended\":{}}]";
    text = status(NULL, "80");
    has(text, "a\\x1b[31m\\x0a\"\\[7]");
    free(text);
    text = status("--openmetrics", "80");
    has(text, "program=\"a\\\\x1b[31m\\\\x0a\\\"\\\\\"");
    free(text);
}

static void test_metrics(void **state)
{
    char *open, *prometheus;

    answer = "[" MULTIPATH "," WAITING "," OTHERS "]";
    open = status("--openmetrics", "80");
    has(open, "# TYPE mptcpshim_path_received_bytes counter\n"
              "# UNIT mptcpshim_path_received_bytes bytes\n"
              "mptcpshim_path_received_bytes_total{");
    /* Two subflows and those that have ended. */
    has(open, "interface=\"\",local=\"192.0.2.11\",remote=\"198.51.100.1\"} 55000000\n");
    has(open, "remote=\"2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff\"} 5000000\n");
    has(open, "\nmptcpshim_connections{agent=\"0123456789abcdef\",role=\"client\","
              "mode=\"multipath\"} 1\n");
    has(open, "reason=\"peer-unmarked\"} 5\n");
    has(open, "mptcpshim_connection_patience_seconds{agent=\"0123456789abcdef\","
              "connection=\"00000000000000ab\",program=\"\"} 48\n");
    assert_string_equal(open + strlen(open) - 6, "# EOF\n");
    prometheus = status("--prometheus", "80");
    has(prometheus, "# TYPE mptcpshim_path_received_bytes_total counter\n"
                    "mptcpshim_path_received_bytes_total{");
    assert_null(strstr(prometheus, "# EOF"));
    free(open);
    free(prometheus);
}

/* A connection of our process as old as that, or older than the process is. */
static struct json_object *connection_of_us(struct mps_agents *agents, double age)
{
    struct json_object *all;
    char text[256];

    snprintf(text, sizeof(text),
             "[{" AGENT ",\"process\":%d,\"age_us\":%.0f,\"subflows\":"
             "[{\"local\":\"127.0.0.1:80\"},{\"local\":\"192.0.2.77:80\"}],"
             "\"ended\":[{\"local\":\"127.0.0.1\"}]}]",
             (int)getpid(), age * 1e6);
    all = json_tokener_parse(text);
    assert_non_null(all);
    mps_whose_add(all, agents);
    return all;
}

static void test_whose(void **state)
{
    struct mps_agents *agents;
    struct json_object *all, *o;
    struct timespec now;

    answer = "[]";
    agent_pid = getpid();
    agents = test_ask(MPS_HO_STATUS, NULL, NULL);
    all = connection_of_us(agents, 0);
    o = json_object_array_get_idx(all, 0);
    assert_string_equal(json_object_get_string(json_object_object_get(o, "program")),
                        program_invocation_short_name);
    o = json_object_object_get(o, "subflows");
    assert_string_equal(json_object_get_string(
                            json_object_object_get(json_object_array_get_idx(o, 0), "interface")),
                        "lo");
    assert_null(json_object_object_get(json_object_array_get_idx(o, 1), "interface"));
    json_object_put(all);

    /* The number was another process's when the connection was made. */
    clock_gettime(CLOCK_BOOTTIME, &now);
    all = connection_of_us(agents, (double)now.tv_sec + 10);
    assert_null(json_object_object_get(json_object_array_get_idx(all, 0), "program"));
    json_object_put(all);

    /* An agent that cannot be seen may be in another PID namespace. */
    agents->agent[0].cred.pid = 0;
    all = connection_of_us(agents, 0);
    assert_null(json_object_object_get(json_object_array_get_idx(all, 0), "program"));
    json_object_put(all);
    mps_agents_free(agents);
}

static void test_amounts(void **state)
{
    static const uint64_t all[] = {0, 1, 999, 999949, 999950, 1000000, UINT64_MAX};
    char text[MPS_AMOUNT];

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_in_range(strlen(mps_amount_bytes(all[i], text)), 3, 8);
        assert_in_range(strlen(mps_amount_rate(all[i], text)), 7, 12);
        assert_in_range(strlen(mps_amount_share(all[i], 1000000, text)), 2, 4);
        assert_in_range(strlen(mps_amount_loss(all[i], 1000000, text)), 2, 5);
    }
    assert_string_equal(mps_amount_bytes(999950, text), "1.0 MB");
    assert_string_equal(mps_amount_time(59999999, text), "59s");
    assert_string_equal(mps_amount_time(3599000000, text), "59m59s");
    assert_string_equal(mps_amount_time(90000000000, text), "1d01h");
    assert_string_equal(mps_amount_delay(340, text), "0.3 ms");
    assert_string_equal(mps_amount_delay(9960, text), "10 ms");
    assert_string_equal(mps_amount_delay(1234567, text), "1.2 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),          cmocka_unit_test(test_widths),
        cmocka_unit_test(test_hostile_texts), cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_whose),         cmocka_unit_test(test_amounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
