/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "shm/leases.h"

enum option_type {
    OPTION_URI,
    OPTION_LOCATION,
    OPTION_SWITCH,
    OPTION_ON_OFF,
    OPTION_COUNT,
    OPTION_SIZE,
    OPTION_DURATION,
    OPTION_MODE,
    OPTION_FILE,
    OPTION_LEVEL,
    OPTION_SHM,
    OPTION_GROUP
};

struct option {
    struct fkv_server_option shown;
    enum option_type type;
    size_t member; /* offset in struct fkv_server_config: a uint64_t, or a char[] */
    uint64_t fallback;
    uint64_t least;
    uint64_t most;
};

#define MEMBER(name) offsetof(struct fkv_server_config, name)
#define S(seconds) ((uint64_t)(seconds)*NS_PER_S)
#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

/* The largest message that gRPC's 4-byte length can announce. */
#define GRPC_MESSAGE_MOST UINT64_C(0xffffffff)

/* clang-format off */
static const struct option options[] = {
    {{"listen", "URI", FKV_DEFAULT_URI,
      "Listen on grpc+tcp://HOST:PORT (port 0 picks a free one), grpc+tls://HOST:PORT or "
      "grpc+unix:///PATH; may be given several times",
      "Listening"},
     OPTION_URI, MEMBER(listen), 0, 0, 0},
    {{"unix-mode", "MODE", "0600, for its owner only",
      "Give a Unix socket's file the permissions MODE; who may write to it may connect",
      "Listening"},
     OPTION_MODE, MEMBER(unix_mode), 0600, 0, 0777},
    {{"advertise", "URI", "none",
      "Tell clients to get tables from URI: it becomes the location of every endpoint",
      "Listening"},
     OPTION_LOCATION, MEMBER(advertise), 0, 0, 0},
    {{"insecure", NULL, "off", "Allow listening on addresses that other machines can reach",
      "Listening"},
     OPTION_SWITCH, MEMBER(insecure), 0, 0, 1},
    {{"workers", "N", "the number of cores, at most 64", "Serve connections in N threads",
      "Listening"},
     OPTION_COUNT, MEMBER(workers), 0, 1, 1024},
    {{"busy-poll", "TIME", "0",
      "Look for more work for TIME before sleeping: quicker answers, for a core of each worker",
      "Listening"},
     OPTION_DURATION, MEMBER(busy_poll_ns), 0, 0, NS_PER_S},
    {{"tls-cert", "FILE", "none",
      "Show the certificate in FILE (PEM, followed by those between it and its authority)", "TLS"},
     OPTION_FILE, MEMBER(tls_cert_file), 0, 0, 0},
    {{"tls-key", "FILE", "none", "Use the certificate's key in FILE (PEM, no passphrase)", "TLS"},
     OPTION_FILE, MEMBER(tls_key_file), 0, 0, 0},
    {{"tls-client-ca", "FILE", "none",
      "Demand of every TLS client a certificate signed by an authority in FILE (PEM)", "TLS"},
     OPTION_FILE, MEMBER(tls_client_ca_file), 0, 0, 0},
    {{"auth-file", "FILE", "none",
      "Serve only the users in FILE, one a line as USER:HASH; \"flightkv passwd\" makes lines",
      "Authentication"},
     OPTION_FILE, MEMBER(auth_file), 0, 0, 0},
    {{"token-lifetime", "TIME", "24h", "Ask users for their password again after TIME",
      "Authentication"},
     OPTION_DURATION, MEMBER(token_lifetime_ns), S(86400), NS_PER_S, S(31536000)},
    {{"shm", "on|off|FOLDER", "on",
      "Let clients of the same user on this host map tables instead of receiving them; the control "
      "socket is in FOLDER, else in $XDG_RUNTIME_DIR/flightkv or /tmp/flightkv-UID",
      "Same host"},
     OPTION_SHM, MEMBER(shm), SERVER_SHM_ON, 0, 0},
    {{"shm-group", "GROUP", "none",
      "Let members of GROUP map tables too: all tables, and with FOLDER where they can reach it",
      "Same host"},
     OPTION_GROUP, MEMBER(shm_group), 0, 0, UINT32_MAX},
    {{"shm-clients", "N", "1000",
      "Let N clients map tables at a time, each over one more connection; others get them sent",
      "Same host"},
     OPTION_COUNT, MEMBER(shm_clients_max), 1000, 1, shm_sessions_max},
    {{"shm-leased-bytes", "SIZE", "half of --memory",
      "Let one client map at most SIZE of tables at a time; others are sent",
      "Same host"},
     OPTION_SIZE, MEMBER(shm_leased_bytes), 0, KIB(4), UINT64_C(1) << 46},
    {{"memory", "SIZE", "half of the machine's or cgroup's",
      "Never hold more than SIZE of tables, uploads and warm pages", "Memory"},
     OPTION_SIZE, MEMBER(memory_bytes), 0, MIB(1), UINT64_C(1) << 46},
    {{"warm", "SIZE", "freed memory only, as much as the largest recent table, at least 64 MiB",
      "Keep SIZE of memory ready for the next put: from the start, within --memory", "Memory"},
     OPTION_SIZE, MEMBER(warm_bytes), 0, MIB(1), UINT64_C(1) << 46},
    {{"warm-idle", "TIME", "60s",
      "Give freed memory over --warm back to the system when unused for TIME", "Memory"},
     OPTION_DURATION, MEMBER(warm_idle_ns), S(60), NS_PER_MS, S(86400)},
    {{"huge-pages", "on|off", "on",
      "Let tables lie in huge pages while the system gives them faster than small ones", "Memory"},
     OPTION_ON_OFF, MEMBER(huge_pages), 1, 0, 1},
    {{"connections", "N", "10000", "Refuse connections beyond N", "Limits"},
     OPTION_COUNT, MEMBER(connections_max), 10000, 1, 1000000},
    {{"streams", "N", "256", "Allow N calls at a time on one connection", "Limits"},
     OPTION_COUNT, MEMBER(streams_max), 256, 1, 1000000},
    {{"sessions", "N", "10000", "Keep N sessions; of more, end that used least recently", "Limits"},
     OPTION_COUNT, MEMBER(sessions_max), 10000, 1, 1000000},
    {{"header-bytes", "SIZE", "64 KiB", "Refuse requests whose metadata is larger", "Limits"},
     OPTION_SIZE, MEMBER(header_bytes_max), KIB(64), KIB(1), MIB(16)},
    {{"message-bytes", "SIZE", "4 GiB - 1", "Refuse a record batch (one message) that is larger",
      "Limits"},
     OPTION_SIZE, MEMBER(message_bytes_max), GRPC_MESSAGE_MOST, KIB(1), GRPC_MESSAGE_MOST},
    {{"request-bytes", "SIZE", "1 MiB", "Refuse larger messages that aren't table data", "Limits"},
     OPTION_SIZE, MEMBER(request_bytes_max), MIB(1), KIB(8), MIB(64)},
    {{"app-metadata-bytes", "SIZE", "16 MiB", "Refuse larger app_metadata of a batch", "Limits"},
     OPTION_SIZE, MEMBER(app_metadata_bytes_max), MIB(16), KIB(1), GIB(1)},
    {{"ipc-header-bytes", "SIZE", "64 MiB", "Refuse larger Arrow metadata of a message", "Limits"},
     OPTION_SIZE, MEMBER(ipc_header_bytes_max), MIB(64), KIB(1), GIB(1)},
    {{"schema-depth", "N", "64", "Refuse schemas nested deeper", "Limits"},
     OPTION_COUNT, MEMBER(ipc_depth_max), 64, 1, 1000},
    {{"schema-fields", "N", "100000", "Refuse schemas of more fields", "Limits"},
     OPTION_COUNT, MEMBER(ipc_fields_max), 100000, 1, 100000000},
    {{"decompressed-bytes", "SIZE", "16 GiB",
      "Refuse a compressed batch that claims to become larger", "Limits"},
     OPTION_SIZE, MEMBER(decompressed_bytes_max), GIB(16), KIB(1), UINT64_C(1) << 46},
    {{"handshake-timeout", "TIME", "10s", "Close a connection that speaks no HTTP/2 within TIME",
      "Timeouts"},
     OPTION_DURATION, MEMBER(handshake_timeout_ns), S(10), 0, S(86400)},
    {{"upload-timeout", "TIME", "120s", "End a put that sends nothing for TIME; 0 waits for ever",
      "Timeouts"},
     OPTION_DURATION, MEMBER(upload_timeout_ns), S(120), 0, S(86400)},
    {{"stall-timeout", "TIME", "600s",
      "End a call, or connection, of which the client takes nothing for TIME; 0 waits for ever",
      "Timeouts"},
     OPTION_DURATION, MEMBER(stall_timeout_ns), S(600), 0, S(86400)},
    {{"idle-timeout", "TIME", "0", "Close a connection without calls after TIME; 0 never does",
      "Timeouts"},
     OPTION_DURATION, MEMBER(idle_timeout_ns), 0, 0, S(864000)},
    {{"session-idle", "TIME", "1h", "End a session that no call used for TIME", "Timeouts"},
     OPTION_DURATION, MEMBER(session_idle_ns), S(3600), NS_PER_S, S(864000)},
    {{"drain-timeout", "TIME", "10s", "On stopping, give calls in flight TIME to end", "Timeouts"},
     OPTION_DURATION, MEMBER(drain_timeout_ns), S(10), 0, S(86400)},
    {{"log-level", "debug|info|warn|error", "info", "Log messages of this level and above",
      "Logging"},
     OPTION_LEVEL, MEMBER(log_level), LOG_INFO, LOG_DEBUG, LOG_ERROR},
};
/* clang-format on */

enum { option_count = sizeof options / sizeof options[0] };

const struct fkv_server_option *fkv_server_option(size_t index)
{
    return index < option_count ? &options[index].shown : NULL;
}

static uint64_t *member_of(struct fkv_server_config *config, const struct option *option)
{
    return (uint64_t *)(void *)((char *)config + option->member);
}

static bool is_figure(const struct option *option)
{
    return option->type != OPTION_URI && option->type != OPTION_FILE &&
           option->type != OPTION_LOCATION;
}

void server_config_init(struct fkv_server_config *config)
{
    *config = (struct fkv_server_config){0};
    for (size_t i = 0; i < option_count; i++)
        if (is_figure(&options[i]))
            *member_of(config, &options[i]) = options[i].fallback;
}

struct ipc_limits server_config_ipc_limits(const struct fkv_server_config *config)
{
    return (struct ipc_limits){
        .depth_max = (uint32_t)config->ipc_depth_max,
        .fields_max = (uint32_t)config->ipc_fields_max,
        .header_bytes_max = config->ipc_header_bytes_max,
        .decompressed_bytes_max = config->decompressed_bytes_max,
    };
}

struct fkv_server_config *fkv_server_config_new(void)
{
    struct fkv_server_config *config = alloc_get(alloc_system(), sizeof *config);
    if (config != NULL)
        server_config_init(config);
    return config;
}

void fkv_server_config_free(struct fkv_server_config *config)
{
    alloc_free(alloc_system(), config);
}

/* ---- values ---- */

static enum fkv_status refuse_value(const struct option *option, const char *value,
                                    const char *expected, struct fkv_error *error)
{
    return status_set(error, FKV_INVALID_ARGUMENT, "--%s: '%s' is not %s", option->shown.name,
                      value, expected);
}

static bool parse_mode(const char *value, uint64_t *ret)
{
    uint64_t mode = 0;
    size_t digits = 0;
    for (; value[digits] >= '0' && value[digits] <= '7' && digits < 5; digits++)
        mode = mode * 8 + (uint64_t)(value[digits] - '0');
    *ret = mode;
    return digits > 0 && value[digits] == '\0';
}

static const char *figure_text(const struct option *option, uint64_t figure,
                               char ret[text_figure_size])
{
    if (option->type == OPTION_SIZE)
        return text_size(ret, figure);
    if (option->type == OPTION_DURATION)
        return text_duration(ret, figure);
    if (option->type == OPTION_MODE)
        snprintf(ret, text_figure_size, "%04llo", (unsigned long long)figure);
    else
        text_count(ret, figure);
    return ret;
}

static enum fkv_status refuse_range(const struct option *option, const char *value,
                                    struct fkv_error *error)
{
    char least[text_figure_size], most[text_figure_size];
    return status_set(error, FKV_INVALID_ARGUMENT, "--%s: '%s' is out of range, expected %s to %s",
                      option->shown.name, value, figure_text(option, option->least, least),
                      figure_text(option, option->most, most));
}

static enum fkv_status set_uri(struct fkv_server_config *config, const struct option *option,
                               const char *value, struct fkv_error *error)
{
    if (config->listen_count == host_listeners_max)
        return status_set(error, FKV_INVALID_ARGUMENT, "--%s: at most %d addresses",
                          option->shown.name, host_listeners_max);
    struct net_uri uri;
    enum fkv_status status = net_uri_parse(value, &uri, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "--%s", option->shown.name);
    config->listen[config->listen_count++] = uri;
    return FKV_OK;
}

static enum fkv_status set_file(struct fkv_server_config *config, const struct option *option,
                                const char *value, struct fkv_error *error)
{
    size_t size = strlen(value);
    if (size == 0 || size >= PATH_MAX)
        return status_set(error, FKV_INVALID_ARGUMENT, "--%s: '%.100s' can't be a file's path",
                          option->shown.name, value);
    memcpy((char *)config + option->member, value, size + 1);
    return FKV_OK;
}

static enum fkv_status set_location(struct fkv_server_config *config, const struct option *option,
                                    const char *value, struct fkv_error *error)
{
    struct net_uri uri;
    enum fkv_status status = net_uri_parse(value, &uri, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "--%s", option->shown.name);
    net_uri_text(&uri, config->advertise);
    return FKV_OK;
}

static enum fkv_status set_shm(struct fkv_server_config *config, const struct option *option,
                               const char *value, struct fkv_error *error)
{
    bool is_off = strcmp(value, "off") == 0, is_folder = value[0] == '/';
    if (!is_off && !is_folder && strcmp(value, "on") != 0)
        return refuse_value(option, value, "on, off or the absolute path of a folder", error);
    config->shm = is_off ? SERVER_SHM_OFF : SERVER_SHM_ON;
    if (strlen(value) >= sizeof config->shm_folder)
        return refuse_value(option, value, "a path of usual length", error);
    snprintf(config->shm_folder, sizeof config->shm_folder, "%s", is_folder ? value : "");
    return FKV_OK;
}

static bool parse_count(const char *value, uint64_t *ret)
{
    char *end;
    if (*value < '0' || *value > '9')
        return false;
    unsigned long long count = strtoull(value, &end, 10);
    *ret = count;
    return *end == '\0';
}

static bool parse_level(const char *value, uint64_t *ret)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(value, names[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool parse_group(const char *value, uint64_t *ret)
{
    struct group group, *found = NULL;
    char room[4096];
    uint64_t number;
    if (parse_count(value, &number) && number < UINT32_MAX)
        *ret = number + 1;
    else if (getgrnam_r(value, &group, room, sizeof room, &found) == 0 && found != NULL)
        *ret = (uint64_t)group.gr_gid + 1;
    else
        return false;
    return true;
}

static bool parse_switch(const char *value, uint64_t *ret)
{
    *ret = 1;
    return value == NULL || *value == '\0';
}

static bool parse_on_off(const char *value, uint64_t *ret)
{
    *ret = strcmp(value, "on") == 0;
    return *ret == 1 || strcmp(value, "off") == 0;
}

static enum fkv_status set_figure(struct fkv_server_config *config, const struct option *option,
                                  const char *value, struct fkv_error *error)
{
    uint64_t figure = 0;
    bool is_good = false;
    const char *expected = "";
    switch (option->type) {
    case OPTION_URI:
    case OPTION_FILE:
    case OPTION_LOCATION:
    case OPTION_SHM:
        break;
    case OPTION_GROUP:
        is_good = parse_group(value, &figure);
        expected = "a group of this system";
        break;
    case OPTION_SWITCH:
        is_good = parse_switch(value, &figure);
        expected = "expected: a switch takes no value";
        break;
    case OPTION_ON_OFF:
        is_good = parse_on_off(value, &figure);
        expected = "on or off";
        break;
    case OPTION_COUNT:
        is_good = parse_count(value, &figure);
        expected = "a whole number";
        break;
    case OPTION_SIZE:
        is_good = text_parse_size(value, &figure);
        expected = "a size such as 512MiB or 2GiB";
        break;
    case OPTION_DURATION:
        is_good = text_parse_duration(value, &figure);
        expected = "a time such as 500ms, 60s or 5m";
        break;
    case OPTION_MODE:
        is_good = parse_mode(value, &figure);
        expected = "permissions in octal such as 0600 or 0660";
        break;
    case OPTION_LEVEL:
        is_good = parse_level(value, &figure);
        expected = "one of debug, info, warn, error";
        break;
    }
    if (!is_good)
        return refuse_value(option, value, expected, error);
    if (figure < option->least || figure > option->most)
        return refuse_range(option, value, error);
    *member_of(config, option) = figure;
    return FKV_OK;
}

enum fkv_status fkv_server_config_set(struct fkv_server_config *config, const char *name,
                                      const char *value, struct fkv_error *error)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &options[i];
        if (strcmp(option->shown.name, name) != 0)
            continue;
        if (value == NULL && option->type != OPTION_SWITCH)
            return status_set(error, FKV_INVALID_ARGUMENT, "--%s needs a value: %s", name,
                              option->shown.argument);
        if (option->type == OPTION_URI)
            return set_uri(config, option, value, error);
        if (option->type == OPTION_FILE)
            return set_file(config, option, value, error);
        if (option->type == OPTION_LOCATION)
            return set_location(config, option, value, error);
        if (option->type == OPTION_SHM)
            return set_shm(config, option, value, error);
        return set_figure(config, option, value, error);
    }
    return status_set(error, FKV_NOT_FOUND, "there is no server option --%s", name);
}

/* ---- how much memory there is ---- */

static uint64_t read_figure(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long figure = UINT64_MAX;
    if (file == NULL)
        return UINT64_MAX;
    if (fscanf(file, "%llu", &figure) != 1)
        figure = UINT64_MAX; /* "max" */
    fclose(file);
    return figure;
}

uint64_t server_machine_memory_bytes(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t v2 = read_figure("/sys/fs/cgroup/memory.max");
    uint64_t v1 = read_figure("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    uint64_t least = machine;
    least = v2 < least ? v2 : least;
    least = v1 < least ? v1 : least;
    return least;
}
