/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of the folders named, so that it is an ordinary test with any
 * compiler. Folders that aren't there are passed over, but there must be some input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "harness/ipc_stream.h"

/* A copy of the input's very size, so that a sanitizer sees every read too far. */
static void run(void *context, const char *path, struct slice bytes)
{
    (void)context;
    uint8_t *copy = malloc(bytes.size > 0 ? bytes.size : 1);
    if (copy == NULL) {
        fprintf(stderr, "out of memory for %s\n", path);
        exit(1);
    }
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    LLVMFuzzerTestOneInput(copy, bytes.size);
    free(copy);
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += ipc_stream_each(argv[i], "", run, NULL);
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
