/* A histogram in which the past fades: `signals.windows.fading_quantile`. */
#include "kernels.h"

#define RESCALE_AT 1e100

static int open_weights(PyObject *array, Py_buffer *weights, Py_ssize_t *bins)
{
    if (PyObject_GetBuffer(array, weights, PyBUF_WRITABLE))
        return -1;
    *bins = weights->len / (Py_ssize_t)sizeof(double);
    if (*bins > 0)
        return 0;
    PyBuffer_Release(weights);
    PyErr_SetString(PyExc_TypeError, "the histogram has no bins");
    return -1;
}

/* As Python's // of two floats, the second above 0. */
static double whole(double value, double width)
{
    double rest = fmod(value, width);
    if (rest < 0)
        rest += width;
    const double quotient = (value - rest) / width, lower = floor(quotient);
    return quotient - lower > 0.5 ? lower + 1 : lower;
}

/* add_fading(weights, low, width, memory_s, gain, value, seconds) -> gain */
PyObject *add_fading(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double n[6];
    Py_ssize_t bins;
    Py_buffer weights;
    (void)self;
    if (expect(count, 7) || load_numbers(args + 1, 6, n))
        return NULL;
    const double bin = whole(n[4] - n[0], n[1]);
    if (!isfinite(bin)) {
        PyErr_SetString(PyExc_ValueError, "cannot add a value that is not finite");
        return NULL;
    }
    if (open_weights(args[0], &weights, &bins))
        return NULL;
    double gain = n[3] * exp(n[5] / n[2]), *weight = weights.buf;
    weight[(Py_ssize_t)clamp(bin, 0, (double)(bins - 1))] += n[5] * gain;
    if (gain > RESCALE_AT) {
        for (Py_ssize_t i = 0; i < bins; i++)
            weight[i] /= gain;
        gain = 1;
    }
    PyBuffer_Release(&weights);
    return PyFloat_FromDouble(gain);
}

/* fading_quantile(weights, low, width, share) -> the level under which this share of the weight lies, or None */
PyObject *fading_quantile(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double n[3], total = 0, below = 0;
    Py_ssize_t bins, index = 0;
    Py_buffer weights;
    (void)self;
    if (expect(count, 4) || load_numbers(args + 1, 3, n) || open_weights(args[0], &weights, &bins))
        return NULL;
    const double *weight = weights.buf;
    for (Py_ssize_t i = 0; i < bins; i++)
        total += weight[i];
    while (index < bins - 1 && below + weight[index] < n[2] * total)
        below += weight[index++];
    const double inside = weight[index], part = inside > 0 ? (n[2] * total - below) / inside : 0.5;
    PyBuffer_Release(&weights);
    if (!(total > 0))
        Py_RETURN_NONE;
    return PyFloat_FromDouble(n[0] + ((double)index + clamp(part, 0, 1)) * n[1]);
}
