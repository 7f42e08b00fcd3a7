/* SPDX-License-Identifier: Apache-2.0 */
/* Whole streams through the verifier: those of official writers, which it must accept; those that
 * once broke some reader; and many thousand with one thing changed in one message. */
#include "harness/test.h"

#include <stdlib.h>

#include "harness/ipc_stream.h"
#include "ipc/verify.h"

static const struct ipc_limits limits = {.depth_max = 64,
                                         .fields_max = 10000,
                                         .header_bytes_max = 1 << 20,
                                         .decompressed_bytes_max = 1 << 24};

/* Reads what the verifier promised to be there, so that a sanitizer sees when it isn't. */
static void touch(const struct ipc_message *message, struct slice body)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < message->buffer_count; i++) {
        struct ipc_buffer place = ipc_message_buffer(message, i);
        if (place.length > 0)
            sum += (uint64_t)body.data[place.offset] + body.data[place.offset + place.length - 1];
    }
    assert_true(sum != UINT64_MAX); /* or the reads would be optimised away */
}

/* One message changed: `header` stands for that of message `index`. */
struct change {
    size_t index;
    struct slice header;
};

static enum fkv_status verify_messages(struct ipc_verifier *verifier, struct slice stream,
                                       const struct change *change, struct fkv_error *error)
{
    struct slice header;
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; status == FKV_OK && ipc_stream_next(&stream, &header); i++) {
        struct ipc_message message;
        if (change != NULL && change->index == i)
            header = change->header;
        status = ipc_verifier_header(verifier, header, &message, error);
        if (status != FKV_OK)
            break;
        struct slice body = slice_take(&stream, (size_t)message.body_length);
        status = ipc_verifier_body(verifier, &message, body, error);
        if (status == FKV_OK && message.kind != IPC_KIND_SCHEMA)
            touch(&message, body);
    }
    return status == FKV_OK ? ipc_verifier_end(verifier, error) : status;
}

static enum fkv_status verify(struct slice stream, const struct change *change,
                              struct fkv_error *error)
{
    struct ipc_verifier *verifier = ipc_verifier_new(alloc_system(), &limits);
    assert_non_null(verifier);
    error->message[0] = '\0';
    enum fkv_status status = verify_messages(verifier, stream, change, error);
    assert_true(status == FKV_OK || error->message[0] != '\0');
    ipc_verifier_free(verifier);
    return status;
}

/* --- what must be accepted --- */

static void accept(void *context, const char *path, struct slice stream)
{
    struct fkv_error error;
    (void)context;
    if (verify(stream, NULL, &error) != FKV_OK)
        fail_msg("%s: %s", path, error.message);
}

/* Calls `visit` for the streams of a folder of Arrow's golden files, where these are. */
static size_t each_golden(const char *set, const char *suffix, ipc_stream_visit *visit)
{
    char folder[4096];
    if (ipc_stream_golden() == NULL)
        return 0;
    snprintf(folder, sizeof folder, "%s/%s", ipc_stream_golden(), set);
    size_t count = ipc_stream_each(folder, suffix, visit, NULL);
    assert_true(count > 0);
    return count;
}

static void accepts_official_writers(void **state)
{
    (void)state;
    assert_true(ipc_stream_each("tests/golden/valid", ".stream", accept, NULL) > 20);
    each_golden("cpp-21.0.0", ".stream", accept);
    each_golden("2.0.0-compression", ".stream", accept);
}

/* --- what must not break --- */

static void survive(void *context, const char *path, struct slice stream)
{
    struct fkv_error error;
    (void)context;
    (void)path;
    uint8_t *copy = malloc(stream.size); /* of its very size, for the sanitizer */
    assert_non_null(copy);
    memcpy(copy, stream.data, stream.size);
    verify(slice_of(copy, stream.size), NULL, &error);
    free(copy);
}

static void survives_streams_that_broke_others(void **state)
{
    (void)state;
    if (each_golden("fuzz-stream", "", survive) == 0)
        skip();
}

/* --- one thing changed --- */

static const uint8_t flips[] = {0x01, 0x04, 0x80, 0xff};
static const int64_t values[] = {0,         -1,        1,         INT32_MAX,
                                 INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX - 7};
static const int64_t steps[] = {1, -1, 4, -4, 8, -8, 256};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { variants_of_word = COUNT(values) + COUNT(steps) };

static void change_word(uint8_t *p, size_t width, size_t variant)
{
    uint64_t value = width == 4 ? load_le32(p) : load_le64(p);
    value = variant < COUNT(values) ? (uint64_t)values[variant]
                                    : value + (uint64_t)steps[variant - COUNT(values)];
    if (width == 4)
        store_le32(p, (uint32_t)value);
    else
        store_le64(p, value);
}

static size_t variant_count(size_t size)
{
    return size * COUNT(flips) + (size / 4 + size / 8) * variants_of_word;
}

/* Changes a header in one of variant_count() ways. */
static void change_header(uint8_t *header, size_t size, size_t variant)
{
    if (variant < size * COUNT(flips)) {
        header[variant / COUNT(flips)] ^= flips[variant % COUNT(flips)];
        return;
    }
    variant -= size * COUNT(flips);
    size_t words = size / 4 * variants_of_word;
    size_t width = variant < words ? 4 : 8;
    if (width == 8)
        variant -= words;
    change_word(header + variant / variants_of_word * width, width, variant % variants_of_word);
}

/* At most so many variants of a message, spread evenly: all of small ones. */
enum { variants_max = 400 };

struct tally {
    size_t accepted;
    size_t refused;
};

static void change_message(struct slice stream, size_t index, struct slice header,
                           struct tally *tally)
{
    size_t count = variant_count(header.size);
    size_t stride = count / variants_max + 1;
    for (size_t variant = index % stride; variant < count; variant += stride) {
        struct fkv_error error;
        uint8_t *copy = malloc(header.size);
        assert_non_null(copy);
        memcpy(copy, header.data, header.size);
        change_header(copy, header.size, variant);
        const struct change change = {index, slice_of(copy, header.size)};
        if (verify(stream, &change, &error) == FKV_OK)
            tally->accepted++;
        else
            tally->refused++;
        free(copy);
    }
}

static void change_stream(void *context, const char *path, struct slice stream)
{
    (void)path;
    struct slice rest = stream, header;
    for (size_t i = 0; ipc_stream_next(&rest, &header); i++) {
        struct fkv_error error;
        struct ipc_message message;
        assert_ok(ipc_message_decode(header, &limits, &message, &error));
        change_message(stream, i, header, context);
        slice_take(&rest, (size_t)message.body_length);
    }
}

static void survives_any_change(void **state)
{
    (void)state;
    struct tally tally = {0};
    assert_true(ipc_stream_each("tests/golden/valid", ".stream", change_stream, &tally) > 20);
    /* Most changes matter; those of names, nullability and padding don't. */
    assert_true(tally.refused > tally.accepted);
    assert_true(tally.accepted > 1000);
}

static void cut_stream(void *context, const char *path, struct slice stream)
{
    (void)context;
    (void)path;
    size_t step = stream.size / 200 + 1;
    for (size_t size = 0; size < stream.size; size += step)
        survive(NULL, NULL, slice_of(stream.data, size));
}

static void survives_any_cut(void **state)
{
    (void)state;
    assert_true(ipc_stream_each("tests/golden/valid", ".stream", cut_stream, NULL) > 20);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(accepts_official_writers),
              cmocka_unit_test(survives_streams_that_broke_others),
              cmocka_unit_test(survives_any_change), cmocka_unit_test(survives_any_cut));
}
