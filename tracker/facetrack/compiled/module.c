/* The module, and the access to arrays by the buffer protocol. */
#include "kernels.h"

static int is_kind(const char *format, char kind)
{
    if (format && (*format == '<' || *format == '=' || *format == '@'))
        format++;
    return format && format[0] == kind && !format[1];
}

static int wrong(const Py_buffer *view, Py_ssize_t count)
{
    PyErr_Format(PyExc_TypeError, "got an array of %zd items of kind '%s'; expected %zd", view->len / view->itemsize,
                 view->format ? view->format : "B", count);
    return -1;
}

int load(PyObject *array, Py_ssize_t count, double *values)
{
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_RECORDS_RO))
        return -1;
    int single = is_kind(view.format, 'f'), failed = 0;
    if (view.len != count * view.itemsize || view.ndim < 1 || view.ndim > 4 || !(single || is_kind(view.format, 'd')))
        failed = wrong(&view, count);
    else if (PyBuffer_IsContiguous(&view, 'C')) {
        for (Py_ssize_t i = 0; i < count; i++)
            values[i] = single ? ((const float *)view.buf)[i] : ((const double *)view.buf)[i];
    } else {
        Py_ssize_t at[4] = {0};
        for (Py_ssize_t i = 0; i < count; i++) {
            const char *item = view.buf;
            for (int axis = 0; axis < view.ndim; axis++)
                item += at[axis] * view.strides[axis];
            values[i] = single ? *(const float *)item : *(const double *)item;
            for (int axis = view.ndim - 1; axis >= 0 && ++at[axis] == view.shape[axis]; axis--)
                at[axis] = 0;
        }
    }
    PyBuffer_Release(&view);
    return failed;
}

int load_indices(PyObject *array, Py_ssize_t count, Py_ssize_t below, Py_ssize_t *values)
{
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_SIMPLE))
        return -1;
    int failed = 0;
    if (view.len != count * (Py_ssize_t)sizeof *values)
        failed = wrong(&view, count);
    for (Py_ssize_t i = 0; !failed && i < count; i++) {
        values[i] = ((const Py_ssize_t *)view.buf)[i];
        if (values[i] < 0 || values[i] >= below) {
            PyErr_Format(PyExc_IndexError, "got the index %zd; expected one below %zd", values[i], below);
            failed = -1;
        }
    }
    PyBuffer_Release(&view);
    return failed;
}

int load_numbers(PyObject *const *numbers, Py_ssize_t count, double *values)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        values[i] = PyFloat_AsDouble(numbers[i]);
        if (values[i] == -1.0 && PyErr_Occurred())
            return -1;
    }
    return 0;
}

int expect(Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "got %zd arguments; expected %zd", given, wanted);
    return -1;
}

int open_memory(PyObject *array, Py_ssize_t bytes, Py_buffer *view)
{
    if (PyObject_GetBuffer(array, view, PyBUF_WRITABLE))
        return -1;
    if (view->len == bytes)
        return 0;
    PyErr_Format(PyExc_TypeError, "got an array of %zd bytes to write to; expected %zd", view->len, bytes);
    PyBuffer_Release(view);
    return -1;
}

int store32(PyObject *array, Py_ssize_t count, const double *values)
{
    Py_buffer view;
    if (open_memory(array, count * (Py_ssize_t)sizeof(float), &view))
        return -1;
    for (Py_ssize_t i = 0; i < count; i++)
        ((float *)view.buf)[i] = (float)values[i];
    PyBuffer_Release(&view);
    return 0;
}

int store64(PyObject *array, Py_ssize_t count, const double *values)
{
    Py_buffer view;
    if (open_memory(array, count * (Py_ssize_t)sizeof(double), &view))
        return -1;
    for (Py_ssize_t i = 0; i < count; i++)
        ((double *)view.buf)[i] = values[i];
    PyBuffer_Release(&view);
    return 0;
}

/* built_from() -> CRC-32 of the sources of this file, one after the other in the order of their names */
static PyObject *built_from(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    return PyLong_FromUnsignedLong(BUILT_FROM);
}

#define KERNEL(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}
static PyMethodDef KERNELS[] = {
    KERNEL(add_fading), KERNEL(between), KERNEL(change), KERNEL(cut_box), KERNEL(cut_by), KERNEL(cut_eyes),
    KERNEL(decode_eyes), KERNEL(decode_landmarks), KERNEL(face_box), KERNEL(fading_quantile), KERNEL(fuse_eyes),
    KERNEL(fused_pose), KERNEL(lid_measures), KERNEL(lips_sigma), KERNEL(looks_in_head), KERNEL(measure_crop),
    KERNEL(product_deg), KERNEL(ratios), KERNEL(sample), KERNEL(shown_sigma), KERNEL(smooth), KERNEL(turned_by),
    KERNEL(turned_from_deg), KERNEL(viewed_deg),
    {"built_from", built_from, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_kernels", NULL, 0, KERNELS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void)
{
    return PyModuleDef_Init(&MODULE);
}
