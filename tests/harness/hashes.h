/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes as crypt(3) makes them, as cheap as each method can be. */
#ifndef HARNESS_HASHES_H
#define HARNESS_HASHES_H

#define HASH_OF_SECRET                                            \
    "$6$rounds=1000$salt1234$iGR6GWm4zevhdY7OZKpM9EgWKRb5NRw.5TE" \
    "K92mzRMGnxI9IcUQC5hQd7qnOTAd5DW3ctSGZjAKZeAB41J.Av."
#define HASH_OF_OTHER "$2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu"
#define HASH_OF_THIRD "$y$j75$salt1234$78qcwm95VNQ2OqasOMH720BfSLedOOpSQcS/CF9mt73"

#endif
