/* SPDX-License-Identifier: Apache-2.0 */
/* A benchmark's result as one JSON object. */
#ifndef CLI_BENCH_DOC_H
#define CLI_BENCH_DOC_H

#include "cli/bench_options.h"
#include "cli/bench_result.h"
#include "cli/json.h"

/* With what happened over time, where that is wanted. NULL: out of memory. */
struct doc *bench_doc(const struct bench_options *options, const struct bench_result *result,
                      bool with_samples);

#endif
