/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_ROWS_H
#define SERVICE_ROWS_H

#include "flightkv/flight.h"
#include "host/service.h"

/* The host's table for a service, which must outlive the host. */
struct host_service service_rows(const struct fkv_flight_service *service);

#endif
