/* SPDX-License-Identifier: Apache-2.0 */
/* How old something is, to tell old from new: "3 s", "59 m", "47 h", "12 d". */
#ifndef CLI_AGE_H
#define CLI_AGE_H

#include "base/text.h"

/* Gives `ret`. What lies in the future, by another machine's clock, is 0 s old. */
const char *age_text(char ret[text_figure_size], double age_s);

#endif
