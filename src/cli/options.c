/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"

struct slice option_word(const struct option *option, size_t index)
{
    const char *rest = option->argument != NULL ? option->argument : "";
    if (strchr(rest, '|') == NULL)
        rest = "";
    while (*rest != '\0') {
        size_t size = strcspn(rest, "|");
        bool is_word = strcspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= size;
        if (is_word && index-- == 0)
            return slice_of(rest, size);
        rest += size + (rest[size] == '|');
    }
    return slice_of("", 0);
}

bool option_list_add(struct option_list *list, const struct option *option)
{
    size_t size = (list->count + 1) * sizeof *list->items;
    struct option *items = alloc_resize(alloc_system(), list->items, size);
    if (items == NULL)
        return false;
    items[list->count] = *option;
    list->items = items;
    list->count++;
    return true;
}

void option_list_done(struct option_list *list)
{
    alloc_free(alloc_system(), list->items);
    *list = (struct option_list){0};
}

static const struct option *find_name(const struct option_list *list, const char *name, size_t size)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strlen(list->items[i].name) == size && memcmp(list->items[i].name, name, size) == 0)
            return &list->items[i];
    }
    return NULL;
}

static const struct option *find_letter(const struct option_list *list, char letter)
{
    for (size_t i = 0; i < list->count; i++) {
        if (letter != '\0' && list->items[i].letter == letter)
            return &list->items[i];
    }
    return NULL;
}

enum { suggestions_max = 64 };

/* "out" is short for "output", and nearer by letters to others. */
static const char *beginning_with(const char *word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(word) > 1 && strncmp(names[i], word, strlen(word)) == 0)
            return names[i];
    }
    return NULL;
}

static enum fkv_status unknown_option(const struct option_list *list, const char *name, size_t size,
                                      struct fkv_error *error)
{
    char word[64];
    const char *names[suggestions_max];
    size_t count = list->count < suggestions_max ? list->count : suggestions_max;
    for (size_t i = 0; i < count; i++)
        names[i] = list->items[i].name;
    const char *nearest = NULL;
    if (size < sizeof word) {
        memcpy(word, name, size);
        word[size] = '\0';
        nearest = beginning_with(word, names, count);
        if (nearest == NULL)
            nearest = text_nearest(word, names, count);
    }
    if (slice_is(slice_of(name, size), "port") && find_name(list, "listen", strlen("listen")))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "unknown option '--port'; expected --listen grpc+tcp://localhost:PORT");
    if (nearest == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "unknown option '--%.*s'; --help lists what there is", (int)size, name);
    return status_set(error, FKV_INVALID_ARGUMENT, "unknown option '--%.*s'; did you mean '--%s'?",
                      (int)size, name, nearest);
}

/* The words still to be read, and where what they say goes. */
struct parser {
    const struct option_list *list;
    char *const *next;
    char *const *end;
    struct parsed *parsed;
    struct fkv_error *error;
};

/* Takes `option` down with its value: `attached`, or else the next word. */
static enum fkv_status take_value(struct parser *parser, const struct option *option,
                                  const char *attached)
{
    const char *value = attached;
    if (option->argument == NULL && attached != NULL)
        return status_set(parser->error, FKV_INVALID_ARGUMENT, "option '--%s' takes no value",
                          option->name);
    if (option->argument != NULL && value == NULL) {
        if (parser->next == parser->end)
            return status_set(parser->error, FKV_INVALID_ARGUMENT,
                              "option '--%s' needs a value: --%s %s", option->name, option->name,
                              option->argument);
        value = *parser->next++;
    }
    parser->parsed->values[parser->parsed->value_count++] = (struct option_value){option, value};
    return FKV_OK;
}

static enum fkv_status take_long(struct parser *parser, const char *word)
{
    size_t size = strcspn(word, "=");
    const struct option *option = find_name(parser->list, word, size);
    if (option == NULL)
        return unknown_option(parser->list, word, size, parser->error);
    return take_value(parser, option, word[size] == '=' ? word + size + 1 : NULL);
}

/* "-o FILE", "-oFILE"; letters of switches are written apart. */
static enum fkv_status take_short(struct parser *parser, const char *word)
{
    const struct option *option = find_letter(parser->list, word[0]);
    if (option == NULL)
        return status_set(parser->error, FKV_INVALID_ARGUMENT,
                          "unknown option '-%s'; --help lists what there is", word);
    return take_value(parser, option, word[1] != '\0' ? word + 1 : NULL);
}

static enum fkv_status take_words(struct parser *parser)
{
    bool options_ended = false;
    enum fkv_status status = FKV_OK;
    while (status == FKV_OK && parser->next != parser->end) {
        const char *word = *parser->next++;
        if (options_ended || word[0] != '-' || word[1] == '\0')
            parser->parsed->arguments[parser->parsed->argument_count++] = word;
        else if (strcmp(word, "--") == 0)
            options_ended = true;
        else if (word[1] == '-')
            status = take_long(parser, word + 2);
        else
            status = take_short(parser, word + 1);
    }
    return status;
}

enum fkv_status options_parse(const struct option_list *list, int count, char *const *words,
                              struct parsed *ret, struct fkv_error *error)
{
    size_t room = (size_t)count + 1;
    struct parsed parsed = {
        .values = alloc_array(alloc_system(), room, sizeof *parsed.values),
        .arguments = alloc_array(alloc_system(), room, sizeof *parsed.arguments),
    };
    enum fkv_status status;
    if (parsed.values == NULL || parsed.arguments == NULL) {
        status = status_no_memory(error, room * sizeof *parsed.values);
    } else {
        struct parser parser = {list, words, words + count, &parsed, error};
        status = take_words(&parser);
    }
    if (status == FKV_OK)
        *ret = parsed;
    else
        parsed_done(&parsed);
    return status;
}

void parsed_done(struct parsed *parsed)
{
    alloc_free(alloc_system(), parsed->values);
    alloc_free(alloc_system(), parsed->arguments);
    *parsed = (struct parsed){0};
}

bool parsed_add_default(struct parsed *parsed, const struct option *option, const char *value)
{
    size_t count = parsed->value_count + 1, at = parsed->default_count;
    struct option_value *values =
        alloc_resize(alloc_system(), parsed->values, count * sizeof *values);
    if (values == NULL)
        return false;
    memmove(values + at + 1, values + at, (count - 1 - at) * sizeof *values);
    values[at] = (struct option_value){option, value};
    parsed->values = values;
    parsed->value_count = count;
    parsed->default_count++;
    return true;
}

const char *parsed_value(const struct parsed *parsed, const char *name)
{
    for (size_t i = parsed->value_count; i > 0; i--) {
        const struct option_value *value = &parsed->values[i - 1];
        if (strcmp(value->option->name, name) == 0)
            return value->value != NULL ? value->value : "";
    }
    return NULL;
}

bool parsed_has(const struct parsed *parsed, const char *name)
{
    return parsed_value(parsed, name) != NULL;
}
