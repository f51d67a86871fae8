/* A histogram in which the past fades: `signals.windows.fading_quantile`. */
#include "kernels.h"

#define RESCALE_AT 1e100

enum { LOW, WIDTH, MEMORY_S, GAIN, HEADER };

/* The state of a quantile: the header, then the weights. */
static int open_state(PyObject *array, Py_buffer *state, Py_ssize_t *bins)
{
    if (PyObject_GetBuffer(array, state, PyBUF_WRITABLE))
        return -1;
    *bins = state->len / (Py_ssize_t)sizeof(double) - HEADER;
    if (*bins > 0)
        return 0;
    PyBuffer_Release(state);
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

/* add_fading(state, value, seconds) */
PyObject *add_fading(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double n[2];
    Py_ssize_t bins;
    Py_buffer view;
    (void)self;
    if (expect(count, 3) || load_numbers(args + 1, 2, n) || open_state(args[0], &view, &bins))
        return NULL;
    double *state = view.buf, *weight = state + HEADER;
    const double bin = whole(n[0] - state[LOW], state[WIDTH]);
    if (isfinite(bin)) {
        state[GAIN] *= exp(n[1] / state[MEMORY_S]);
        weight[(Py_ssize_t)clamp(bin, 0, (double)(bins - 1))] += n[1] * state[GAIN];
        if (state[GAIN] > RESCALE_AT) {
            for (Py_ssize_t i = 0; i < bins; i++)
                weight[i] /= state[GAIN];
            state[GAIN] = 1;
        }
    } else
        PyErr_SetString(PyExc_ValueError, "cannot add a value that is not finite");
    PyBuffer_Release(&view);
    if (!isfinite(bin))
        return NULL;
    Py_RETURN_NONE;
}

/* fading_quantile(state, share) -> the level under which this share of the weight lies, or None */
PyObject *fading_quantile(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double share, total = 0, below = 0;
    Py_ssize_t bins, index = 0;
    Py_buffer view;
    (void)self;
    if (expect(count, 2) || load_numbers(args + 1, 1, &share) || open_state(args[0], &view, &bins))
        return NULL;
    const double *state = view.buf, *weight = state + HEADER;
    for (Py_ssize_t i = 0; i < bins; i++)
        total += weight[i];
    while (index < bins - 1 && below + weight[index] < share * total)
        below += weight[index++];
    const double inside = weight[index], part = inside > 0 ? (share * total - below) / inside : 0.5;
    const double level = state[LOW] + ((double)index + clamp(part, 0, 1)) * state[WIDTH];
    PyBuffer_Release(&view);
    if (!(total > 0))
        Py_RETURN_NONE;
    return PyFloat_FromDouble(level);
}
