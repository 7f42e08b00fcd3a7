/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "server/config.h"

static void every_option_has_its_texts(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct fkv_server_option *o; (o = fkv_server_option(count)) != NULL; count++) {
        assert_non_null(o->name);
        assert_non_null(o->default_value);
        assert_non_null(o->group);
        assert_true(strlen(o->help) > 10);
        assert_int_not_equal(o->help[strlen(o->help) - 1], '.');
        for (size_t i = 0; i < count; i++)
            assert_string_not_equal(fkv_server_option(i)->name, o->name);
    }
    assert_true(count > 10);
}

/* "on|off|FOLDER": the words in lower case are values, which completion offers. */
static void shown_words_are_taken(void **state)
{
    (void)state;
    size_t words = 0;
    const struct fkv_server_option *option;
    for (size_t i = 0; (option = fkv_server_option(i)) != NULL; i++) {
        char text[100] = "", *rest = text;
        if (option->argument != NULL && strchr(option->argument, '|') != NULL)
            snprintf(text, sizeof text, "%s", option->argument);
        for (char *word; (word = strsep(&rest, "|")) != NULL;) {
            struct fkv_server_config config;
            struct fkv_error error;
            server_config_init(&config);
            if (*word < 'a')
                continue;
            assert_ok(fkv_server_config_set(&config, option->name, word, &error));
            words++;
        }
    }
    assert_int_equal(words, 8);
}

/* The default that people are told is the one that is in force. */
static void shown_defaults_are_in_force(void **state)
{
    (void)state;
    struct fkv_server_config defaults, set;
    server_config_init(&defaults);
    static const char *const by_text[] = {
        "connections",      "streams",       "warm-idle",          "handshake-timeout",
        "upload-timeout",   "stall-timeout", "idle-timeout",       "drain-timeout",
        "header-bytes",     "request-bytes", "schema-depth",       "schema-fields",
        "busy-poll",        "log-level",     "decompressed-bytes", "app-metadata-bytes",
        "ipc-header-bytes", "shm-clients"};
    for (size_t i = 0; i < sizeof by_text / sizeof by_text[0]; i++) {
        size_t at = 0;
        while (strcmp(fkv_server_option(at)->name, by_text[i]) != 0)
            at++;
        struct fkv_error error;
        server_config_init(&set);
        assert_ok(
            fkv_server_config_set(&set, by_text[i], fkv_server_option(at)->default_value, &error));
        assert_memory_equal(&set, &defaults, sizeof set);
    }
}

static void bad_values_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        enum fkv_status status;
    } rows[] = {
        {"memory", "lots", FKV_INVALID_ARGUMENT},
        {"memory", "1", FKV_INVALID_ARGUMENT},
        {"memory", NULL, FKV_INVALID_ARGUMENT},
        {"workers", "0", FKV_INVALID_ARGUMENT},
        {"workers", "2x", FKV_INVALID_ARGUMENT},
        {"workers", "-1", FKV_INVALID_ARGUMENT},
        {"insecure", "maybe", FKV_INVALID_ARGUMENT},
        {"log-level", "loud", FKV_INVALID_ARGUMENT},
        {"listen", "nowhere", FKV_INVALID_ARGUMENT},
        {"upload-timeout", "soon", FKV_INVALID_ARGUMENT},
        {"nonsense", "1", FKV_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fkv_server_config config, before;
        server_config_init(&config);
        before = config;
        struct fkv_error error = {0};
        assert_int_equal(fkv_server_config_set(&config, rows[i].name, rows[i].value, &error),
                         rows[i].status);
        assert_non_null(strstr(error.message, rows[i].name));
        assert_memory_equal(&config, &before, sizeof config);
    }
}

static void a_range_is_told(void **state)
{
    (void)state;
    struct fkv_server_config config;
    server_config_init(&config);
    struct fkv_error error = {0};
    assert_int_equal(fkv_server_config_set(&config, "memory", "3", &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "1.0 MiB to 64.0 TiB"));
    assert_int_equal(fkv_server_config_set(&config, "workers", "5000", &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "1 to 1,024"));
}

static void memory_has_a_default(void **state)
{
    (void)state;
    assert_true(server_machine_memory_bytes() > 1 << 20);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(every_option_has_its_texts), cmocka_unit_test(shown_words_are_taken),
              cmocka_unit_test(shown_defaults_are_in_force), cmocka_unit_test(bad_values_are_named),
              cmocka_unit_test(a_range_is_told), cmocka_unit_test(memory_has_a_default));
}
