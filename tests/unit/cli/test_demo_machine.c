/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <unistd.h>

#include "cli/demo_machine.h"

static const uint64_t mib = 1 << 20, gib = 1 << 30;

static uint64_t choose(uint64_t memory, uint64_t disk, char reason[256])
{
    return demo_choose_size(memory, disk, reason, 256);
}

static void memory_decides(void **state)
{
    (void)state;
    char reason[256];
    assert_int_equal(choose(16 * gib, 100 * gib, reason), 2 * gib);
    assert_int_equal(choose(16 * gib - 1, 100 * gib, reason), gib);
    assert_string_equal(reason, "the next larger needs 16.0 GiB of memory, 16.0 GiB are available");
    assert_int_equal(choose(7 * gib, 100 * gib, reason), 512 * mib);
    assert_int_equal(choose(2 * gib, 100 * gib, reason), 256 * mib);
    assert_int_equal(choose(2 * gib - 1, 100 * gib, reason), 0);
}

static void disk_decides(void **state)
{
    (void)state;
    char reason[256];
    assert_int_equal(choose(100 * gib, 2 * gib, reason), gib);
    assert_string_equal(reason, "the next larger needs 2.2 GiB of disk, 2.0 GiB are free");
    assert_int_equal(choose(100 * gib, 100 * mib, reason), 0);
}

static void this_machine_has_memory_and_disk(void **state)
{
    (void)state;
    assert_in_range(demo_memory_available(), 16 * mib, UINT64_C(1) << 50);
    assert_in_range(demo_disk_free("/"), 1, UINT64_C(1) << 60);
    assert_int_equal(demo_disk_free("/no/such/folder"), demo_disk_free("/"));
    assert_int_not_equal(demo_disk_free("no-such-folder"), 0);
}

static void this_process_has_memory(void **state)
{
    (void)state;
    uint64_t now = demo_process_memory(getpid(), "VmRSS");
    uint64_t most = demo_process_memory(getpid(), "VmHWM");
    assert_in_range(now, 64 << 10, most);
    assert_int_equal(demo_process_memory(getpid(), "VmNone"), 0);
    assert_int_equal(demo_process_memory(0, "VmRSS"), 0);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(memory_decides), cmocka_unit_test(disk_decides),
              cmocka_unit_test(this_machine_has_memory_and_disk),
              cmocka_unit_test(this_process_has_memory));
}
