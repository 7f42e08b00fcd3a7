/* SPDX-License-Identifier: Apache-2.0 */
/* The first rows become text as they come; of the rest, only the batches with the last rows in them
 * are held:
 *
 *     [ head: as text ]  ... released ...  [ tail: batches ] <- next
 */
#include "cli/preview.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/batches.h"
#include "cli/grid.h"
#include "cli/type_text.h"
#include "cli/value.h"
#include "cli/width.h"

enum { schema_lines_max = 16, schema_lines_least = 3 };
enum { rows_before_schema = 11, rows_least = 3, rows_most = 2000 };
enum { lines_around_schema = 2, lines_around_rows = 3 + 2 + 1 };
enum { type_width_max = 24, cell_width_usual = 40 };
enum { cell_bytes_max = 1 << 16, schema_bytes_max = 16 << 20 };

struct held {
    struct ArrowArray batch;
    int64_t first_row;
};

/* How much is shown. */
struct extent {
    size_t schema_lines;
    size_t head, tail; /* rows, with a gap between them */
    size_t all;        /* up to so many rows are shown without a gap */
};

struct preview {
    struct preview_options options;
    struct extent shown;
    struct ArrowSchema schema;
    struct grid *grid;
    struct buf cell;
    size_t head_rows; /* in the grid so far */
    struct fkv_progress totals;
    struct held *tail; /* a queue: begins at tail_at */
    size_t tail_at;
    size_t tail_end;
    size_t tail_capacity;
};

/* ---- rows into the grid ---- */

static void add_row(struct preview *preview, const struct ArrowArray *batch, int64_t row,
                    int64_t number)
{
    char figure[text_figure_size];
    grid_dim_cell(preview->grid, slice_text(text_count(figure, (uint64_t)number)));
    for (int64_t i = 0; i < preview->schema.n_children; i++) {
        const struct ArrowSchema *schema = preview->schema.children[i];
        int64_t child_row = batch->offset + row;
        buf_clear(&preview->cell);
        value_text(&preview->cell, schema, batch->children[i], child_row);
        if (value_is_null(schema, batch->children[i], child_row))
            grid_dim_cell(preview->grid, buf_slice(&preview->cell));
        else
            grid_cell(preview->grid, buf_slice(&preview->cell));
    }
}

static void add_gap(struct preview *preview)
{
    for (int64_t i = 0; i <= preview->schema.n_children; i++)
        grid_dim_cell(preview->grid, slice_text("..."));
}

/* The schema above has it whole: a long type shall not make a narrow column wide. */
static void add_type(struct preview *preview, const struct ArrowSchema *column)
{
    size_t shown;
    buf_clear(&preview->cell);
    type_text(&preview->cell, column);
    if (width_of(buf_slice(&preview->cell)) > type_width_max) {
        preview->cell.size = width_cut(buf_slice(&preview->cell), type_width_max - 3, &shown);
        buf_text(&preview->cell, "...");
    }
    grid_dim_cell(preview->grid, buf_slice(&preview->cell));
}

/* Of any length, and still readable when cut; bytes of a fixed size are mostly somebody's id. */
static bool is_open_ended(const struct ArrowSchema *column)
{
    if (column->dictionary != NULL)
        return is_open_ended(column->dictionary);
    enum cell_kind kind = cell_kind(column);
    return kind != CELL_NUMBER && kind != CELL_DECIMAL && kind != CELL_TIME &&
           column->format[0] != 'w';
}

static void add_header(struct preview *preview)
{
    grid_align_right(preview->grid, 0);
    grid_dim_cell(preview->grid, slice_text("row"));
    for (int64_t i = 0; i < preview->schema.n_children; i++) {
        const struct ArrowSchema *column = preview->schema.children[i];
        buf_clear(&preview->cell);
        width_escape(&preview->cell, slice_text(column->name != NULL ? column->name : ""), 0);
        grid_cell(preview->grid, buf_slice(&preview->cell));
        if (type_is_number(column))
            grid_align_right(preview->grid, (size_t)i + 1);
        if (is_open_ended(column))
            grid_may_narrow(preview->grid, (size_t)i + 1);
    }
    grid_dim_cell(preview->grid, slice_text(""));
    for (int64_t i = 0; i < preview->schema.n_children; i++)
        add_type(preview, preview->schema.children[i]);
    grid_rule(preview->grid);
}

/* ---- the tail ---- */

static void drop_first(struct preview *preview)
{
    struct held *first = &preview->tail[preview->tail_at++];
    first->batch.release(&first->batch);
}

/* Room for one more at the end of the queue. */
static bool make_room(struct preview *preview)
{
    if (preview->tail_end < preview->tail_capacity)
        return true;
    size_t count = preview->tail_end - preview->tail_at;
    if (preview->tail_at > count) {
        memmove(preview->tail, preview->tail + preview->tail_at, count * sizeof *preview->tail);
    } else {
        size_t capacity = 2 * preview->tail_capacity + 16;
        struct held *tail = alloc_resize(alloc_system(), preview->tail, capacity * sizeof *tail);
        if (tail == NULL)
            return false;
        memmove(tail, tail + preview->tail_at, count * sizeof *tail);
        preview->tail = tail;
        preview->tail_capacity = capacity;
    }
    preview->tail_at = 0;
    preview->tail_end = count;
    return true;
}

/* The most rows that may be wanted of the tail. */
static int64_t tail_rows_max(const struct preview *preview)
{
    size_t without_gap = preview->shown.all - preview->shown.head;
    return (int64_t)(without_gap > preview->shown.tail ? without_gap : preview->shown.tail);
}

/* Holds the batch, and lets go of those that the last rows no longer reach into. */
static void hold(struct preview *preview, const struct ArrowArray *batch, int64_t first_row)
{
    preview->tail[preview->tail_end++] = (struct held){*batch, first_row};
    int64_t rows = first_row + batch->length, wanted = tail_rows_max(preview);
    while (preview->tail_end - preview->tail_at > 1 &&
           rows - preview->tail[preview->tail_at + 1].first_row >= wanted)
        drop_first(preview);
}

static void add_tail(struct preview *preview)
{
    int64_t rows = (int64_t)preview->totals.rows, first = (int64_t)preview->head_rows;
    if (rows > (int64_t)preview->shown.all) {
        add_gap(preview);
        first = rows - (int64_t)preview->shown.tail;
    }
    for (size_t i = preview->tail_at; i < preview->tail_end; i++) {
        const struct held *held = &preview->tail[i];
        int64_t row = first > held->first_row ? first - held->first_row : 0;
        for (; row < held->batch.length; row++)
            add_row(preview, &held->batch, row, held->first_row + row);
    }
}

/* ---- reading ---- */

/* Takes the batch over, also on failure. */
static enum fkv_status take_batch(struct preview *preview, struct ArrowArray *batch,
                                  struct fkv_error *error)
{
    int64_t first_row = (int64_t)preview->totals.rows;
    if (!make_room(preview)) {
        batch->release(batch);
        return status_no_memory(error, preview->tail_capacity * sizeof *preview->tail);
    }
    for (int64_t row = 0; row < batch->length && preview->head_rows < preview->shown.head; row++) {
        add_row(preview, batch, row, first_row + row);
        preview->head_rows++;
    }
    preview->totals.rows += (uint64_t)batch->length;
    preview->totals.batches++;
    if (batch->length > 0)
        hold(preview, batch, first_row);
    else
        batch->release(batch);
    return FKV_OK;
}

static enum fkv_status read_all(struct preview *preview, struct ArrowArrayStream *stream,
                                fkv_progress_callback progress, void *progress_context,
                                struct fkv_error *error)
{
    for (;;) {
        struct ArrowArray batch;
        enum fkv_status status = batches_next(stream, &preview->schema, &batch, error);
        if (status != FKV_OK || batch.release == NULL)
            return status;
        status = take_batch(preview, &batch, error);
        if (status != FKV_OK)
            return status;
        if (progress != NULL && !progress(progress_context, &preview->totals))
            return status_set(error, FKV_CANCELLED, "cancelled");
    }
}

static struct extent extent_of(const struct preview_options *options, size_t columns)
{
    struct extent shown = {columns < schema_lines_max ? columns : schema_lines_max, options->rows,
                           options->rows, 2 * options->rows};
    if (options->height == 0)
        return shown;
    size_t room = options->height > lines_around_rows ? options->height - lines_around_rows : 0;
    size_t with_schema = lines_around_schema + rows_before_schema + schema_lines_least;
    size_t most = room >= with_schema ? room - lines_around_schema - rows_before_schema : 0;
    shown.schema_lines = shown.schema_lines < most ? shown.schema_lines : most;
    if (shown.schema_lines > 0)
        room -= lines_around_schema + shown.schema_lines;
    shown.all = room < rows_least ? rows_least : room < rows_most ? room : rows_most;
    shown.head = shown.all / 2;
    shown.tail = shown.all - shown.head - 1;
    return shown;
}

static enum fkv_status start(struct preview *preview, struct ArrowArrayStream *stream,
                             struct fkv_error *error)
{
    enum fkv_status status = batches_schema(stream, &preview->schema, error);
    if (status != FKV_OK)
        return status;
    size_t columns = (size_t)preview->schema.n_children;
    preview->shown = extent_of(&preview->options, columns);
    preview->grid = grid_new(columns + 1);
    if (preview->grid == NULL)
        return status_no_memory(error, columns);
    add_header(preview);
    return FKV_OK;
}

enum fkv_status preview_read(struct ArrowArrayStream *stream, const struct preview_options *options,
                             fkv_progress_callback progress, void *progress_context,
                             struct preview **ret, struct fkv_error *error)
{
    struct preview *preview = alloc_zero(alloc_system(), sizeof *preview);
    enum fkv_status status = FKV_OK;
    if (preview == NULL) {
        status = status_no_memory(error, sizeof *preview);
    } else {
        preview->options = *options;
        buf_init(&preview->cell, alloc_system(), cell_bytes_max);
        status = start(preview, stream, error);
    }
    if (status == FKV_OK)
        status = read_all(preview, stream, progress, progress_context, error);
    if (status == FKV_OK)
        add_tail(preview);
    stream->release(stream);
    if (status == FKV_OK)
        *ret = preview;
    else
        preview_free(preview);
    return status;
}

void preview_free(struct preview *preview)
{
    if (preview == NULL)
        return;
    while (preview->tail_at < preview->tail_end)
        drop_first(preview);
    alloc_free(alloc_system(), preview->tail);
    grid_free(preview->grid);
    buf_done(&preview->cell);
    if (preview->schema.release != NULL)
        preview->schema.release(&preview->schema);
    alloc_free(alloc_system(), preview);
}

/* ---- printing ---- */

static bool print_column(const struct ArrowSchema *column, size_t width, FILE *out)
{
    struct buf line;
    size_t shown;
    buf_init(&line, alloc_system(), schema_bytes_max);
    buf_text(&line, "  ");
    width_escape(&line, slice_text(column->name != NULL ? column->name : ""), 0);
    buf_text(&line, ": ");
    type_text(&line, column);
    if (!(column->flags & ARROW_FLAG_NULLABLE))
        buf_text(&line, " not null");
    bool is_done = !line.failed;
    bool is_cut = width > 3 && width_of(buf_slice(&line)) > width;
    size_t size = is_cut ? width_cut(buf_slice(&line), width - 3, &shown) : line.size;
    fwrite(line.data, 1, size, out);
    fputs(is_cut ? "...\n" : "\n", out);
    buf_done(&line);
    return is_done;
}

/* With two lines less than there are columns, one is for how many are left out. */
static bool print_schema(const struct preview *preview, FILE *out)
{
    const struct ArrowSchema *schema = &preview->schema;
    int64_t lines = (int64_t)preview->shown.schema_lines, head = (lines - 1) * 2 / 3;
    int64_t left_out = schema->n_children - (lines - 1);
    bool is_done = true;
    char figure[text_figure_size];
    if (lines == 0 && schema->n_children > 0)
        return true;
    fputs("schema:\n", out);
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (left_out > 1 && i == head) {
            fprintf(out, "  ... %s more columns\n", text_count(figure, (uint64_t)left_out));
            i += left_out;
        }
        is_done = print_column(schema->children[i], preview->options.width, out) && is_done;
    }
    fputc('\n', out);
    return is_done;
}

/* "4,096 rows, 2 columns, 1 batch": as much of it as a line has room for. */
static void print_totals(const struct preview *preview, FILE *out)
{
    const struct {
        uint64_t count;
        const char *one, *many;
    } totals[] = {{preview->totals.rows, "row", "rows"},
                  {(uint64_t)preview->schema.n_children, "column", "columns"},
                  {preview->totals.batches, "batch", "batches"}};
    size_t used = 0, width = preview->options.width;
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        char figure[text_figure_size], text[text_figure_size + 16];
        int size = snprintf(text, sizeof text, "%s%s %s", i > 0 ? ", " : "",
                            text_count(figure, totals[i].count),
                            totals[i].count == 1 ? totals[i].one : totals[i].many);
        used += (size_t)size;
        if (i > 0 && width > 0 && used > width)
            break;
        fputs(text, out);
    }
    fputc('\n', out);
}

bool preview_print(const struct preview *preview, FILE *out)
{
    size_t columns = (size_t)preview->schema.n_children + 1;
    size_t share = preview->options.width / columns;
    struct grid_style style = {.width = preview->options.width,
                               .cell_width = share > cell_width_usual ? share : cell_width_usual,
                               .has_color = preview->options.has_color};
    bool is_done = print_schema(preview, out);
    is_done = grid_print(preview->grid, &style, out) && is_done;
    fputc('\n', out);
    print_totals(preview, out);
    return is_done;
}
