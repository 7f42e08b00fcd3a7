/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers it wants before it, an allocator that
 * counts and fails on order, and short helpers. */
#ifndef HARNESS_TEST_H
#define HARNESS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "base/status.h"

/* Runs all tests given; to be returned from main. */
#define RUN_TESTS(...)                                     \
    do {                                                   \
        const struct CMUnitTest tests_[] = {__VA_ARGS__};  \
        return cmocka_run_group_tests(tests_, NULL, NULL); \
    } while (0)

#define assert_ok(call)                                                                \
    do {                                                                               \
        struct fkv_error *error_ = &(error);                                           \
        error_->message[0] = '\0';                                                     \
        enum fkv_status status_ = (call);                                              \
        if (status_ != FKV_OK)                                                         \
            fail_msg("%s: %s (%s)", #call, fkv_status_text(status_), error_->message); \
    } while (0)

/* An allocator over the system's. `live` counts what isn't freed; the request number `fail_at`
 * (from 1; 0 = never) and, if `fail_forever`, all after it answer NULL. A sweep:
 *
 *     for (size_t n = 1;; n++) {
 *         struct test_alloc t; test_alloc_init(&t, n);
 *         run the scenario with &t.alloc, expect success or RESOURCE_EXHAUSTED
 *         assert_int_equal(t.live, 0);
 *         if (t.requests < n) break;          nothing failed any more
 *     }
 */
struct test_alloc {
    struct alloc alloc;
    size_t requests;
    size_t live;
    size_t fail_at;
    bool fail_forever;
};

void test_alloc_init(struct test_alloc *t, size_t fail_at);

/* That sweep: without a failure the scenario must be FKV_OK, with one it must leave nothing behind.
 * Gives the last n. */
size_t test_sweep(enum fkv_status (*scenario)(const struct alloc *alloc));

#endif
