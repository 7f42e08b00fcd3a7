/* SPDX-License-Identifier: Apache-2.0 */
/* JSON documents to print and to read. A value that can't be added for want of memory marks the
 * document as failed, so that a run of additions is checked once, by doc_print. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "flightkv/status.h"

struct doc;

struct doc *doc_object(void); /* NULL: out of memory; every function below takes NULL */
struct doc *doc_array(void);
void doc_free(struct doc *doc);

/* Members of an object. Text must be UTF-8. */
void doc_set_text(struct doc *object, const char *name, const char *text);
void doc_set_count(struct doc *object, const char *name, uint64_t count);
void doc_set_number(struct doc *object, const char *name, double number);
void doc_set_bool(struct doc *object, const char *name, bool value);
void doc_set(struct doc *object, const char *name, struct doc *value); /* takes it over */

/* The member "key", or "key_b64" where the key isn't UTF-8. */
void doc_set_key(struct doc *object, const void *key, size_t key_size);

void doc_append(struct doc *array, struct doc *value); /* takes it over */
void doc_append_number(struct doc *array, double number);
void doc_append_key(struct doc *array, const void *key, size_t key_size); /* as {"key": ...} */

/* Adds the members of `from` that `object` doesn't have. */
void doc_merge(struct doc *object, const struct doc *from);

/* INVALID_ARGUMENT says where it isn't an object. */
enum fkv_status doc_parse_object(const void *text, size_t size, struct doc **ret,
                                 struct fkv_error *error);

/* One member, as text: a number as it is, "true", a string; a nested object's members are visited
 * as "outer.inner", a nested array as its JSON. `is_integer` and `integer` tell of a whole number.
 */
struct doc_member {
    const char *name;
    const char *text;
    bool is_integer;
    bool is_number;
    int64_t integer;
    double number;
};
void doc_each(const struct doc *object,
              void (*visit)(void *context, const struct doc_member *member), void *context);

/* One document and a line feed. False: it failed before, or memory is short. */
bool doc_print(const struct doc *doc, FILE *out);

/* The document as text on one line, to be freed with doc_text_free; NULL as above. */
char *doc_text(const struct doc *doc);
void doc_text_free(char *text);

#endif
