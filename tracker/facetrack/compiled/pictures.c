/* Pictures reduced to a few samples, for the comparison of frames: `tracking.scene_cut`, `tracking.face_cut`. */
#include "kernels.h"

/* Index beyond an edge, mirrored without the outermost one, as OpenCV's BORDER_REFLECT_101. */
static Py_ssize_t mirrored(Py_ssize_t at, Py_ssize_t size)
{
    if (size == 1)
        return 0;
    return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
}

/* Gather the samples with one mirrored beyond each edge, (rows + 2, columns + 2, 3). */
static void gather(const Py_buffer *image, const Py_ssize_t *from, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns,
                   unsigned char *samples)
{
    const Py_ssize_t *stride = image->strides;
    const unsigned char *first = (const unsigned char *)image->buf + from[0] * stride[0] + from[1] * stride[1];
    for (Py_ssize_t row = -1; row <= rows; row++)
        for (Py_ssize_t column = -1; column <= columns; column++) {
            const unsigned char *pixel = first + mirrored(row, rows) * step * stride[0] +
                                         mirrored(column, columns) * step * stride[1];
            for (int channel = 0; channel < 3; channel++)
                *samples++ = pixel[channel * stride[2]];
        }
}

static void blur(const unsigned char *samples, Py_ssize_t rows, Py_ssize_t columns, float *out)
{
    const Py_ssize_t width = 3 * (columns + 2);
    for (Py_ssize_t row = 0; row < rows; row++, samples += width)
        for (Py_ssize_t i = 0; i < 3 * columns; i++) {
            int sum = 4; /* rounds the ninth to the nearest */
            for (int j = 0; j < 3; j++)
                sum += samples[i + 3 * j] + samples[width + i + 3 * j] + samples[2 * width + i + 3 * j];
            *out++ = (float)(sum / 9);
        }
}

/* sample(image, top, left, step, rows, columns, out): every step-th pixel, blurred by 3x3, as float32 */
PyObject *sample(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t n[5], failed = 0;
    Py_buffer image, out;
    (void)self;
    if (expect(count, 7))
        return NULL;
    for (int i = 0; i < 5; i++) {
        n[i] = PyLong_AsSsize_t(args[1 + i]);
        if (n[i] == -1 && PyErr_Occurred())
            return NULL;
    }
    if (PyObject_GetBuffer(args[0], &image, PyBUF_STRIDES))
        return NULL;
    if (image.ndim != 3 || image.itemsize != 1 || image.shape[2] != 3 || n[0] < 0 || n[1] < 0 || n[2] < 1 || n[3] < 1 ||
        n[4] < 1 || n[0] + (n[3] - 1) * n[2] >= image.shape[0] || n[1] + (n[4] - 1) * n[2] >= image.shape[1]) {
        PyErr_SetString(PyExc_ValueError, "the samples are not in the picture; expected (H, W, 3) uint8 that holds them");
        failed = 1;
    } else if (!(failed = open_memory(args[6], n[3] * n[4] * 3 * (Py_ssize_t)sizeof(float), &out))) {
        unsigned char *samples = PyMem_Malloc((n[3] + 2) * (n[4] + 2) * 3);
        if (samples) {
            gather(&image, n, n[2], n[3], n[4], samples);
            blur(samples, n[3], n[4], out.buf);
        } else {
            PyErr_NoMemory();
            failed = 1;
        }
        PyMem_Free(samples);
        PyBuffer_Release(&out);
    }
    PyBuffer_Release(&image);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

/* change(one, other) -> mean difference of two float32 pictures, without one of brightness */
PyObject *change(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer one, other;
    double mean = 0, sum = 0;
    (void)self;
    if (expect(count, 2) || PyObject_GetBuffer(args[0], &one, PyBUF_SIMPLE))
        return NULL;
    if (PyObject_GetBuffer(args[1], &other, PyBUF_SIMPLE)) {
        PyBuffer_Release(&one);
        return NULL;
    }
    const float *a = one.buf, *b = other.buf;
    const Py_ssize_t size = one.len / (Py_ssize_t)sizeof(float);
    const int alike = one.len == other.len && size > 0;
    for (Py_ssize_t i = 0; alike && i < size; i++)
        mean += a[i] - b[i];
    for (Py_ssize_t i = 0; alike && i < size; i++)
        sum += fabs(a[i] - b[i] - mean / size);
    PyBuffer_Release(&other);
    PyBuffer_Release(&one);
    if (alike)
        return PyFloat_FromDouble(sum / size);
    PyErr_SetString(PyExc_ValueError, "the pictures differ in size, or are empty");
    return NULL;
}
