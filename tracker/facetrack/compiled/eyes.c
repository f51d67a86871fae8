/* Both eyes of a face: `eyes.reader`, `tracking.eyes`, `gaze.sight`. */
#include "kernels.h"

enum { PLACES = 32, RADII = 2, GAPS = 2, LOGARITHMS = 26, TAKEN = PLACES + RADII + GAPS + LOGARITHMS };

/* Both eyes' maps into the crops, their inverses as rows with the shift last, and frame px of a crop px: `_face_maps`.
 *
 * 0 where the points are not finite. */
int eye_maps(const double *points, const Py_ssize_t *placed, double columns, double widths, double width_of_nose,
             double *maps, double *back, double *px)
{
    const double *a = points + 2 * placed[0], *b = points + 2 * placed[1], *c = points + 2 * placed[2];
    const double *d = points + 2 * placed[3], *nose = points + 2 * placed[4];
    if (!isfinite(a[0] + a[1] + b[0] + b[1] + c[0] + c[1] + d[0] + d[1] + nose[0] + nose[1]))
        return 0;
    const double width[2] = {hypot(b[0] - a[0], b[1] - a[1]), hypot(d[0] - c[0], d[1] - c[1])};
    const double centre[2][2] = {{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2}, {(c[0] + d[0]) / 2, (c[1] + d[1]) / 2}};
    const double along_x = b[0] - a[0] + c[0] - d[0], along_y = b[1] - a[1] + c[1] - d[1];
    const double length = hypot(along_x, along_y);
    const double cosine = length > 1e-6 ? along_x / length : 1, sine = length > 1e-6 ? along_y / length : 0;
    const double long_nose = hypot(nose[0] - (centre[0][0] + centre[1][0]) / 2, nose[1] - (centre[0][1] + centre[1][1]) / 2);
    const double smallest = most(most((width[0] + width[1]) / 2, width_of_nose * long_nose), 1);
    const double middle_x = (columns - 1) / 2, middle_y = (floor(columns / 2) - 1) / 2;
    for (int eye = 0; eye < 2; eye++, maps += 6, back += 6) {
        const double side = eye ? -1 : 1, scale = columns / (widths * most(width[eye], smallest));
        const double x = centre[eye][0], y = centre[eye][1];
        double p = cosine * scale, q = sine * scale;
        maps[0] = side * p, maps[1] = side * q, maps[2] = middle_x - side * (p * x + q * y);
        maps[3] = -q, maps[4] = p, maps[5] = middle_y + q * x - p * y;
        p = cosine / scale, q = sine / scale;
        back[0] = side * p, back[1] = side * q, back[2] = -q, back[3] = p;
        back[4] = x - middle_x * side * p + middle_y * q, back[5] = y - middle_x * side * q - middle_y * p;
        px[eye] = 1 / scale;
    }
    return 1;
}

/* decode_eyes(outputs, columns taken, back, px, most logit, standard deviation over scale, out, size of outputs): `reader._in_frame`
 *
 * out: the values in the order of the columns taken, decoded and in frame px. */
PyObject *decode_eyes(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double outputs[256], back[12], px[2], limits[2], v[TAKEN];
    Py_ssize_t taken[TAKEN], size;
    (void)self;
    if (expect(count, 8))
        return NULL;
    size = PyLong_AsSsize_t(args[7]);
    if (size < 1 || size > 256) {
        PyErr_Format(PyExc_ValueError, "got %zd outputs; expected 1 to 256", size);
        return NULL;
    }
    if (load(args[0], size, outputs) || load_indices(args[1], TAKEN, size, taken) || load(args[2], 12, back) ||
        load(args[3], 2, px) || load_numbers(args + 4, 2, limits))
        return NULL;
    for (int i = 0; i < TAKEN; i++)
        v[i] = outputs[taken[i]];
    for (int i = 0; i < PLACES / 2; i++) {
        const double *map = back + 6 * (i / 8), x = v[2 * i], y = v[2 * i + 1];
        const int is_look = i % 8 == 7; /* a direction, which is turned alone */
        v[2 * i] = is_look ? (x * map[0] + y * map[2]) / px[i / 8] : x * map[0] + y * map[2] + map[4];
        v[2 * i + 1] = is_look ? (x * map[1] + y * map[3]) / px[i / 8] : x * map[1] + y * map[3] + map[5];
    }
    double *gap = v + PLACES + RADII, *power = gap + GAPS;
    for (int i = 0; i < 2; i++) {
        v[PLACES + i] *= px[i];
        gap[i] = gap[i] < 0 ? 0 : gap[i]; /* NaN stays NaN */
    }
    for (int i = 0; i < LOGARITHMS; i++)
        power[i] = exp(isnan(power[i]) ? power[i] : clamp(power[i], -limits[0], limits[0]));
    for (int i = 0; i < 18; i++) /* of 6 points an eye, of the irises, of the gaps and the looks */
        power[i] *= limits[1] * (i < 12 ? px[i / 6] : i < 14 ? px[i - 12] : 1);
    for (int eye = 0; eye < 2; eye++) {
        double *state = power + 18 + 3 * eye, *covered = power + 24 + eye;
        const double total = state[0] + state[1] + state[2];
        for (int i = 0; i < 3; i++)
            state[i] /= total;
        *covered /= *covered + 1;
    }
    if (store32(args[6], TAKEN, v))
        return NULL;
    Py_RETURN_NONE;
}

/* fuse_eyes(points, sigma, eye points, contour, contour sigma, covered, most covered, points out, sigma out) */
PyObject *fuse_eyes(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], sigma[N_POINTS], contour[24], contour_sigma[12], covered[2], most_covered;
    Py_ssize_t at[12];
    (void)self;
    if (expect(count, 9) || load(args[0], 2 * N_POINTS, points) || load(args[1], N_POINTS, sigma) ||
        load_indices(args[2], 12, N_POINTS, at) || load(args[3], 24, contour) || load(args[4], 12, contour_sigma) ||
        load(args[5], 2, covered) || load_numbers(args + 6, 1, &most_covered))
        return NULL;
    for (int i = 0; i < 12; i++) {
        const double x = contour[2 * i], y = contour[2 * i + 1], theirs = contour_sigma[i], own = sigma[at[i]];
        if (!(covered[i / 6] <= most_covered && isfinite(x) && isfinite(y) && theirs > 0))
            continue;
        const int known = isfinite(own);
        const double share = known ? own * own / most(own * own + theirs * theirs, 1e-12) : 1;
        points[2 * at[i]] += share * (x - points[2 * at[i]]);
        points[2 * at[i] + 1] += share * (y - points[2 * at[i] + 1]);
        sigma[at[i]] = known ? least(own, theirs) : theirs;
    }
    if (store32(args[7], 2 * N_POINTS, points) || store32(args[8], N_POINTS, sigma))
        return NULL;
    Py_RETURN_NONE;
}

/* looks_in_head(contour, looks, their sigma, covered, rotation, fx, fy, cx, cy, smallest cosine, most covered): `gaze.in_head`
 *
 * -> yaw, pitch and standard deviation of the right and of the left eye, None for one that is covered; None where a look
 * is not given */
PyObject *looks_in_head(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double contour[24], look[4], sigma[2], covered[2], r[9], n[6];
    PyObject *looks[2] = {NULL, NULL}, *both = NULL;
    (void)self;
    if (expect(count, 11) || load(args[0], 24, contour) || load(args[1], 4, look) || load(args[2], 2, sigma) ||
        load(args[3], 2, covered) || load(args[4], 9, r) || load_numbers(args + 5, 6, n))
        return NULL;
    if (!isfinite(look[0] + look[1] + look[2] + look[3]))
        Py_RETURN_NONE;
    for (int i = 0; i < 2; i++) {
        const double *outer = contour + 12 * i, *inner = outer + 6;
        const double u = ((outer[0] + inner[0]) / 2 - n[2]) / n[0], v = ((outer[1] + inner[1]) / 2 - n[3]) / n[1];
        const double across = most(hypot(look[2 * i], look[2 * i + 1]), 1), gx = look[2 * i] / across, gy = look[2 * i + 1] / across;
        const double gz = -sqrt(most(1 - gx * gx - gy * gy, 0)), level = sqrt(u * u + 1), length = sqrt(u * u + v * v + 1);
        const double x = gx / level - gy * u * v / (level * length) + gz * u / length;
        const double y = gy * level / length + gz * v / length;
        const double z = -gx * u / level - gy * v / (level * length) + gz / length;
        if (covered[i] <= n[5])
            looks[i] = Py_BuildValue("(ddd)", atan2(r[0] * x + r[3] * y + r[6] * z, -(r[2] * x + r[5] * y + r[8] * z)) * DEGREES,
                                     asin(clamp(-(r[1] * x + r[4] * y + r[7] * z), -1, 1)) * DEGREES,
                                     sigma[i] / most(-gz, n[4]) * DEGREES);
        else
            looks[i] = Py_NewRef(Py_None);
    }
    if (looks[0] && looks[1])
        both = PyTuple_Pack(2, looks[0], looks[1]);
    Py_XDECREF(looks[0]);
    Py_XDECREF(looks[1]);
    return both;
}

/* lid_measures(contour, iris, gap, gap sigma, covered, state, yaw, pitch, slant) -> seven numbers of either eye
 *
 * `signals.eyes.lid_gap`: the gap as seen straight, its sigma, covered, how far the iris lies below the line of the
 * corners, and the three states. */
PyObject *lid_measures(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double contour[24], iris[4], gap[2], sigma[2], covered[2], state[6], n[3], height[2];
    (void)self;
    if (expect(count, 9) || load(args[0], 24, contour) || load(args[1], 4, iris) || load(args[2], 2, gap) ||
        load(args[3], 2, sigma) || load(args[4], 2, covered) || load(args[5], 6, state) || load_numbers(args + 6, 3, n))
        return NULL;
    for (int i = 0; i < 2; i++) {
        const double *first = contour + 12 * i, dx = first[6] - first[0], dy = first[7] - first[1];
        const double square = dx * dx + dy * dy, away = i ? n[0] : -n[0], slant = n[2] / DEGREES;
        height[i] = square > 0 ? ((iris[2 * i + 1] - first[1]) * dx - (iris[2 * i] - first[0]) * dy) / square : NAN;
        gap[i] = gap[i] * (cos(away / DEGREES + slant) / cos(slant)) / cos(n[1] / DEGREES);
    }
    return Py_BuildValue("((ddddddd)(ddddddd))", gap[0], sigma[0], covered[0], height[0], state[0], state[1], state[2],
                         gap[1], sigma[1], covered[1], height[1], state[3], state[4], state[5]);
}
