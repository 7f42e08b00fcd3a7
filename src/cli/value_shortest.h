/* SPDX-License-Identifier: Apache-2.0 */
/* The shortest decimal that reads back as the same floating-point number, and of those the nearest,
 * written as printf's %g does: "0.1", "1.0", "1.5e-07". */
#ifndef CLI_VALUE_SHORTEST_H
#define CLI_VALUE_SHORTEST_H

#include "base/buf.h"

void value_double(struct buf *out, double value);
void value_float(struct buf *out, float value);

#endif
