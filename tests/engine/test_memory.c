/* SPDX-License-Identifier: MIT */
/* When an engine's memory counts as scarce, and what control groups have to do with that. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "engine/agent/cgroup.h"
#include "engine/agent/clock.h"
#include "engine/agent/memory.h"

/* Scarce above half of an engine's part of the limit, and not any more once it is given back. */
static void test_memory(void **state)
{
    struct mps_memory memory;
    void *zeroed, *raw;

    mps_memory_init(&memory, 2u << 20, 0, 2);
    assert_int_equal(memory.limit, 1u << 20);
    zeroed = mps_alloc(&memory.mem, 300000);
    assert_non_null(zeroed);
    assert_false(mps_mem_scarce(&memory.mem));
    raw = mps_alloc_raw(&memory.mem, 300000);
    assert_non_null(raw);
    assert_true(mps_mem_scarce(&memory.mem));
    mps_free(&memory.mem, zeroed);
    assert_false(mps_mem_scarce(&memory.mem));
    mps_free(&memory.mem, raw);
    mps_free(&memory.mem, NULL);
    assert_int_equal(memory.used, 0);
    mps_memory_init(&memory, 0, 0, 1);
    assert_true(memory.limit >= 16u << 20);
}

static void put(const char *root, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    for (char *p = strchr(path + strlen(root) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        if (mkdir(path, 0700) < 0)
            assert_int_equal(errno, EEXIST);
        *p = '/';
    }
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

#define MIB (UINT64_C(1) << 20)

/* Version 2: all ancestors up to the mount count; files that may be dropped do not. */
static void cgroup2(const char *root)
{
    struct mps_cgroup_memory m;

    put(root, "proc/self/cgroup", "0::/pod/app\n");
    put(root, "proc/self/mountinfo",
        "22 1 0:2 / /proc rw - proc proc rw\n30 22 0:26 / /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
    m = mps_cgroup_memory(root);
    assert_true(m.limit == UINT64_MAX && !m.tight);
    put(root, "cg/pod/app/memory.max", "max\n");
    put(root, "cg/pod/app/memory.high", "max\n");
    put(root, "cg/pod/memory.max", "100663296\n");
    put(root, "cg/pod/memory.high", "83886080\n");
    put(root, "cg/pod/memory.current", "80000000\n");
    put(root, "cg/pod/memory.stat", "anon 1\ninactive_file 20000000\nactive_file 10000000\n");
    m = mps_cgroup_memory(root);
    assert_int_equal(m.limit, 80 * MIB);
    assert_false(m.tight);
    put(root, "cg/pod/memory.stat", "anon 1\ninactive_file 2000000\nactive_file 1000000\n");
    assert_true(mps_cgroup_memory(root).tight);
    put(root, "cg/pod/app/memory.max", "50331648\n");
    assert_int_equal(mps_cgroup_memory(root).limit, 48 * MIB);
}

/* Version 1, in a container: a part of the hierarchy is mounted where the whole would be. */
static void cgroup1(const char *root)
{
    struct mps_cgroup_memory m;

    put(root, "proc/self/cgroup", "5:cpu:/x\n4:hugetlb,memory:/docker/abc/sub\n0::/\n");
    put(root, "proc/self/mountinfo", "35 31 0:32 /docker/abc /mem ro - cgroup cgroup rw,memory\n");
    put(root, "mem/memory.limit_in_bytes", "67108864\n");
    put(root, "mem/memory.usage_in_bytes", "60000000\n");
    put(root, "mem/memory.stat",
        "inactive_file 5\ntotal_inactive_file 30000000\ntotal_active_file 0\n");
    put(root, "mem/sub/memory.limit_in_bytes", "9223372036854771712\n");
    m = mps_cgroup_memory(root);
    assert_int_equal(m.limit, 64 * MIB);
    assert_false(m.tight);
    put(root, "proc/self/cgroup", "4:memory:/\n");
    put(root, "mem/memory.stat", "total_inactive_file 0\n");
    assert_true(mps_cgroup_memory(root).tight);
}

/* The limit is a part of the group's, and follows it. */
static void test_cgroup(void **state)
{
    char root[] = "/tmp/mptcpshim-cgroup-XXXXXX", command[64];
    struct mps_memory memory;

    assert_non_null(mkdtemp(root));
    cgroup2(root);
    mps_memory_init(&memory, 0, 0, 1);
    memory.root = root;
    put(root, "cg/pod/app/memory.max", "402653184\n");
    put(root, "cg/pod/memory.max", "402653184\n");
    put(root, "cg/pod/memory.high", "max\n");
    mps_memory_look(&memory, mps_clock_now());
    assert_int_equal(memory.limit, 48 * MIB);
    assert_false(mps_mem_scarce(&memory.mem));
    put(root, "cg/pod/memory.current", "390000000\n");
    memory.looked_at = 0; /* long ago */
    assert_true(mps_mem_scarce(&memory.mem));
    mps_memory_init(&memory, 40 * MIB, 0, 2); /* as configured */
    memory.root = root;
    mps_memory_look(&memory, mps_clock_now());
    assert_int_equal(memory.limit, 20 * MIB);
    cgroup1(root);
    snprintf(command, sizeof(command), "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_cgroup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
