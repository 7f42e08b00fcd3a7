/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine has to spare, and how large a table that allows. */
#ifndef CLI_DEMO_MACHINE_H
#define CLI_DEMO_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { demo_memory_factor = 8 }; /* a server with two versions, a client with two copies, Arrow */

/* What can be had without swapping: by /proc/meminfo, the control groups and RLIMIT_AS. */
uint64_t demo_memory_available(void);

/* Of the file system that `path` lies on, or its nearest folder that exists; 0: not known. */
uint64_t demo_disk_free(const char *path);

/* The largest of 2 GiB, 1 GiB, 512 MiB and 256 MiB that fits, with one sentence why; 0: none does.
 */
uint64_t demo_choose_size(uint64_t memory, uint64_t disk, char *ret_reason, size_t reason_size);

/* VmRSS or VmHWM of a process, in bytes; 0 when it is gone. */
uint64_t demo_process_memory(int pid, const char *field);

#endif
