/* SPDX-License-Identifier: Apache-2.0 */
/* What the files share that have actions: rpc_do_action.c has the table. */
#ifndef SERVER_ACTIONS_H
#define SERVER_ACTIONS_H

#include "server/cache.h"

/* A request's parts may take a few times its bytes. */
enum { action_memory_max = 64 << 20 };

/* A function appends its one result's body to `result`, or nothing and clears `has_result`. */
struct action_call {
    struct cache *cache;
    struct host_call *call;
    struct slice body;
    struct buf result;
    bool has_result;
};

/* session_actions.c */
enum fkv_status action_set_session_options(struct action_call *action, struct fkv_error *error);
enum fkv_status action_get_session_options(struct action_call *action, struct fkv_error *error);
enum fkv_status action_close_session(struct action_call *action, struct fkv_error *error);

#endif
