/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays as other producers make them: every array of a table, nested ones and dictionaries too, is
 * moved to an offset of its own behind rows of nonsense. The table is the same; so must be what the
 * writer makes of it. */
#include "tables.h"
#include "ipc/batch.h"

enum { arena_max = 1 << 14 };

/* What a moved table is made of. */
struct arena {
    void *memory[arena_max];
    size_t count;
    uint64_t random;
};

static void *arena_get(struct arena *arena, size_t size)
{
    assert_true(arena->count < arena_max);
    void *memory = malloc(size + 1);
    assert_non_null(memory);
    memset(memory, 0xab, size + 1);
    return arena->memory[arena->count++] = memory;
}

static void arena_done(struct arena *arena)
{
    for (size_t i = 0; i < arena->count; i++)
        free(arena->memory[i]);
}

static int64_t some_rows(struct arena *arena)
{
    arena->random = arena->random * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(arena->random >> 33) % 11;
}

static void release_nothing(struct ArrowArray *array)
{
    array->release = NULL;
}

/* One array while it is moved: `lead` rows of nonsense come before the old ones. */
struct move {
    struct arena *arena;
    const struct ArrowSchema *schema;
    const struct ArrowArray *from;
    struct ArrowArray *to;
    int64_t lead;
};

static struct ArrowArray *moved(struct arena *arena, const struct ArrowSchema *schema,
                                const struct ArrowArray *from, int64_t before);

static void move_bits(struct move *m, int index)
{
    const uint8_t *old = m->from->buffers[index];
    if (old == NULL)
        return;
    size_t size = (size_t)(m->lead + m->from->length + 7) / 8;
    uint8_t *bits = arena_get(m->arena, size);
    memset(bits, 0, size);
    ipc_bits_copy(bits, m->lead, old, 0, m->from->length);
    m->to->buffers[index] = bits;
}

/* Items of `width` bytes; those of the nonsense are `filler`. */
static uint8_t *move_items(struct move *m, int index, size_t width, int64_t more, uint8_t filler)
{
    size_t lead = (size_t)m->lead * width, size = (size_t)(m->from->length + more) * width;
    uint8_t *items = arena_get(m->arena, lead + size);
    memset(items, filler, lead);
    memcpy(items + lead, m->from->buffers[index], size);
    m->to->buffers[index] = items;
    return items;
}

static void add_to(uint8_t *items, size_t width, int64_t first, int64_t count, int64_t added)
{
    for (int64_t i = first; i < first + count; i++) {
        int64_t value = 0;
        memcpy(&value, items + (size_t)i * width, width);
        value += added;
        memcpy(items + (size_t)i * width, &value, width);
    }
}

static void move_child(struct move *m, int64_t index, int64_t before)
{
    m->to->children[index] =
        moved(m->arena, m->schema->children[index], m->from->children[index], before);
}

static void move_children(struct move *m, int64_t before)
{
    for (int64_t i = 0; i < m->from->n_children; i++)
        move_child(m, i, before);
}

/* Offsets, the old ones raised by what comes before the child; the nonsense is empty lists. */
static void move_list(struct move *m, size_t width)
{
    int64_t before = some_rows(m->arena), none = 0;
    uint8_t *offsets = move_items(m, 1, width, 1, 0);
    add_to(offsets, width, m->lead, m->from->length + 1, before);
    memcpy(&none, offsets + (size_t)m->lead * width, width);
    for (int64_t i = 0; i < m->lead; i++)
        memcpy(offsets + (size_t)i * width, &none, width);
    if (m->from->n_children > 0) {
        move_child(m, 0, before);
    } else {
        size_t size = 0;
        memcpy(&size, offsets + (size_t)(m->lead + m->from->length) * width, width);
        uint8_t *data = arena_get(m->arena, size);
        memcpy(data + before, m->from->buffers[2], size - (size_t)before);
        m->to->buffers[2] = data;
    }
}

static void move_list_view(struct move *m, size_t width)
{
    int64_t before = some_rows(m->arena);
    uint8_t *offsets = move_items(m, 1, width, 0, 0);
    add_to(offsets, width, m->lead, m->from->length, before);
    move_items(m, 2, width, 0, 0);
    move_child(m, 0, before);
}

static void move_union(struct move *m)
{
    bool is_dense = m->schema->format[2] == 'd';
    int64_t before = some_rows(m->arena);
    uint8_t id = (uint8_t)strtol(m->schema->format + 4, NULL, 10);
    move_items(m, 0, 1, 0, id);
    if (is_dense)
        add_to(move_items(m, 1, 4, 0, 0), 4, m->lead, m->from->length, before);
    move_children(m, is_dense ? before : m->lead);
}

/* The first run grows by the rows before. */
static void move_runs(struct move *m)
{
    move_children(m, 0);
    struct ArrowArray *ends = m->to->children[0];
    char format = m->schema->children[0]->format[0];
    size_t width = format == 's' ? 2 : format == 'i' ? 4 : 8;
    add_to((uint8_t *)(uintptr_t)ends->buffers[1], width, ends->offset, ends->length, m->lead);
}

static void move_nested(struct move *m)
{
    const char *format = m->schema->format + 1;
    if (*format == 's')
        move_children(m, m->lead);
    else if (*format == 'w')
        move_children(m, m->lead * strtol(format + 2, NULL, 10));
    else if (*format == 'u')
        move_union(m);
    else if (*format == 'r')
        move_runs(m);
    else if (*format == 'v')
        move_list_view(m, format[1] == 'L' ? 8 : 4);
    else
        move_list(m, *format == 'L' ? 8 : 4);
}

static size_t width_of(const char *format)
{
    static const char eight[] = "lLg", four[] = "iIf", two[] = "sSe", one[] = "cC";
    if (format[0] == 'w')
        return (size_t)strtol(format + 2, NULL, 10);
    if (format[0] == 'd') {
        const char *bits = strchr(strchr(format, ',') + 1, ',');
        return bits == NULL ? 16 : (size_t)strtol(bits + 1, NULL, 10) / 8;
    }
    if (format[0] == 't') {
        bool is_four = strcmp(format, "tdD") == 0 || strcmp(format, "tts") == 0 ||
                       strcmp(format, "ttm") == 0 || strcmp(format, "tiM") == 0;
        return is_four ? 4 : strcmp(format, "tin") == 0 ? 16 : 8;
    }
    return strchr(eight, *format)  ? 8
           : strchr(four, *format) ? 4
           : strchr(two, *format)  ? 2
           : strchr(one, *format)  ? 1
                                   : 0;
}

static void move_buffers(struct move *m)
{
    const char *format = m->schema->format;
    if (*format == 'n')
        return;
    if (strncmp(format, "+u", 2) != 0 && *format != 'n' && strcmp(format, "+r") != 0)
        move_bits(m, 0);
    if (*format == '+')
        move_nested(m);
    else if (*format == 'b')
        move_bits(m, 1);
    else if (*format == 'v')
        move_items(m, 1, 16, 0, 0);
    else if (strchr("zu", *format) != NULL)
        move_list(m, 4);
    else if (strchr("ZU", *format) != NULL)
        move_list(m, 8);
    else
        move_items(m, 1, width_of(format), 0, 0xab);
}

/* The array with `before` more rows at its begin, which its parent counts, and moved to an offset.
 */
static struct ArrowArray *moved(struct arena *arena, const struct ArrowSchema *schema,
                                const struct ArrowArray *from, int64_t before)
{
    struct ArrowArray *to = arena_get(arena, sizeof *to);
    assert_int_equal(from->offset, 0); /* as the reader makes them */
    *to = (struct ArrowArray){.length = from->length + before,
                              .null_count = from->n_buffers == 0 ? 0 : -1,
                              .offset = some_rows(arena),
                              .n_buffers = from->n_buffers,
                              .n_children = from->n_children,
                              .release = release_nothing};
    to->buffers = arena_get(arena, (size_t)from->n_buffers * sizeof *to->buffers);
    for (int64_t i = 0; i < from->n_buffers; i++)
        to->buffers[i] = from->buffers[i];
    to->children = arena_get(arena, (size_t)from->n_children * sizeof *to->children);
    if (from->dictionary != NULL)
        to->dictionary = moved(arena, schema->dictionary, from->dictionary, 0);
    struct move m = {arena, schema, from, to, to->offset + before};
    move_buffers(&m);
    return to;
}

/* The text of what the writer makes of an array. */
static void write_and_read(struct ipc_writer *writer, struct ipc_reader *reader,
                           const struct ArrowSchema *schema, struct ArrowArray *array,
                           struct buf *text)
{
    struct fkv_error error = {0};
    struct ipc_out out;
    assert_ok(ipc_writer_push(writer, array, &error));
    while (ipc_writer_next(writer, &out)) {
        struct block *body = block_new(alloc_system(), (size_t)out.body_length);
        size_t used = 0;
        for (size_t i = 0; i < out.piece_count; used += out.pieces[i++].bytes.size)
            memcpy(body->data + used, out.pieces[i].bytes.data, out.pieces[i].bytes.size);
        bool is_batch = false;
        struct ArrowArray result;
        assert_ok(ipc_reader_message(reader, out.header, body, &is_batch, &result, &error));
        block_unref(body);
        if (is_batch) {
            arrow_array_text(text, schema, &result, 1000);
            result.release(&result);
        }
    }
}

static void check_moved(const char *path, uint64_t seed)
{
    struct fkv_error error = {0};
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array, none;
    struct ipc_writer *writer;
    struct ipc_writer_options options = {.codec = IPC_CODEC_NONE};
    struct buf expected, moved_text, found;
    bool is_batch;
    buf_init(&expected, alloc_system(), 64 << 20);
    buf_init(&moved_text, alloc_system(), 64 << 20);
    buf_init(&found, alloc_system(), 64 << 20);
    enum fkv_status status = ipc_file_read(alloc_system(), open(path, O_RDONLY | O_CLOEXEC),
                                           &IPC_LIMITS_DEFAULT, &stream, &error);
    if (status == FKV_UNIMPLEMENTED) /* big-endian */
        return;
    assert_int_equal(status, FKV_OK);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_ok(ipc_writer_new(alloc_system(), &schema, &options, &writer, &error));
    struct ipc_reader *reader =
        ipc_reader_new(alloc_system(), &IPC_LIMITS_DEFAULT, IPC_READER_CHECK_VALUES);
    assert_ok(
        ipc_reader_message(reader, ipc_writer_schema(writer), NULL, &is_batch, &none, &error));
    struct arena *arena = calloc(1, sizeof *arena);
    arena->random = seed;
    while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
        struct ArrowArray *other = moved(arena, &schema, &array, 0);
        other->null_count = 0;
        arrow_array_text(&expected, &schema, &array, 1000);
        arrow_array_text(&moved_text, &schema, other, 1000);
        write_and_read(writer, reader, &schema, other, &found);
        array.release(&array);
    }
    ipc_writer_free(writer); /* compares dictionaries with those of moved arrays: before these go */
    arena_done(arena);
    free(arena);
    if (!slice_equal(buf_slice(&expected), buf_slice(&moved_text)))
        fail_msg("%s: the test itself moves arrays wrongly", path);
    if (!slice_equal(buf_slice(&expected), buf_slice(&found)))
        fail_msg("%s: arrays with offsets become another table", path);
    ipc_reader_free(reader);
    schema.release(&schema);
    stream.release(&stream);
    buf_done(&expected);
    buf_done(&moved_text);
    buf_done(&found);
}

static void check_file(const char *path)
{
    for (uint64_t seed = 1; seed < 6; seed++)
        check_moved(path, seed);
}

static void arrays_may_have_offsets_anywhere(void **state)
{
    (void)state;
    assert_true(table_each("tests/golden/ipc", ".stream", check_file) > 0);
    table_each("tests/golden/valid", ".stream", check_file);
    table_each(table_golden(), ".stream", check_file);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(arrays_may_have_offsets_anywhere));
}
