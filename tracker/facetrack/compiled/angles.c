/* Rotations: `angles`. */
#include "kernels.h"

void euler_deg(const double *rotation, double *angles)
{
    angles[0] = atan2(-rotation[2], rotation[8]) * DEGREES;
    angles[1] = asin(clamp(rotation[5], -1, 1)) * DEGREES;
    angles[2] = atan2(rotation[3], rotation[4]) * DEGREES;
}

/* product_deg(first, second) -> yaw, pitch, roll */
PyObject *product_deg(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double first[9], second[9], both[9], angles[3];
    (void)self;
    if (expect(count, 2) || load(args[0], 9, first) || load(args[1], 9, second))
        return NULL;
    product(first, second, both);
    euler_deg(both, angles);
    return Py_BuildValue("(ddd)", angles[0], angles[1], angles[2]);
}

void angle_rates(const double *rotation, double *rates)
{
    const double x = rotation[2], y = rotation[5], z = rotation[8];
    const double square = most(x * x + z * z, 1e-12), level = sqrt(square);
    const double rows[9] = {x * y / square, -1, y * z / square, -z / level, 0, x / level, x / square, 0, z / square};
    for (int i = 0; i < 9; i++)
        rates[i] = rows[i];
}

void quaternion(const double *rotation, double *xyzw)
{
    const double a = rotation[0], b = rotation[1], c = rotation[2], d = rotation[3], e = rotation[4], f = rotation[5];
    const double g = rotation[6], h = rotation[7], i = rotation[8];
    const double squares[4] = {1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i};
    int largest = 0;
    for (int k = 1; k < 4; k++)
        if (squares[k] > squares[largest])
            largest = k;
    const double four = 2 * sqrt(squares[largest]);
    const double rows[4][4] = {
        {four / 4, (b + d) / four, (c + g) / four, (h - f) / four},
        {(b + d) / four, four / 4, (f + h) / four, (c - g) / four},
        {(c + g) / four, (f + h) / four, four / 4, (d - b) / four},
        {(h - f) / four, (c - g) / four, (d - b) / four, four / 4},
    };
    const double sign = rows[largest][3] < 0 ? -1 : 1;
    for (int k = 0; k < 4; k++)
        xyzw[k] = sign * rows[largest][k];
}

/* between(first, second, share, out) */
PyObject *between(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double first[9], second[9], share, start[4], end[4], q[4], alike = 0, square = 0;
    (void)self;
    if (expect(count, 4) || load(args[0], 9, first) || load(args[1], 9, second) || load_numbers(args + 2, 1, &share))
        return NULL;
    quaternion(first, start);
    quaternion(second, end);
    for (int i = 0; i < 4; i++)
        alike += start[i] * end[i];
    for (int i = 0; i < 4; i++) {
        q[i] = (1 - share) * start[i] + (alike < 0 ? -share : share) * end[i];
        square += q[i] * q[i];
    }
    const double s = 2 / square, x = q[0], y = q[1], z = q[2], w = q[3];
    const double rotation[9] = {
        1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w),
        s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w),
        s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y),
    };
    if (store64(args[3], 9, rotation))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *turned_look(const double *r, const double *look)
{
    const double yaw = look[0] / DEGREES, pitch = look[1] / DEGREES;
    const double x = cos(pitch) * sin(yaw), y = -sin(pitch), z = -cos(pitch) * cos(yaw);
    const double right = r[0] * x + r[1] * y + r[2] * z, down = r[3] * x + r[4] * y + r[5] * z;
    const double away = r[6] * x + r[7] * y + r[8] * z;
    return Py_BuildValue("(dd)", atan2(right, -away) * DEGREES, asin(clamp(-down, -1, 1)) * DEGREES);
}

/* turned_by(rotation, yaw, pitch) -> yaw, pitch */
PyObject *turned_by(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double rotation[9], look[2];
    (void)self;
    if (expect(count, 3) || load(args[0], 9, rotation) || load_numbers(args + 1, 2, look))
        return NULL;
    return turned_look(rotation, look);
}

/* turned_from_deg(yaw, pitch, roll of the head, yaw, pitch in it) -> yaw, pitch */
PyObject *turned_from_deg(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double n[5];
    (void)self;
    if (expect(count, 5) || load_numbers(args, 5, n))
        return NULL;
    const double yaw = -n[0] / DEGREES, pitch = -n[1] / DEGREES, roll = n[2] / DEGREES;
    const double sy = sin(yaw), cy = cos(yaw), sx = sin(pitch), cx = cos(pitch), sz = sin(roll), cz = cos(roll);
    const double rotation[9] = {
        cy * cz + sy * sx * sz, sy * sx * cz - cy * sz, sy * cx, cx * sz, cx * cz, -sx,
        cy * sx * sz - sy * cz, sy * sz + cy * sx * cz, cy * cx,
    };
    return turned_look(rotation, n + 3);
}
