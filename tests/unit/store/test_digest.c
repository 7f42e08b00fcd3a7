/* SPDX-License-Identifier: Apache-2.0 */
/* The expected digests are those of Python's xxhash package, chained as store.h says. */
#include "fixture.h"

#include "store/digest.h"

static const char *value(struct digest *digest)
{
    static char text[store_etag_size + 1];
    digest_end(digest);
    digest_text(digest, text);
    return text;
}

static void chain_is_as_documented(void **state)
{
    (void)state;
    struct digest digest;
    uint8_t small[100];
    for (size_t i = 0; i < sizeof small; i++)
        small[i] = (uint8_t)i;
    digest_schema(&digest, slice_text("schema"));
    assert_string_equal(value(&digest), "92c6d46aaf2bbda4593a7185cd165d92");

    const struct store_message plain = {.header = slice_text("batch")};
    digest_begin(&digest, &plain, sizeof small);
    digest_body(&digest, slice_of(small, 10));
    digest_body(&digest, slice_of(small + 10, 90));
    assert_string_equal(value(&digest), "90ce4a3b22064b37d73dc453d6adfedd");

    const struct store_message noted = {.header = slice_text("batch"), .has_app_metadata = true};
    digest_begin(&digest, &noted, 0);
    assert_string_equal(value(&digest), "0b2326f3f9842a83107c444598da5c41");
}

static void long_bodies_come_in_any_pieces(void **state)
{
    (void)state;
    static uint8_t body[200000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7 + (i >> 8));
    static const size_t pieces[] = {sizeof body, 65536, 4097, 255};
    const struct store_message message = {.header = slice_text("batch2"),
                                          .app_metadata = slice_text("note"),
                                          .has_app_metadata = true};
    static const uint8_t before[digest_size] = {0x0b, 0x23, 0x26, 0xf3, 0xf9, 0x84, 0x2a, 0x83,
                                                0x10, 0x7c, 0x44, 0x45, 0x98, 0xda, 0x5c, 0x41};
    for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
        struct digest digest;
        memcpy(digest.value, before, sizeof before);
        digest_begin(&digest, &message, sizeof body);
        struct slice rest = slice_of(body, sizeof body);
        while (rest.size > 0)
            digest_body(&digest, slice_take(&rest, pieces[k]));
        assert_string_equal(value(&digest), "05df65d2cd9d61455b1c2fbbe858483b");
    }
}

static void keys_hash_by_the_seed(void **state)
{
    (void)state;
    assert_int_equal(digest_key(slice_text("a"), 1), digest_key(slice_text("a"), 1));
    assert_true(digest_key(slice_text("a"), 1) != digest_key(slice_text("a"), 2));
    assert_true(digest_key(slice_text("a"), 1) != digest_key(slice_text("b"), 1));
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(chain_is_as_documented),
              cmocka_unit_test(long_bodies_come_in_any_pieces),
              cmocka_unit_test(keys_hash_by_the_seed));
}
