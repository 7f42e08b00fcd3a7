/* SPDX-License-Identifier: Apache-2.0 */
#include "formats/module.h"

#include "formats/arrow_shim.h"

extern "C" const struct formats_module *flightkv_formats_module(void)
{
    static const struct formats_module module = {formats_module_version, parquet_read,
                                                 parquet_write, csv_read, json_read};
    return &module;
}
