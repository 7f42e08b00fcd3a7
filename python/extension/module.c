/* SPDX-License-Identifier: Apache-2.0 */
#include "glue.h"

static int add_functions(PyObject *module)
{
    PyMethodDef *const lists[] = {arrow_functions, client_functions, transfer_functions,
                                  many_functions, server_functions};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (PyModule_AddFunctions(module, lists[i]) != 0)
            return -1;
    if (PyModule_AddStringConstant(module, "DEFAULT_URI", FKV_DEFAULT_URI) != 0)
        return -1;
    return PyModule_AddStringConstant(module, "version", fkv_version());
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, __extension__(void *) add_functions},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "flightkv._flightkv",
    .m_doc = "libflightkv for the Python code beside it",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__flightkv(void);
PyMODINIT_FUNC PyInit__flightkv(void)
{
    return PyModuleDef_Init(&definition);
}
