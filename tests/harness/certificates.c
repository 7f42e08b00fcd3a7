/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/certificates.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/test.h"

static char folder[] = "/tmp/flightkv-tls-XXXXXX"; /* the process's own */

static const char make_certificates[] =
    "set -e; cd \"$0\"\n"
    "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
    "openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=ca\n"
    "openssl req -x509 $key -keyout other.key -out other.pem -subj /CN=other\n"
    "sign() {\n"
    "  openssl req $key -keyout $1.key -out $1.csr -subj /CN=$1\n"
    "  printf subjectAltName=$3 >$1.ext\n"
    "  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -extfile $1.ext \\\n"
    "    -out $1.pem $4\n"
    "}\n"
    "sign server ca DNS:server.test,IP:192.0.2.1,IP:2001:db8::1\n"
    "sign stranger other DNS:server.test\n"
    "sign local ca DNS:localhost,IP:127.0.0.1\n"
    "sign client ca DNS:client.test\n"
    "sign expired ca DNS:server.test '-days -1'\n";

static void run(const char *script)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
            _exit(2);
        execlp("sh", "sh", "-c", script, folder, (char *)NULL);
        _exit(2);
    }
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

int certificates_make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    run(make_certificates);
    return 0;
}

int certificates_remove(void **state)
{
    (void)state;
    run("rm -r \"$0\"");
    return 0;
}

const char *certificate_file(const char *name, const char *ending, char ret[100])
{
    snprintf(ret, 100, "%s/%s.%s", folder, name, ending);
    return name == NULL ? NULL : ret;
}
