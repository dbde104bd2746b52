/* SPDX-License-Identifier: MIT */
/* The queue model of the link emulator on a fake clock. */
#include "lib/test.h"
#include "control.h"

#define MS 1000000ULL

static struct bed_packet *make(uint32_t len)
{
    struct bed_packet *packet = calloc(1, sizeof(*packet) + 4);

    assert_non_null(packet);
    packet->len = len;
    return packet;
}

static void free_list(struct bed_packet *packet)
{
    while (packet) {
        struct bed_packet *next = packet->next;

        free(packet);
        packet = next;
    }
}

static void push(struct bed_dir *dir, uint64_t now, uint32_t len, bool taken)
{
    struct bed_packet *packet = make(len);

    assert_int_equal(bed_dir_push(dir, now, packet), taken);
    if (!taken)
        free(packet);
}

static void pop(struct bed_dir *dir, uint64_t now)
{
    struct bed_packet *packet = bed_dir_pop(dir, now);

    assert_non_null(packet);
    free(packet);
}

static void setup(struct bed_dir *dir, const struct bed_config *config)
{
    bed_dir_init(dir, 1);
    assert_null(bed_dir_set(dir, 0, config));
}

/* 1250 bytes at 10 Mbit/s are 1 ms. */
static void test_rate_and_delay(void **state)
{
    struct bed_config config = {.rate_bps = 10000000, .delay_ns = 5 * MS, .queue_bytes = 100000};
    struct bed_dir dir;

    setup(&dir, &config);
    for (int i = 0; i < 3; i++)
        push(&dir, 0, 1250, true);
    assert_true(bed_dir_next(&dir) == 6 * MS);
    assert_null(bed_dir_pop(&dir, 6 * MS - 1));
    pop(&dir, 6 * MS);
    assert_null(bed_dir_pop(&dir, 6 * MS));
    assert_true(bed_dir_next(&dir) == 7 * MS);
    pop(&dir, 20 * MS); /* a late caller gets all that is due, and causes no drift: */
    pop(&dir, 20 * MS);
    assert_true(bed_dir_next(&dir) == BED_NEVER);
    push(&dir, 20 * MS, 1250, true);
    assert_true(bed_dir_next(&dir) == 26 * MS);
    pop(&dir, 26 * MS);
    assert_int_equal(dir.stats.out_bytes, 5000);
}

static void test_late_caller_keeps_the_rate(void **state)
{
    struct bed_config config = {.rate_bps = 10000000, .queue_bytes = 1000000};
    struct bed_dir dir;
    int out = 0;

    setup(&dir, &config);
    for (int i = 0; i < 200; i++)
        push(&dir, 0, 1250, true);
    for (uint64_t now = 0; now <= 100 * MS; now += 7 * MS + 12345) {
        struct bed_packet *packet;

        while ((packet = bed_dir_pop(&dir, now))) {
            free(packet);
            out++;
        }
        assert_int_equal(out, now / MS);
    }
    assert_true(out > 90);
    config.cut = true;
    free_list(bed_dir_set(&dir, 100 * MS, &config));
}

static void test_queue_limit(void **state)
{
    struct bed_config config = {.rate_bps = 10000000, .queue_bytes = 2500};
    struct bed_dir dir;

    setup(&dir, &config);
    push(&dir, 0, 1250, true);
    push(&dir, 0, 1250, true);
    push(&dir, 0, 1250, false);
    assert_int_equal(dir.stats.queue_drops, 1);
    push(&dir, 1 * MS, 1250, true); /* the first has left by then */
    assert_int_equal(dir.stats.queue_max_bytes, 2500);
    for (int i = 0; i < 3; i++)
        pop(&dir, 3 * MS);
}

static void test_cut_is_silent_and_total(void **state)
{
    struct bed_config config = {.rate_bps = 10000000, .delay_ns = 5 * MS, .queue_bytes = 100000};
    struct bed_dir dir;
    struct bed_packet *lost;

    setup(&dir, &config);
    for (int i = 0; i < 4; i++)
        push(&dir, 0, 1250, true);
    config.cut = true;
    lost = bed_dir_set(&dir, 2 * MS, &config); /* two on the wire, two queued */
    assert_non_null(lost);
    free_list(lost);
    assert_int_equal(dir.stats.cut_drops, 4);
    push(&dir, 3 * MS, 1250, false);
    assert_null(bed_dir_pop(&dir, 100 * MS));
    config.cut = false;
    assert_null(bed_dir_set(&dir, 100 * MS, &config));
    push(&dir, 100 * MS, 1250, true);
    assert_true(bed_dir_next(&dir) == 106 * MS);
    pop(&dir, 106 * MS);
}

static void test_loss_is_seeded_and_near_its_rate(void **state)
{
    struct bed_config config = {.loss_ppm = 10000};
    struct bed_dir one, two;
    unsigned lost = 0;

    setup(&one, &config);
    setup(&two, &config);
    for (uint64_t i = 0; i < 100000; i++) {
        struct bed_packet *a = make(100), *b = make(100);
        bool taken = bed_dir_push(&one, i, a);

        assert_int_equal(bed_dir_push(&two, i, b), taken);
        lost += !taken;
        if (taken) {
            assert_ptr_equal(bed_dir_pop(&one, i), a);
            assert_ptr_equal(bed_dir_pop(&two, i), b);
        }
        free(a);
        free(b);
    }
    assert_in_range(lost, 900, 1100);
}

static void test_changes_while_running(void **state)
{
    struct bed_config config = {.rate_bps = 1000000, .delay_ns = 50 * MS, .queue_bytes = 100000};
    struct bed_dir dir;

    setup(&dir, &config);
    push(&dir, 0, 1250, true); /* 10 ms + 50 ms */
    push(&dir, 0, 1250, true);
    config.rate_bps = 10000000;
    config.delay_ns = 1 * MS;
    assert_null(bed_dir_set(&dir, 10 * MS, &config));
    assert_true(bed_dir_next(&dir) == 60 * MS);
    assert_null(bed_dir_pop(&dir, 59 * MS)); /* the second one does not overtake */
    pop(&dir, 60 * MS);
    pop(&dir, 60 * MS);
}

static uint16_t total(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* A segment from 10.0.0.`from`, with `n` bytes of data that count up from `first`. */
static uint32_t segment(uint8_t *p, uint8_t from, uint8_t flags, uint32_t seq, uint32_t ack,
                        uint8_t first, uint32_t n)
{
    static const uint8_t head[40] = {0x45, [8] = 64, [9] = 6, [12] = 10, [16] = 10, [32] = 0x50};

    memcpy(p, head, sizeof(head));
    p[15] = p[21] = from;
    p[19] = p[23] = (uint8_t)(3 - from);
    p[33] = flags;
    for (unsigned i = 0; i < 4; i++) {
        p[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
        p[28 + i] = (uint8_t)(ack >> (24 - 8 * i));
    }
    for (uint32_t i = 0; i < n; i++)
        p[40 + i] = (uint8_t)(first + i);
    return 40 + n;
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sums_are_right(const uint8_t *p, uint32_t len)
{
    assert_int_equal((uint32_t)p[2] << 8 | p[3], len);
    assert_int_equal(total(p, 20, 0), 0xffff);
    assert_int_equal(total(p + 20, len - 20, total(p + 12, 8, 6 + len - 20)), 0xffff);
}

static void test_box_rewrites(void **state)
{
    static struct bed_box box = {.config = {.rewrite = 2}}, back;
    uint8_t p[2048];
    unsigned changed = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t len = segment(p, 1, 0x10, 1 + 600 * i, 1, 0, 600);

        bed_box_pass(&box, &back, p, &len, sizeof(p));
        assert_int_equal(len, 640);
        sums_are_right(p, len);
        changed += p[40 + 300] != (uint8_t)300;
    }
    assert_int_equal(changed, 2);
    assert_int_equal(box.changed, 2);
}

static void test_box_inserts(void **state)
{
    static struct bed_box box = {.config = {.insert = 100}}, back;
    uint8_t p[2048];
    uint32_t len = segment(p, 1, 0x02, 1000, 0, 0, 0);

    bed_box_pass(&box, &back, p, &len, sizeof(p));
    /* What is repeated is changed in the same way. */
    for (unsigned i = 0; i < 2; i++) {
        len = segment(p, 1, 0x10, 1051, 1, 50, 80);
        bed_box_pass(&box, &back, p, &len, sizeof(p));
        assert_int_equal(len, 126);
        sums_are_right(p, len);
        assert_memory_equal(p + 40 + 49, "c192,0,d", 8);
        assert_int_equal(number(p + 24), 1051);
    }
    len = segment(p, 1, 0x10, 1131, 1, 130, 10);
    bed_box_pass(&box, &back, p, &len, sizeof(p));
    assert_int_equal(number(p + 24), 1137);
    assert_int_equal(len, 50);
    /* The sender hears of its own bytes only. */
    len = segment(p, 2, 0x10, 1, 1147, 0, 0);
    bed_box_pass(&back, &box, p, &len, sizeof(p));
    assert_int_equal(number(p + 28), 1141);
    sums_are_right(p, len);
    len = segment(p, 2, 0x10, 1, 1051, 0, 0);
    bed_box_pass(&back, &box, p, &len, sizeof(p));
    assert_int_equal(number(p + 28), 1051);
}

static void test_control(void **state)
{
    static struct bed_link link[2] = {{.name = "link1"}, {.name = "link2"}};
    struct bed_links links = {.link = link, .count = 2, .release = free_list};
    char reply[8192];
    char set[] = "link2 rate 20mbit delay 2.5ms queue 10ms loss 1% cut";
    char one[] = "link1 s2c rate 1gbit queue 64k";
    char bad[] = "link1 rate fast", nobody[] = "link3 cut", stats[] = "stats", quit[] = "quit";

    for (int i = 0; i < 2; i++)
        for (int d = 0; d < BED_DIRS; d++)
            bed_dir_init(&link[i].dir[d], 1);
    assert_true(bed_control_run(&links, 0, set, reply, sizeof(reply)));
    for (int d = 0; d < BED_DIRS; d++) {
        const struct bed_config *config = &link[1].dir[d].config;

        assert_int_equal(config->rate_bps, 20000000);
        assert_int_equal(config->delay_ns, 2500000);
        assert_int_equal(config->queue_bytes, 25000);
        assert_int_equal(config->loss_ppm, 10000);
        assert_true(config->cut);
    }
    assert_true(bed_control_run(&links, 0, one, reply, sizeof(reply)));
    assert_int_equal(link[0].dir[BED_C2S].config.rate_bps, 0);
    assert_int_equal(link[0].dir[BED_S2C].config.rate_bps, 1000000000);
    assert_int_equal(link[0].dir[BED_S2C].config.queue_bytes, 65536);
    assert_false(bed_control_run(&links, 0, bad, reply, sizeof(reply)));
    assert_false(bed_control_run(&links, 0, nobody, reply, sizeof(reply)));
    assert_true(bed_control_run(&links, 0, stats, reply, sizeof(reply)));
    assert_non_null(strstr(reply, "\"link\":\"link2\""));
    assert_int_equal(reply[strlen(reply) - 2], ']');
    assert_true(bed_control_run(&links, 0, quit, reply, sizeof(reply)));
    assert_true(links.quit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_and_delay),
        cmocka_unit_test(test_late_caller_keeps_the_rate),
        cmocka_unit_test(test_queue_limit),
        cmocka_unit_test(test_cut_is_silent_and_total),
        cmocka_unit_test(test_loss_is_seeded_and_near_its_rate),
        cmocka_unit_test(test_changes_while_running),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_box_rewrites),
        cmocka_unit_test(test_box_inserts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
