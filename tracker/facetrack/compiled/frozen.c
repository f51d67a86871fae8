/* The constructor of a frozen dataclass: `compiled.frozen`. */
#include "kernels.h"

static PyObject *fields_name, *written_name; /* "__match_args__" and "_written_init" */

/* Call the constructor that `dataclass` wrote, which knows the defaults and the errors. */
static PyObject *call_written(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *init = PyObject_GetAttr((PyObject *)Py_TYPE(self), written_name);
    PyObject *values = PyTuple_New(count + 1), *named = PyDict_New(), *result = NULL;
    int failed = !init || !values || !named || PyTuple_SetItem(values, 0, Py_NewRef(self));
    for (Py_ssize_t i = 0; !failed && i < count; i++)
        failed = PyTuple_SetItem(values, i + 1, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; !failed && names && i < PyTuple_Size(names); i++)
        failed = PyDict_SetItem(named, PyTuple_GetItem(names, i), args[count + i]);
    if (!failed)
        result = PyObject_Call(init, values, named);
    Py_XDECREF(init);
    Py_XDECREF(values);
    Py_XDECREF(named);
    return result;
}

/* __init__(self, ...): sets the fields where every one of them is given by its place. */
static PyObject *init(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (names)
        return call_written(self, args, count, names);
    PyObject *fields = PyObject_GetAttr((PyObject *)Py_TYPE(self), fields_name);
    if (!fields)
        return NULL;
    const int is_whole = PyTuple_Size(fields) == count;
    int failed = 0;
    for (Py_ssize_t i = 0; is_whole && !failed && i < count; i++)
        failed = PyObject_GenericSetAttr(self, PyTuple_GetItem(fields, i), args[i]); /* as object.__setattr__ does */
    Py_DECREF(fields);
    if (failed || PyErr_Occurred())
        return NULL;
    if (!is_whole)
        return call_written(self, args, count, NULL);
    Py_RETURN_NONE;
}

static PyMethodDef INIT = {"__init__", (PyCFunction)(void (*)(void))init, METH_FASTCALL | METH_KEYWORDS, NULL};

/* frozen_init(type) -> its constructor; `type._written_init` is the one that `dataclass` wrote */
PyObject *frozen_init(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    if (expect(count, 1))
        return NULL;
    if (!PyType_Check(args[0]))
        return PyErr_Format(PyExc_TypeError, "got %R; expected a class", args[0]);
    if (!written_name)
        written_name = PyUnicode_InternFromString("_written_init");
    if (!fields_name)
        fields_name = PyUnicode_InternFromString("__match_args__");
    return written_name && fields_name ? PyDescr_NewMethod((PyTypeObject *)args[0], &INIT) : NULL;
}
