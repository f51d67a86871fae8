/* Shared by the kernels: each is the arithmetic of one NumPy function of facetrack, which is its reference.
 *
 * Inputs are float32 or float64 arrays of any strides, read as doubles; outputs are contiguous. Indices of points and
 * constants come from Python, so that each is written down once. Limited API: one file serves Python 3.11 and later.
 */
#ifndef FACETRACK_KERNELS_H
#define FACETRACK_KERNELS_H

#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <math.h>

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif
#define N_POINTS 68
#define DEGREES (180.0 / M_PI)

/* Each returns 0, or -1 with an exception set. */
int load(PyObject *array, Py_ssize_t count, double *values);
int load_indices(PyObject *array, Py_ssize_t count, Py_ssize_t below, Py_ssize_t *values);
int load_numbers(PyObject *const *numbers, Py_ssize_t count, double *values);
int expect(Py_ssize_t given, Py_ssize_t wanted);

/* Writable memory of exactly so many bytes; PyBuffer_Release it. */
int open_memory(PyObject *array, Py_ssize_t bytes, Py_buffer *view);
/* Write values as float32 or float64 into an array of so many of them. */
int store32(PyObject *array, Py_ssize_t count, const double *values);
int store64(PyObject *array, Py_ssize_t count, const double *values);

static inline double least(double a, double b) { return a < b ? a : b; }
static inline double most(double a, double b) { return a > b ? a : b; }
static inline double clamp(double value, double low, double high) { return least(most(value, low), high); }

/* c = a b and c = a b^T of (3, 3) matrices, row by row. */
static inline void product(const double *a, const double *b, double *c)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            c[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}
static inline void product_transposed(const double *a, const double *b, double *c)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            c[3 * i + j] = a[3 * i] * b[3 * j] + a[3 * i + 1] * b[3 * j + 1] + a[3 * i + 2] * b[3 * j + 2];
}

/* angles.c, as in angles.py. */
void euler_deg(const double *rotation, double *angles);
void angle_rates(const double *rotation, double *rates);
void quaternion(const double *rotation, double *xyzw);

/* eyes.c, as in eyes/reader.py. */
int eye_maps(const double *points, const Py_ssize_t *placed, double columns, double widths, double width_of_nose,
             double *maps, double *back, double *px);

typedef PyObject *Kernel(PyObject *, PyObject *const *, Py_ssize_t);
Kernel add_fading, between, change, cut_box, cut_by, cut_eyes, decode_eyes, decode_landmarks, face_box, fading_quantile,
    fuse_eyes, fused_pose, lid_measures, lips_sigma, looks_in_head, measure_crop, product_deg, ratios, sample,
    shown_sigma, smooth, turned_by, turned_from_deg, viewed_deg;

#endif
