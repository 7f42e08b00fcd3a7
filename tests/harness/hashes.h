/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes as crypt(3) makes them, as cheap as each method can be, and files of users. */
#ifndef HARNESS_HASHES_H
#define HARNESS_HASHES_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_OF_SECRET                                            \
    "$6$rounds=1000$salt1234$iGR6GWm4zevhdY7OZKpM9EgWKRb5NRw.5TE" \
    "K92mzRMGnxI9IcUQC5hQd7qnOTAd5DW3ctSGZjAKZeAB41J.Av."
#define HASH_OF_OTHER "$2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu"
#define HASH_OF_THIRD "$y$j75$salt1234$78qcwm95VNQ2OqasOMH720BfSLedOOpSQcS/CF9mt73"

/* A new file, whose name takes the place of the X's. 0: done. */
static inline int users_file_write(char *path, const char *text)
{
    int fd = mkstemp(path);
    bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return is_written ? 0 : -1;
}

#endif
