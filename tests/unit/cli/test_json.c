/* SPDX-License-Identifier: Apache-2.0 */
/* Documents made, read, merged; and answers that aren't what they should be. */
#include "harness/test.h"

#include <stdlib.h>

#include "cli/json.h"

static void assert_text(const struct doc *doc, const char *expected)
{
    char *text = doc_text(doc);
    assert_non_null(text);
    assert_string_equal(text, expected);
    doc_text_free(text);
}

static void makes_documents(void **state)
{
    (void)state;
    struct doc *doc = doc_object(), *list = doc_array();
    doc_set_key(doc, "k\xc3\xa4y", 4);
    doc_set_count(doc, "rows", 4194304);
    doc_set_number(doc, "seconds", 0.5);
    doc_set_bool(doc, "done", true);
    doc_append_key(list, "a\0b", 3);
    doc_append_key(list, "\xff/", 2);
    doc_set(doc, "keys", list);
    assert_text(doc, "{\"key\":\"k\xc3\xa4y\",\"rows\":4194304,\"seconds\":0.5,\"done\":true,"
                     "\"keys\":[{\"key\":\"a\\u0000b\"},{\"key_b64\":\"/y8=\"}]}");
    doc_free(doc);
}

/* A text that isn't UTF-8 can't be in JSON: the document says so when printed, not before. */
static void remembers_a_failure(void **state)
{
    (void)state;
    struct doc *inner = doc_object(), *outer = doc_object();
    doc_set_text(inner, "bad", "\xff");
    doc_set(outer, "inner", inner);
    assert_null(doc_text(outer));
    assert_false(doc_print(outer, stdout));
    doc_free(outer);
    assert_null(doc_text(NULL));
    doc_set_text(NULL, "a", "b");
    doc_append(NULL, doc_object());
    doc_free(NULL);
}

struct visits {
    char text[512];
};

static void note(void *context, const struct doc_member *member)
{
    struct visits *visits = context;
    size_t used = strlen(visits->text);
    snprintf(visits->text + used, sizeof visits->text - used, "%s=%s%s ", member->name,
             member->text,
             member->is_integer  ? "i"
             : member->is_number ? "n"
                                 : "");
}

static struct doc *parse(const char *text)
{
    struct fkv_error error;
    struct doc *doc = NULL;
    assert_ok(doc_parse_object(text, strlen(text), &doc, &error));
    return doc;
}

static void visits_members(void **state)
{
    (void)state;
    struct visits visits = {""};
    struct doc *doc = parse("{\"a\":1,\"b\":{\"c\":true,\"d\":{\"e\":1.5}},\"f\":[1,2],\"g\":\"x\","
                            "\"h\":null}");
    doc_each(doc, note, &visits);
    assert_string_equal(visits.text, "a=1i b.c=true b.d.e=1.5n f=[1,2] g=x h=null ");
    doc_free(doc);
    doc_each(NULL, note, &visits);
}

static void merges_what_is_new(void **state)
{
    (void)state;
    struct doc *doc = parse("{\"a\":1}"), *more = parse("{\"a\":2,\"b\":3}");
    doc_merge(doc, more);
    doc_merge(doc, NULL);
    assert_text(doc, "{\"a\":1,\"b\":3}");
    doc_free(doc);
    doc_free(more);
}

static void refuses_other_answers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "[1]", "1", "{\"a\":", "{} x", "{\"a\":1,\"a\"}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fkv_error error;
        struct doc *doc = NULL;
        assert_int_equal(doc_parse_object(texts[i], strlen(texts[i]), &doc, &error),
                         FKV_INVALID_ARGUMENT);
        assert_null(doc);
        assert_non_null(strstr(error.message, "not "));
    }
}

/* Objects in objects, deeper than any stack: jansson refuses them. */
static void refuses_a_bottomless_answer(void **state)
{
    (void)state;
    enum { depth = 100000 };
    struct fkv_error error;
    struct doc *doc = NULL;
    char *text = malloc(depth * 5);
    assert_non_null(text);
    for (size_t i = 0; i < depth; i++)
        memcpy(text + 5 * i, "{\"a\":", 5);
    assert_int_equal(doc_parse_object(text, depth * 5, &doc, &error), FKV_INVALID_ARGUMENT);
    free(text);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(makes_documents), cmocka_unit_test(remembers_a_failure),
              cmocka_unit_test(visits_members), cmocka_unit_test(merges_what_is_new),
              cmocka_unit_test(refuses_other_answers),
              cmocka_unit_test(refuses_a_bottomless_answer));
}
