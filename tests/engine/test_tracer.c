/* SPDX-License-Identifier: MIT */
/* The file of a trace: its lines, its bounds, and what may not become one. */
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/show/tracer.h"
#include "test.h"

static char folder[] = "/tmp/mptcpshim-tracer-XXXXXX";
static char file[64], other[64];

static int setup(void **state)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/trace", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    return 0;
}

static int teardown(void **state)
{
    unlink(file);
    unlink(other);
    return rmdir(folder);
}

static void start(struct mps_tracer *t, const char *name)
{
    mps_tracer_init(t, ev_default_loop(0));
    assert_null(mps_tracer_trace(t));
    assert_int_equal(mps_tracer_open(t, name, "0123456789abcdef"), 0);
    assert_non_null(mps_tracer_trace(t));
}

static void put(struct mps_tracer *t, const struct mps_trace_record *record)
{
    const struct mps_trace *trace = mps_tracer_trace(t);

    trace->record(trace->user, record);
}

static void sent(struct mps_tracer *t, uint64_t dsn)
{
    put(t, &(struct mps_trace_record){.type = MPS_TRACE_SENT,
                                      .token = 0xa1b2c3,
                                      .subflow = 2,
                                      .sent = {.dsn = dsn, .length = 1448, .cause = "new"}});
}

/* Of the file: each line an object, whose event is `name` at last. Returns how many lines. */
static unsigned lines(const char *name, struct json_object **ret_last)
{
    FILE *in = fopen(file, "r");
    unsigned n = 0;
    char line[2048];

    assert_non_null(in);
    *ret_last = NULL;
    for (; fgets(line, sizeof(line), in); n++) {
        assert_int_equal(line[strlen(line) - 1], '\n');
        json_object_put(*ret_last);
        *ret_last = json_tokener_parse(line);
        assert_non_null(*ret_last);
    }
    fclose(in);
    if (name)
        assert_string_equal(json_object_get_string(json_object_object_get(*ret_last, "name")),
                            name);
    return n;
}

static struct json_object *member(struct json_object *line, const char *name)
{
    return json_object_object_get(json_object_object_get(line, "data"), name);
}

static void values(void **state)
{
    struct json_object *last;
    struct mps_tracer t;
    struct stat st;

    start(&t, file);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    sent(&t, UINT64_MAX);
    assert_int_equal(lines(NULL, &last), 0); /* it is collected */
    mps_tracer_flush(&t);
    assert_int_equal(lines("data:sent", &last), 2);
    assert_string_equal(json_object_get_string(json_object_object_get(last, "group_id")),
                        "00a1b2c3");
    assert_true(json_object_get_double(json_object_object_get(last, "time")) > 0);
    assert_int_equal(json_object_get_int(member(last, "subflow")), 2);
    assert_true(json_object_get_uint64(member(last, "dsn")) == UINT64_MAX);
    assert_string_equal(json_object_get_string(member(last, "cause")), "new");
    assert_false(json_object_get_boolean(member(last, "fin")));
    json_object_put(last);
    put(&t, &(struct mps_trace_record){
                .type = MPS_TRACE_REST, .subflow = 0, .rest = {.why = "shared", .leader = -1}});
    put(&t, &(struct mps_trace_record){
                .type = MPS_TRACE_SF_UP,
                .sf_up = {.local = {.family = MPS_AF_INET6, .port = 80, .ip = {0x20, 1}}}});
    mps_tracer_flush(&t);
    assert_int_equal(lines("subflow:up", &last), 4);
    assert_string_equal(json_object_get_string(member(last, "local")), "[2001::]:80");
    json_object_put(last);
    mps_tracer_deinit(&t);
}

/* Nothing in it, and about no subflow. */
static void every_record(void **state)
{
    struct json_object *last;
    struct mps_tracer t;

    start(&t, file);
    for (unsigned i = 0; i < MPS_TRACE_N; i++) {
        struct mps_trace_record r = {.subflow = MPS_TRACE_NO_SUBFLOW};

        r.type = i;
        put(&t, &r);
    }
    mps_tracer_deinit(&t);
    assert_int_equal(lines("control:received", &last), MPS_TRACE_N + 1);
    assert_null(member(last, "subflow"));
    json_object_put(last);
}

static void bounded(void **state)
{
    struct json_object *last;
    struct mps_tracer t;
    struct stat st;

    start(&t, file);
    t.max = 200000;
    for (unsigned i = 0; i < 10000; i++)
        sent(&t, i);
    mps_tracer_deinit(&t);
    assert_true(lines("trace:ended", &last) < 3000);
    assert_string_equal(json_object_get_string(member(last, "reason")), "size");
    json_object_put(last);
    assert_int_equal(stat(file, &st), 0);
    assert_in_range(st.st_size, 190000, 200000);
}

/* Two agents, one file: whole lines of both, whatever the order. */
static void shared(void **state)
{
    struct mps_tracer a, b;
    struct json_object *last;

    start(&a, file);
    start(&b, file);
    for (unsigned i = 0; i < 2000; i++) {
        sent(&a, i);
        sent(&b, i);
    }
    mps_tracer_deinit(&a);
    mps_tracer_deinit(&b);
    assert_int_equal(lines("data:sent", &last), 4002);
    json_object_put(last);
}

static void number_in_name(void **state)
{
    char name[80], made[96];
    struct mps_tracer t;

    snprintf(name, sizeof(name), "%s.%%p", file);
    snprintf(made, sizeof(made), "%s.%d", file, (int)getpid());
    start(&t, name);
    mps_tracer_deinit(&t);
    assert_int_equal(unlink(made), 0);
}

static void refuse(const char *name, int error)
{
    struct mps_tracer t;

    mps_tracer_init(&t, ev_default_loop(0));
    assert_int_equal(mps_tracer_open(&t, name, "id"), MPS_ESYS);
    assert_int_equal(errno, error);
    assert_null(mps_tracer_trace(&t));
    mps_tracer_flush(&t);
    mps_tracer_deinit(&t);
}

static void refused(void **state)
{
    FILE *made = fopen(other, "w");
    char longest[600];

    assert_non_null(made);
    fclose(made);
    assert_int_equal(symlink(other, file), 0);
    refuse(file, ELOOP);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(link(other, file), 0);
    refuse(file, EINVAL);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
    refuse(file, ENXIO);
    refuse(folder, EISDIR);
    refuse("/dev/null", EINVAL);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    refuse(longest, ENAMETOOLONG);
}

/* No space: the trace ends, and what is recorded afterwards is dropped. */
static void no_space(void **state)
{
    struct rlimit before, small;
    struct mps_tracer t;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){100000, before.rlim_max};
    start(&t, file);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 0; i < 3000; i++)
        sent(&t, i);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(t.fd, -1);
    sent(&t, 0);
    mps_tracer_deinit(&t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(values),  TEST(every_record),   TEST(bounded),  TEST(shared),
        TEST(refused), TEST(number_in_name), TEST(no_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
