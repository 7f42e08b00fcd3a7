/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made by the openssl command: "ca" and "other" are authorities, "server"
 * (server.test, 192.0.2.1, 2001:db8::1), "local" (localhost), "client" and "expired" are signed by
 * "ca", "stranger" by "other". */
#ifndef HARNESS_CERTIFICATES_H
#define HARNESS_CERTIFICATES_H

/* A group's set-up and tear-down. */
int certificates_make(void **state);
int certificates_remove(void **state);

/* The path of NAME.pem (`ending` "pem") or its key ("key"); NULL for a NULL name. */
const char *certificate_file(const char *name, const char *ending, char ret[100]);

#endif
