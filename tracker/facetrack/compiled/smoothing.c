/* One step of the points' filter: `smoothing.landmarks`. */
#include "kernels.h"

enum { VALUE, LAST, LAST_STEP, COMMON, OWN, ROWS }; /* rows of `FaceSmoother.state`, (68,) x + iy each */

typedef struct {
    double x, y;
} Point;

/* The similarity motion that fits the points' velocities best: see `Similarity`. */
static void common_motion(const Point *velocity, const Point *position, const double *weight, double spread, Point *fit)
{
    Point shift = {0, 0}, turn = {0, 0};
    for (int i = 0; i < N_POINTS; i++) {
        const Point v = velocity[i], p = position[i];
        shift.x += weight[i] * v.x;
        shift.y += weight[i] * v.y;
        turn.x += weight[i] * (v.x * p.x + v.y * p.y);
        turn.y += weight[i] * (v.y * p.x - v.x * p.y);
    }
    turn.x /= spread;
    turn.y /= spread;
    for (int i = 0; i < N_POINTS; i++) {
        const Point p = position[i];
        fit[i].x = shift.x + turn.x * p.x - turn.y * p.y;
        fit[i].y = shift.y + turn.x * p.y + turn.y * p.x;
    }
}

static double three_medians(const double *values)
{
    double sorted[N_POINTS];
    for (int i = 0; i < N_POINTS; i++) {
        int at = i;
        for (; at > 0 && sorted[at - 1] > values[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = values[i];
    }
    return 1.5 * (sorted[N_POINTS / 2 - 1] + sorted[N_POINTS / 2]);
}

static void weights(double *weight, int known)
{
    double total = 0;
    for (int i = 0; known && i < N_POINTS; i++)
        known = isfinite(weight[i]) && weight[i] > 0;
    for (int i = 0; i < N_POINTS; i++)
        total += weight[i] = known ? 1 / (weight[i] * weight[i]) : 1;
    for (int i = 0; i < N_POINTS; i++)
        weight[i] /= total;
}

static double factor(double cutoff_hz, double step_s) { return 1 / (1 + 1 / (2 * M_PI * step_s * cutoff_hz)); }

/* What one point's or the common motion moves beyond its noise, px a step; `motion` is its filtered velocity. */
static double above_noise(Point *motion, Point step, double alpha, double step_s, double noise)
{
    motion->x += alpha * (step.x / step_s - motion->x);
    motion->y += alpha * (step.y / step_s - motion->y);
    return most(sqrt(motion->x * motion->x + motion->y * motion->y) * step_s - noise, 0);
}

typedef struct {
    double step_s, ratio, new_noise, old_noise, min_cutoff_hz, beta, slow_hz, fast_hz, noise_level, common_noise;
} Options;

static double advance(Point (*state)[N_POINTS], double *noise, const Point *points, const double *weight,
                      const unsigned char *fast, const Options *o)
{
    Point middle = {0, 0}, position[N_POINTS], steps[2][N_POINTS], fit[2][N_POINTS], measured[N_POINTS];
    double square = 0, spread = 0, residual[N_POINTS], sum = 0, shares = 0;
    for (int i = 0; i < N_POINTS; i++) {
        middle.x += weight[i] * points[i].x;
        middle.y += weight[i] * points[i].y;
    }
    for (int i = 0; i < N_POINTS; i++) {
        const Point p = position[i] = (Point){points[i].x - middle.x, points[i].y - middle.y};
        square += p.x * p.x + p.y * p.y;
        spread += weight[i] * (p.x * p.x + p.y * p.y);
        measured[i] = (Point){points[i].x - state[LAST][i].x, points[i].y - state[LAST][i].y};
        steps[0][i] = (Point){points[i].x - state[VALUE][i].x, points[i].y - state[VALUE][i].y};
        steps[1][i].x = measured[i].x - o->ratio * state[LAST_STEP][i].x;
        steps[1][i].y = measured[i].y - o->ratio * state[LAST_STEP][i].y;
    }
    const double size = sqrt(most(square / N_POINTS, 1e-12));
    for (int k = 0; k < 2; k++)
        common_motion(steps[k], position, weight, most(spread, 1e-12), fit[k]);
    for (int i = 0; i < N_POINTS; i++) {
        const double x = steps[1][i].x - fit[1][i].x, y = steps[1][i].y - fit[1][i].y;
        residual[i] = sqrt(x * x + y * y);
    }
    const double limit = three_medians(residual);
    for (int i = 0; i < N_POINTS; i++)
        sum += noise[i] = o->new_noise * least(residual[i], limit) + o->old_noise * noise[i];
    const double slow = factor(o->slow_hz, o->step_s), quick = factor(o->fast_hz, o->step_s);
    const double slow_left = o->noise_level * sqrt(slow / (2 - slow));
    const double quick_left = o->noise_level * sqrt(quick / (2 - quick));
    const double common = o->common_noise * slow_left / N_POINTS * sum;
    for (int i = 0; i < N_POINTS; i++) {
        const Point own = {steps[0][i].x - fit[0][i].x, steps[0][i].y - fit[0][i].y};
        double above = above_noise(&state[COMMON][i], fit[0][i], slow, o->step_s, common);
        above += above_noise(&state[OWN][i], own, fast[i] ? quick : slow, o->step_s,
                             (fast[i] ? quick_left : slow_left) * noise[i]);
        const double alpha = factor(o->min_cutoff_hz + o->beta * (above / (o->step_s * size)), o->step_s);
        shares += alpha;
        /* In this order, not as value + alpha * difference, so that alpha = 1 returns the raw points exactly. */
        state[VALUE][i].x = alpha * points[i].x + (1 - alpha) * state[VALUE][i].x;
        state[VALUE][i].y = alpha * points[i].y + (1 - alpha) * state[VALUE][i].y;
        state[LAST][i] = points[i];
        state[LAST_STEP][i] = measured[i];
    }
    return shares / N_POINTS;
}

/* smooth(state, noise_px, points, sigma or None, fast points, out, *Options) -> share */
PyObject *smooth(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Options options;
    Py_buffer state, noise, fast;
    Point points[N_POINTS];
    double weight[N_POINTS], share;
    (void)self;
    if (expect(count, 16) || load_numbers(args + 6, 10, (double *)&options) ||
        load(args[2], 2 * N_POINTS, (double *)points) || (args[3] != Py_None && load(args[3], N_POINTS, weight)) ||
        open_memory(args[0], sizeof(Point[ROWS][N_POINTS]), &state))
        return NULL;
    if (open_memory(args[1], sizeof(double[N_POINTS]), &noise)) {
        PyBuffer_Release(&state);
        return NULL;
    }
    if (open_memory(args[4], N_POINTS, &fast)) {
        PyBuffer_Release(&noise);
        PyBuffer_Release(&state);
        return NULL;
    }
    weights(weight, args[3] != Py_None);
    share = advance(state.buf, noise.buf, points, weight, fast.buf, &options);
    const int failed = store32(args[5], 2 * N_POINTS, (const double *)((Point(*)[N_POINTS])state.buf)[VALUE]);
    PyBuffer_Release(&fast);
    PyBuffer_Release(&noise);
    PyBuffer_Release(&state);
    return failed ? NULL : PyFloat_FromDouble(share);
}
