/* SPDX-License-Identifier: Apache-2.0 */
/* Command line options, by table: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, --switch; options
 * and arguments in any order, "--" ends the options, "-" is an argument. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "flightkv/status.h"

struct option {
    const char *name;          /* "server" */
    char letter;               /* 'o'; 0 = none */
    const char *argument;      /* "URI", "on|off|FOLDER"; NULL for a switch */
    const char *default_value; /* as text for people; may be NULL */
    const char *help;          /* without a final dot */
    const char *group;         /* heading in the help; NULL: "Options" */
};

/* The word number `index` of a list of them: what is in lower case in "on|off|FOLDER", a value as
 * it stands. Empty behind the last one, and of other arguments. */
struct slice option_word(const struct option *option, size_t index);

struct option_list {
    struct option *items;
    size_t count;
};

bool option_list_add(struct option_list *list, const struct option *option);
void option_list_done(struct option_list *list);

struct option_value {
    const struct option *option;
    const char *value; /* NULL for a switch */
};

/* What was said, in its order. Points into argv and the option list. */
struct parsed {
    struct option_value *values;
    size_t value_count;
    size_t default_count; /* of parsed_add_default; they come first */
    const char **arguments;
    size_t argument_count;
};

/* Parses `count` words. INVALID_ARGUMENT says what was wrong and suggests the nearest option. */
enum fkv_status options_parse(const struct option_list *list, int count, char *const *words,
                              struct parsed *ret, struct fkv_error *error);
void parsed_done(struct parsed *parsed);

/* Adds an option as if it had been the first one said, so that any other goes before it; those
 * added later go before those added earlier. Neither is copied. False: out of memory. */
bool parsed_add_default(struct parsed *parsed, const struct option *option, const char *value);

/* The last value said; NULL when the option wasn't. "" for a switch. */
const char *parsed_value(const struct parsed *parsed, const char *name);
bool parsed_has(const struct parsed *parsed, const char *name);

#endif
