/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of tables in files, by the names of --format and by the endings of file names. */
#ifndef CLI_TABLE_FORMAT_H
#define CLI_TABLE_FORMAT_H

enum table_format {
    TABLE_UNKNOWN,
    TABLE_IPC_FILE,   /* .arrow .feather .ipc */
    TABLE_IPC_STREAM, /* .arrows */
    TABLE_PARQUET,    /* .parquet .pq */
    TABLE_CSV,        /* .csv */
    TABLE_JSON,       /* .json */
    TABLE_NDJSON,     /* .ndjson .jsonl */
};

#define TABLE_ENDINGS ".arrow, .arrows, .feather, .ipc, .parquet, .csv, .json or .ndjson"

enum table_format table_format_of(const char *path);

/* "arrow", "arrows", "parquet", "csv", "json", "ndjson". */
enum table_format table_format_named(const char *name);

#endif
