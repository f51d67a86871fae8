/* The head's pose and the eyes' directions in it: `pose.fusion`, `gaze.eyeball`. */
#include "kernels.h"

#define N_RIGID 13

typedef struct {
    double sigma_factor, shape_mm, hidden_factor, most_steps, small_rad, small_depth;
} Options;

typedef struct {
    double x[N_RIGID], y[N_RIGID], weight[N_RIGID], model[N_RIGID][3], focal, prior[9], information[9];
} Fit;

static void line_of_sight(double x, double y, double focal, double *view)
{
    const double length = sqrt(x * x + y * y + focal * focal);
    x /= length, y /= length;
    const double z = focal / length, share = 1 / (1 + z);
    const double rows[9] = {1 - share * x * x, -share * x * y, x, -share * x * y, 1 - share * y * y, y, -x, -y, z};
    for (int i = 0; i < 9; i++)
        view[i] = rows[i];
}

/* Gauss-Jordan with row pivots; 0 where the matrix is singular. */
static int invert(double matrix[6][12])
{
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            matrix[i][6 + j] = i == j;
    for (int i = 0; i < 6; i++) {
        int pivot = i;
        for (int j = i + 1; j < 6; j++)
            if (fabs(matrix[j][i]) > fabs(matrix[pivot][i]))
                pivot = j;
        if (!(fabs(matrix[pivot][i]) > 0))
            return 0;
        for (int k = 0; k < 12; k++) {
            const double swapped = matrix[i][k];
            matrix[i][k] = matrix[pivot][k];
            matrix[pivot][k] = swapped;
        }
        const double scale = 1 / matrix[i][i];
        for (int k = 0; k < 12; k++)
            matrix[i][k] *= scale;
        for (int j = 0; j < 6; j++) {
            const double share = matrix[j][i];
            if (j != i && share != 0)
                for (int k = 0; k < 12; k++)
                    matrix[j][k] -= share * matrix[i][k];
        }
    }
    return 1;
}

/* Add 2 rotation vector of prior rotation^T, weighed by the prior's information. */
static void pull_to_prior(const Fit *fit, const double *rotation, double *pull)
{
    double apart[9], q[4];
    product_transposed(fit->prior, rotation, apart);
    quaternion(apart, q);
    const double half = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2]);
    const double scale = half > 1e-9 ? 2 * atan2(half, q[3]) / half : 2;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            pull[i] += fit->information[3 * i + j] * scale * q[j];
}

/* One Gauss-Newton step: a rotation vector and a shift, and the rotation's covariance. */
static int gauss_newton(const Fit *fit, const double *rotation, const double *place, int first, double *step,
                        double *covariance)
{
    double precision[6][12] = {{0}}, pull[6] = {0};
    for (int p = 0; p < N_RIGID; p++) {
        double turned[3], slopes[2][6];
        for (int i = 0; i < 3; i++)
            turned[i] = rotation[3 * i] * fit->model[p][0] + rotation[3 * i + 1] * fit->model[p][1] +
                        rotation[3 * i + 2] * fit->model[p][2];
        const double x = turned[0] + place[0], y = turned[1] + place[1], depth = turned[2] + place[2];
        const double scale = fit->focal / depth, flat_x = x / depth, flat_y = y / depth;
        /* How the place moves with a rotation about each axis and with a shift. */
        const double moved[6][3] = {{0, -turned[2], turned[1]}, {turned[2], 0, -turned[0]}, {-turned[1], turned[0], 0},
                                    {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
        const double off_x = fit->x[p] - fit->focal * flat_x, off_y = fit->y[p] - fit->focal * flat_y;
        for (int i = 0; i < 6; i++) {
            slopes[0][i] = (moved[i][0] - moved[i][2] * flat_x) * scale;
            slopes[1][i] = (moved[i][1] - moved[i][2] * flat_y) * scale;
            pull[i] += fit->weight[p] * (slopes[0][i] * off_x + slopes[1][i] * off_y);
        }
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++)
                precision[i][j] += fit->weight[p] * (slopes[0][i] * slopes[0][j] + slopes[1][i] * slopes[1][j]);
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            precision[i][j] += fit->information[3 * i + j];
    if (!first)
        pull_to_prior(fit, rotation, pull);
    if (!invert(precision))
        return 0;
    for (int i = 0; i < 6; i++) {
        step[i] = 0;
        for (int j = 0; j < 6; j++)
            step[i] += precision[i][6 + j] * pull[j];
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            covariance[3 * i + j] = precision[i][6 + j];
    return 1;
}

static void turn_by(const double *vector, double *rotation)
{
    const double x = vector[0], y = vector[1], z = vector[2], angle = sqrt(x * x + y * y + z * z);
    const double sine = angle > 1e-9 ? sin(angle) / angle : 1;
    const double rest = angle > 1e-9 ? (1 - cos(angle)) / (angle * angle) : 0.5;
    const double turn[9] = {
        1 - rest * (y * y + z * z), rest * x * y - sine * z, rest * x * z + sine * y,
        rest * x * y + sine * z, 1 - rest * (x * x + z * z), rest * y * z - sine * x,
        rest * x * z - sine * y, rest * y * z + sine * x, 1 - rest * (x * x + y * y),
    };
    double turned[9];
    product(turn, rotation, turned);
    for (int i = 0; i < 9; i++)
        rotation[i] = turned[i];
}

/* The start is para-perspective; see `fused_pose`. 0 where the points are all in one place or not finite. */
static int start(Fit *fit, const double *head, const double *precision, double *place, double *scale)
{
    double middle_x = 0, middle_y = 0, square = 0, middle[3] = {0}, view[9], turned[9], flat = 0;
    for (int p = 0; p < N_RIGID; p++) {
        middle_x += fit->x[p] / N_RIGID;
        middle_y += fit->y[p] / N_RIGID;
        square += (fit->x[p] * fit->x[p] + fit->y[p] * fit->y[p]) / N_RIGID;
        for (int i = 0; i < 3; i++)
            middle[i] += fit->model[p][i] / N_RIGID;
    }
    const double spread_px = sqrt(most(square - middle_x * middle_x - middle_y * middle_y, 0));
    if (!isfinite(square) || !(spread_px > 1))
        return 0;
    line_of_sight(middle_x, middle_y, fit->focal, view);
    product(view, head, fit->prior);
    product(view, precision, turned);
    product_transposed(turned, view, fit->information);
    const double aside[3] = {middle_x / fit->focal, middle_y / fit->focal, 1};
    for (int p = 0; p < N_RIGID; p++)
        for (int i = 0; i < 2; i++) {
            double way = 0;
            for (int j = 0; j < 3; j++)
                way += (fit->prior[3 * i + j] - aside[i] * fit->prior[6 + j]) * (fit->model[p][j] - middle[j]);
            flat += way * way / N_RIGID;
        }
    *scale = spread_px / sqrt(flat);
    for (int i = 0; i < 3; i++)
        place[i] = aside[i] * (fit->focal / *scale) - fit->prior[3 * i] * middle[0] -
                   fit->prior[3 * i + 1] * middle[1] - fit->prior[3 * i + 2] * middle[2];
    return 1;
}

/* Euler angles and their standard deviations, degrees. */
static void angles_deg(const double *rotation, const double *covariance, double *angles)
{
    double rates[9];
    euler_deg(rotation, angles);
    angle_rates(rotation, rates);
    for (int k = 0; k < 3; k++) {
        double variance = 0;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                variance += rates[3 * k + i] * covariance[3 * i + j] * rates[3 * k + j];
        angles[3 + k] = sqrt(variance) * DEGREES;
    }
}

static int solve(Fit *fit, const Options *o, const double *head, const double *precision, const double *sigma,
                 const double *visibility, double *rotation, double *place, double *angles)
{
    double scale, step[6], covariance[9] = {0};
    if (!start(fit, head, precision, place, &scale))
        return 0;
    for (int p = 0; p < N_RIGID; p++) {
        const double own = o->sigma_factor * sigma[p], shape = o->shape_mm * scale;
        double variance = own * own + shape * shape;
        if (visibility)
            variance *= 1 + (o->hidden_factor * o->hidden_factor - 1) * (1 - visibility[p]);
        fit->weight[p] = 1 / variance;
    }
    for (int i = 0; i < 9; i++)
        rotation[i] = fit->prior[i];
    for (int k = 0; k < (int)o->most_steps; k++) {
        if (!gauss_newton(fit, rotation, place, k == 0, step, covariance))
            return 0;
        turn_by(step, rotation);
        for (int i = 0; i < 3; i++)
            place[i] += step[3 + i];
        if (step[0] * step[0] + step[1] * step[1] + step[2] * step[2] < o->small_rad * o->small_rad &&
            fabs(step[5]) < o->small_depth * place[2])
            break;
    }
    if (!(place[2] > 0)) /* also where it is NaN */
        return 0;
    angles_deg(rotation, covariance, angles);
    return 1;
}

/* fused_pose(points, sigma, visibility or None, rotation, precision, rigid points, their places in mm, x and y of the
 * principal point, stretch, focal, rotation out, translation out, *Options) -> three angles and their standard
 * deviations, or None */
PyObject *fused_pose(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], sigma[N_POINTS], visibility[N_POINTS], head[9], precision[9], camera[4];
    double seen_sigma[N_RIGID], seen[N_RIGID], rotation[9], place[3], angles[6];
    Py_ssize_t rigid[N_RIGID];
    Options options;
    Fit fit;
    const int visible = count > 2 && args[2] != Py_None;
    (void)self;
    if (expect(count, 19) || load(args[0], 2 * N_POINTS, points) || load(args[1], N_POINTS, sigma) ||
        (visible && load(args[2], N_POINTS, visibility)) || load(args[3], 9, head) || load(args[4], 9, precision) ||
        load_indices(args[5], N_RIGID, N_POINTS, rigid) || load(args[6], 3 * N_RIGID, (double *)fit.model) ||
        load_numbers(args + 7, 4, camera) || load_numbers(args + 13, 6, (double *)&options))
        return NULL;
    for (int p = 0; p < N_RIGID; p++) {
        fit.x[p] = points[2 * rigid[p]] - camera[0];
        fit.y[p] = (points[2 * rigid[p] + 1] - camera[1]) * camera[2];
        seen_sigma[p] = sigma[rigid[p]];
        seen[p] = visible ? visibility[rigid[p]] : 1;
    }
    fit.focal = camera[3];
    if (!solve(&fit, &options, head, precision, seen_sigma, visible ? seen : NULL, rotation, place, angles))
        Py_RETURN_NONE;
    if (store64(args[11], 9, rotation) || store64(args[12], 3, place))
        return NULL;
    return Py_BuildValue("(dddddd)", angles[0], angles[1], angles[2], angles[3], angles[4], angles[5]);
}

/* viewed_deg(rotation, translation) -> yaw, pitch against the line of sight: `signals.per_frame.viewed_from_deg` */
PyObject *viewed_deg(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double r[9], t[3], v[3];
    (void)self;
    if (expect(count, 2) || load(args[0], 9, r) || load(args[1], 3, t))
        return NULL;
    for (int i = 0; i < 3; i++)
        v[i] = -(r[i] * t[0] + r[3 + i] * t[1] + r[6 + i] * t[2]);
    return Py_BuildValue("(dd)", atan2(-v[0], -v[2]) * DEGREES, atan2(v[1], hypot(v[0], v[2])) * DEGREES);
}
