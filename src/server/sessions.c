/* SPDX-License-Identifier: Apache-2.0 */
/*     map      by name
 *     list     the same sessions, that used least recently first
 *
 * All may be idle for equally long, so those that are over are the first of the list. */
#include "server/sessions.h"

#include <pthread.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/status.h"
#include "server/secret.h"

enum { drops_at_once = 64 };

struct session {
    struct map_node node;
    struct list link;
    uint64_t used_ns;
    uint64_t user;
    size_t bytes; /* of all values */
    struct session_value values[session_values_max];
    char name[session_name_size + 1];
};

struct sessions {
    const struct alloc *alloc;
    size_t most;
    uint64_t idle_ns;
    pthread_mutex_t lock;
    struct map map;
    struct list least_recent_first;
};

/* ---- making and freeing ---- */

static void session_free(const struct alloc *alloc, struct session *session)
{
    if (session == NULL)
        return;
    for (size_t i = 0; i < session_values_max; i++)
        alloc_free(alloc, (void *)session->values[i].text.data);
    alloc_free(alloc, session);
}

static void drop(struct sessions *sessions, struct session *session)
{
    map_remove(&sessions->map, &session->node);
    list_unlink(&session->link);
    session_free(sessions->alloc, session);
}

enum fkv_status sessions_new(const struct alloc *alloc, size_t most, uint64_t idle_ns,
                             struct sessions **ret, struct fkv_error *error)
{
    struct sessions *sessions = alloc_zero(alloc, sizeof *sessions);
    if (sessions == NULL)
        return status_no_memory(error, sizeof *sessions);
    *sessions = (struct sessions){.alloc = alloc, .most = most, .idle_ns = idle_ns};
    pthread_mutex_init(&sessions->lock, NULL);
    list_init(&sessions->least_recent_first);
    if (!map_init(&sessions->map, alloc)) {
        sessions_free(sessions);
        return status_no_memory(error, sizeof *sessions);
    }
    *ret = sessions;
    return FKV_OK;
}

void sessions_free(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    list_each(link, &sessions->least_recent_first)
        drop(sessions, list_entry(link, struct session, link));
    map_done(&sessions->map);
    pthread_mutex_destroy(&sessions->lock);
    alloc_free(sessions->alloc, sessions);
}

/* ---- with the lock held ---- */

static bool is_over(const struct sessions *sessions, const struct session *session, uint64_t now_ns)
{
    return now_ns > session->used_ns && now_ns - session->used_ns > sessions->idle_ns;
}

/* Names are random: that some begin alike would take as long to find as a name itself. */
static uint64_t hash_of(const char *name)
{
    return load_le64((const uint8_t *)name) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct session *least_recent(struct sessions *sessions)
{
    struct list *head = &sessions->least_recent_first;
    return list_empty(head) ? NULL : list_entry(head->next, struct session, link);
}

static struct session *find(struct sessions *sessions, struct session_key key)
{
    char name[session_name_size + 1] = "";
    if (key.name.size != session_name_size)
        return NULL;
    memcpy(name, key.name.data, session_name_size);
    struct map_node *node = map_first(&sessions->map, hash_of(name));
    for (; node != NULL; node = map_next(node)) {
        struct session *session = map_entry(node, struct session, node);
        if (memcmp(session->name, name, session_name_size) == 0)
            return session->user == key.user ? session : NULL;
    }
    return NULL;
}

/* Finds it, and so uses it. */
static struct session *use(struct sessions *sessions, struct session_key key, uint64_t now_ns)
{
    struct session *session = find(sessions, key);
    if (session == NULL || is_over(sessions, session, now_ns))
        return NULL;
    session->used_ns = now_ns;
    list_unlink(&session->link);
    list_push(&sessions->least_recent_first, &session->link);
    return session;
}

static void add(struct sessions *sessions, struct session *session)
{
    while (sessions->map.count >= sessions->most)
        drop(sessions, least_recent(sessions));
    map_insert(&sessions->map, &session->node, hash_of(session->name));
    list_push(&sessions->least_recent_first, &session->link);
}

static enum fkv_status not_there(struct fkv_error *error)
{
    return status_set(error, FKV_NOT_FOUND,
                      "there is no such session: it was closed, or not used for too long, or is "
                      "another user's or server's");
}

/* ---- what callers do ---- */

enum fkv_status sessions_begin(struct sessions *sessions, uint64_t user, uint64_t now_ns,
                               char ret_name[session_name_size + 1], struct fkv_error *error)
{
    struct session *session = alloc_zero(sessions->alloc, sizeof *session);
    if (session == NULL)
        return status_no_memory(error, sizeof *session);
    session->user = user;
    session->used_ns = now_ns;
    enum fkv_status status = secret_make(session->name, session_name_size, error);
    if (status != FKV_OK) {
        session_free(sessions->alloc, session);
        return status;
    }
    memcpy(ret_name, session->name, session_name_size + 1);
    pthread_mutex_lock(&sessions->lock);
    add(sessions, session);
    pthread_mutex_unlock(&sessions->lock);
    return FKV_OK;
}

enum fkv_status sessions_end(struct sessions *sessions, struct session_key key, uint64_t now_ns,
                             struct fkv_error *error)
{
    pthread_mutex_lock(&sessions->lock);
    struct session *session = use(sessions, key, now_ns);
    if (session != NULL)
        drop(sessions, session);
    pthread_mutex_unlock(&sessions->lock);
    return session != NULL ? FKV_OK : not_there(error);
}

static enum fkv_status set_value(const struct sessions *sessions, struct session *session,
                                 size_t index, const struct session_value *value,
                                 struct fkv_error *error)
{
    struct session_value *slot = &session->values[index];
    size_t others = session->bytes - slot->text.size;
    char *text = NULL;
    if (value->text.size > session_bytes_max - others)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a session's values have at most %d bytes together", session_bytes_max);
    if (value->text.data != NULL) {
        text = alloc_text(sessions->alloc, (const char *)value->text.data, value->text.size);
        if (text == NULL)
            return status_no_memory(error, value->text.size);
    }
    alloc_free(sessions->alloc, (void *)slot->text.data);
    *slot = (struct session_value){{(const uint8_t *)text, value->text.size}, value->is_number};
    session->bytes = others + value->text.size;
    return FKV_OK;
}

enum fkv_status sessions_set(struct sessions *sessions, struct session_key key, uint64_t now_ns,
                             size_t index, const struct session_value *value,
                             struct fkv_error *error)
{
    pthread_mutex_lock(&sessions->lock);
    struct session *session = use(sessions, key, now_ns);
    enum fkv_status status =
        session != NULL ? set_value(sessions, session, index, value, error) : not_there(error);
    pthread_mutex_unlock(&sessions->lock);
    return status;
}

static void copy_values(const struct session *session, struct session_copy *ret)
{
    uint8_t *at = ret->texts;
    for (size_t i = 0; i < session_values_max; i++) {
        const struct session_value *value = &session->values[i];
        ret->values[i] = *value;
        if (value->text.data == NULL)
            continue;
        memcpy(at, value->text.data, value->text.size);
        ret->values[i].text.data = at;
        at += value->text.size;
    }
}

enum fkv_status sessions_read(struct sessions *sessions, struct session_key key, uint64_t now_ns,
                              struct session_copy *ret, struct fkv_error *error)
{
    pthread_mutex_lock(&sessions->lock);
    struct session *session = use(sessions, key, now_ns);
    if (session != NULL)
        copy_values(session, ret);
    pthread_mutex_unlock(&sessions->lock);
    return session != NULL ? FKV_OK : not_there(error);
}

/* Whether there may be more. */
static bool trim_some(struct sessions *sessions, uint64_t now_ns)
{
    int dropped = 0;
    struct session *session;
    pthread_mutex_lock(&sessions->lock);
    while (dropped < drops_at_once && (session = least_recent(sessions)) != NULL &&
           is_over(sessions, session, now_ns)) {
        drop(sessions, session);
        dropped++;
    }
    pthread_mutex_unlock(&sessions->lock);
    return dropped == drops_at_once;
}

void sessions_trim(struct sessions *sessions, uint64_t now_ns)
{
    while (trim_some(sessions, now_ns))
        continue;
}

size_t sessions_count(struct sessions *sessions)
{
    pthread_mutex_lock(&sessions->lock);
    size_t count = sessions->map.count;
    pthread_mutex_unlock(&sessions->lock);
    return count;
}
