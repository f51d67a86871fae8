/* One face's reading and its measures: `landmarker`, `geometry`, `tracking.gating`, `signals.per_frame`. */
#include "kernels.h"

static double sigmoid(double logit) { return 1 / (1 + exp(-logit)); }

/* The (2, 3) map from crop px to frame px, as `geometry.frame_matrices`. crop: x, y, size_px, roll_rad. */
static void frame_matrix(const double *crop, double crop_px, double *map)
{
    const double middle = (crop_px - 1) / 2, scale = crop[2] / crop_px;
    const double c = cos(crop[3]) * scale, s = sin(crop[3]) * scale;
    map[0] = c, map[1] = -s, map[2] = crop[0] + (s - c) * middle;
    map[3] = s, map[4] = c, map[5] = crop[1] - (s + c) * middle;
}

/* Turn what the crop shows into the image's axes, and its precision: `landmarker._head`. */
static void turned_head(const double *rotation, const double *sigma_deg, double roll, double *head, double *precision)
{
    const double turn[9] = {cos(roll), -sin(roll), 0, sin(roll), cos(roll), 0, 0, 0, 1};
    double rates[9], rows[9];
    angle_rates(rotation, rates);
    for (int i = 0; i < 9; i++)
        rates[i] /= sigma_deg[i / 3] / DEGREES;
    product_transposed(rates, turn, rows);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            precision[3 * i + j] = rows[i] * rows[j] + rows[3 + i] * rows[3 + j] + rows[6 + i] * rows[6 + j];
    product(turn, rotation, head);
}

/* Load one row of so many numbers of a contiguous float32 array. */
static int load_row(PyObject *array, Py_ssize_t row, Py_ssize_t count, double *values)
{
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_SIMPLE))
        return -1;
    const int holds = row >= 0 && view.len >= (row + 1) * count * (Py_ssize_t)sizeof(float);
    if (!holds)
        PyErr_Format(PyExc_IndexError, "got %zd bytes; expected row %zd of %zd numbers", view.len, row, count);
    for (Py_ssize_t i = 0; holds && i < count; i++)
        values[i] = ((const float *)view.buf)[row * count + i];
    PyBuffer_Release(&view);
    return holds ? 0 : -1;
}

/* decode_landmarks(index, points, sigma, presence, visibility, rotation, rotation_sigma, x, y, size_px, roll_rad,
 * crop_px, points out, sigma out, visibility out, head out) -> probability of a face
 *
 * Outputs of all crops, of which the index-th is decoded. visibility, rotation and rotation_sigma may be None; head:
 * the rotation, then its precision. */
PyObject *decode_landmarks(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], sigma[N_POINTS], visibility[N_POINTS], rotation[9], spread[3], crop[5], map[6];
    double logit, head[18], presence = 1;
    (void)self;
    if (expect(count, 16))
        return NULL;
    const Py_ssize_t row = PyLong_AsSsize_t(*args++);
    if ((row == -1 && PyErr_Occurred()) || load_row(args[0], row, 2 * N_POINTS, points) ||
        load_row(args[1], row, N_POINTS, sigma) || load_row(args[2], row, 1, &logit) ||
        (args[3] != Py_None && load_row(args[3], row, N_POINTS, visibility)) ||
        (args[4] != Py_None && (load_row(args[4], row, 9, rotation) || load_row(args[5], row, 3, spread))) ||
        load_numbers(args + 6, 5, crop))
        return NULL;
    frame_matrix(crop, crop[4], map);
    for (int i = 0; i < N_POINTS; i++) {
        const double x = points[2 * i], y = points[2 * i + 1];
        points[2 * i] = map[0] * x + map[1] * y + map[2];
        points[2 * i + 1] = map[3] * x + map[4] * y + map[5];
        sigma[i] *= crop[2] / crop[4];
        if (!isfinite(points[2 * i]) || !isfinite(points[2 * i + 1]))
            presence = 0;
    }
    if (isnan(logit))
        presence = 0;
    if (store32(args[11], 2 * N_POINTS, points) || store32(args[12], N_POINTS, sigma))
        return NULL;
    if (args[3] != Py_None) {
        for (int i = 0; i < N_POINTS; i++)
            visibility[i] = sigmoid(visibility[i]);
        if (store32(args[13], N_POINTS, visibility))
            return NULL;
    }
    if (args[4] != Py_None) {
        turned_head(rotation, spread, crop[3], head, head + 9);
        if (store64(args[14], 18, head))
            return NULL;
    }
    return PyFloat_FromDouble(presence > 0 ? sigmoid(clamp(logit, -500, 500)) : 0);
}

typedef struct {
    double x0, y0, x1, y1;
} Box;

static Box points_box(const double *points)
{
    Box box = {points[0], points[1], points[0], points[1]};
    int known_x = 1, known_y = 1; /* as in NumPy, one NaN makes its sides NaN */
    for (int i = 1; i < N_POINTS; i++) {
        box.x0 = least(points[2 * i], box.x0);
        box.y0 = least(points[2 * i + 1], box.y0);
        box.x1 = most(points[2 * i], box.x1);
        box.y1 = most(points[2 * i + 1], box.y1);
    }
    for (int i = 0; i < N_POINTS; i++) {
        known_x &= !isnan(points[2 * i]);
        known_y &= !isnan(points[2 * i + 1]);
    }
    if (!known_x)
        box.x0 = box.x1 = NAN;
    if (!known_y)
        box.y0 = box.y1 = NAN;
    return box;
}

/* face_box(points, box out): `geometry.points_box` */
PyObject *face_box(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS];
    (void)self;
    if (expect(count, 2) || load(args[0], 2 * N_POINTS, points))
        return NULL;
    const Box box = points_box(points);
    if (store32(args[1], 4, (const double *)&box))
        return NULL;
    Py_RETURN_NONE;
}

/* measure_crop(points, roll_rad, margin, box out) -> x, y, size_px: `geometry.crops_from_points` and `points_box` */
PyObject *measure_crop(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], upright[2 * N_POINTS], numbers[2];
    (void)self;
    if (expect(count, 4) || load(args[0], 2 * N_POINTS, points) || load_numbers(args + 1, 2, numbers))
        return NULL;
    const double c = cos(numbers[0]), s = sin(numbers[0]);
    for (int i = 0; i < N_POINTS; i++) {
        upright[2 * i] = points[2 * i] * c + points[2 * i + 1] * s;
        upright[2 * i + 1] = -points[2 * i] * s + points[2 * i + 1] * c;
    }
    const Box box = points_box(points), own = points_box(upright);
    const double x = (own.x0 + own.x1) / 2, y = (own.y0 + own.y1) / 2;
    const double size = most(most(own.x1 - own.x0, own.y1 - own.y0), 1);
    if (store32(args[3], 4, (const double *)&box))
        return NULL;
    return Py_BuildValue("(ddd)", c * x - s * y, s * x + c * y, numbers[1] * size);
}

/* shown_sigma(points, sigma, visibility or None, width, height, smallest_px) -> sigma over the face's size, or None
 *
 * `gating.shown_points` and `confidence.visible_sigma`: None of a face that is too small or not half in the picture. */
PyObject *shown_sigma(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], sigma[N_POINTS], weight[N_POINTS], limits[3], total = 0, sum = 0;
    int inside = 0;
    (void)self;
    if (expect(count, 6) || load(args[0], 2 * N_POINTS, points) || load(args[1], N_POINTS, sigma) ||
        (args[2] != Py_None && load(args[2], N_POINTS, weight)) || load_numbers(args + 3, 3, limits))
        return NULL;
    const Box box = points_box(points);
    const double size = most(box.x1 - box.x0, box.y1 - box.y0);
    for (int i = 0; i < N_POINTS; i++) {
        const double x = points[2 * i], y = points[2 * i + 1];
        const int is_inside = x >= 0 && y >= 0 && x <= limits[0] - 1 && y <= limits[1] - 1;
        const double share = is_inside ? (args[2] == Py_None ? 1 : weight[i]) : 0;
        inside += is_inside;
        total += share;
        sum += share * sigma[i];
    }
    if (size < limits[2] || 2 * inside < N_POINTS)
        Py_RETURN_NONE;
    return PyFloat_FromDouble(sum / most(total, 1e-6) / most(size, 1e-6));
}

static double distance(const double *points, Py_ssize_t a, Py_ssize_t b)
{
    const double x = points[2 * a] - points[2 * b], y = points[2 * a + 1] - points[2 * b + 1];
    return sqrt(x * x + y * y);
}

static double aspect_ratio(const double *points, const Py_ssize_t *p)
{
    const double width = 2 * distance(points, p[0], p[3]);
    return width > 0 ? (distance(points, p[1], p[5]) + distance(points, p[2], p[4])) / width : NAN;
}

static double mean(const double *values, const Py_ssize_t *indices, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[indices[i]];
    return sum / count;
}

/* ratios(points, visibility or None, right eye, left eye, inside of the mouth, lips) -> aspect ratios of both eyes,
 * opening of the mouth, mean visibility of the right eye, the left eye and the lips, 1 where there is none */
PyObject *ratios(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], visibility[N_POINTS];
    Py_ssize_t right[6], left[6], mouth[8], lips[20];
    (void)self;
    if (expect(count, 6) || load(args[0], 2 * N_POINTS, points) ||
        (args[1] != Py_None && load(args[1], N_POINTS, visibility)) || load_indices(args[2], 6, N_POINTS, right) ||
        load_indices(args[3], 6, N_POINTS, left) || load_indices(args[4], 8, N_POINTS, mouth) ||
        load_indices(args[5], 20, N_POINTS, lips))
        return NULL;
    for (int i = 0; args[1] == Py_None && i < N_POINTS; i++)
        visibility[i] = 1;
    const double width = distance(points, mouth[0], mouth[1]);
    double gap = 0;
    for (int i = 2; i < 5; i++)
        gap += distance(points, mouth[i], mouth[i + 3]) / 3;
    return Py_BuildValue("(dddddd)", aspect_ratio(points, right), aspect_ratio(points, left),
                         width > 0 ? gap / width : NAN, mean(visibility, right, 6), mean(visibility, left, 6),
                         mean(visibility, lips, 20));
}

/* lips_sigma(points, sigma, lips) -> mean sigma of the lips over the face's size: `signals.mouth.openness` */
PyObject *lips_sigma(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], sigma[N_POINTS];
    Py_ssize_t lips[20];
    (void)self;
    if (expect(count, 3) || load(args[0], 2 * N_POINTS, points) || load(args[1], N_POINTS, sigma) ||
        load_indices(args[2], 20, N_POINTS, lips))
        return NULL;
    const Box box = points_box(points);
    return PyFloat_FromDouble(mean(sigma, lips, 20) / most(box.x1 - box.x0, box.y1 - box.y0));
}
