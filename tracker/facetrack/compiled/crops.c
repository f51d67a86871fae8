/* Crops of a frame: `geometry.cut` and `cut_by`, by the same halvings and the same sampling in single precision. */
#include "kernels.h"
#include <stdint.h>
#include <string.h>

#define BLOCK 128 /* px of a crop's row that are sampled together */
#define FAR 1e8
#ifdef __GNUC__
#define FETCH(address) __builtin_prefetch((const void *)(address))
#else
#define FETCH(address) (void)(address)
#endif

typedef struct {
    const unsigned char *first; /* BGR; only its rows may lie apart */
    Py_ssize_t stride, width, height;
} Picture;

/* Four neighbours of each px of a row, 4 bytes each; the weights of the right and of the lower ones, 4 times each. */
typedef struct {
    unsigned char left[4 * BLOCK], right[4 * BLOCK], low_left[4 * BLOCK], low_right[4 * BLOCK], mixed[4 * BLOCK];
    float across[4 * BLOCK], down[4 * BLOCK];
    float x[BLOCK], y[BLOCK];
    int column[BLOCK], line[BLOCK];
} Row;

/* In single precision and rounded to even, as OpenCV does it. */
#define ROUNDED(value) (unsigned char)(int)((value) + 8388608.0f - 8388608.0f)
#define FUSED(a, b, c) fmaf(a, b, c)
#define APART(a, b, c) ((a) * (b) + (c))
#define MIX(multiply_add)                                                                                              \
    for (Py_ssize_t i = 4 * first; i < 4 * last; i++) { /* without branches or steps, so that it becomes vectors */    \
        const float left = row->left[i], low_left = row->low_left[i], across = row->across[i];                         \
        const float top = multiply_add(across, row->right[i] - left, left);                                            \
        const float bottom = multiply_add(across, row->low_right[i] - low_left, low_left);                             \
        row->mixed[i] = ROUNDED(multiply_add(row->down[i], bottom - top, top));                                        \
    }

/* With fused multiplications where the processor has them, as OpenCV does: then both are equal to the last bit. */
#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void mix_fused(Row *restrict row, Py_ssize_t first, Py_ssize_t last)
{
    MIX(FUSED)
}
static void mix_apart(Row *restrict row, Py_ssize_t first, Py_ssize_t last) { MIX(APART) }
static void mix(Row *restrict row, Py_ssize_t first, Py_ssize_t last)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        mix_fused(row, first, last);
    else
        mix_apart(row, first, last);
}
#elif defined(__aarch64__)
static void mix(Row *restrict row, Py_ssize_t first, Py_ssize_t last) { MIX(FUSED) }
#else
static void mix(Row *restrict row, Py_ssize_t first, Py_ssize_t last) { MIX(APART) }
#endif

/* Whether all four neighbours, and two bytes after them, lie in the picture. */
static int is_inside(const Picture *picture, float x, float y)
{
    return x >= 0 && y >= 0 && x < (float)(picture->width - 2) && y < (float)(picture->height - 1);
}

static void sample_edge(const Picture *picture, float x, float y, unsigned char *out)
{
    const float column = floorf(x), row = floorf(y);
    for (int channel = 0; channel < 3; channel++) {
        float near[4] = {0};
        for (int k = 0; k < 4; k++) {
            const Py_ssize_t i = (Py_ssize_t)column + (k & 1), j = (Py_ssize_t)row + (k >> 1);
            if (i >= 0 && j >= 0 && i < picture->width && j < picture->height)
                near[k] = picture->first[j * picture->stride + 3 * i + channel];
        }
        const float top = fmaf(x - column, near[1] - near[0], near[0]);
        const float bottom = fmaf(x - column, near[3] - near[2], near[2]);
        out[channel] = ROUNDED(fmaf(y - row, bottom - top, top));
    }
}

/* A row's places in the picture: x = xx u + x0, y = yx u + y0, each rounded once, as a fused multiplication is. */
typedef struct {
    double xx, x0, yx, y0;
} Line;

static inline float place_x(const Line *line, Py_ssize_t u) { return (float)(line->xx * (double)u + line->x0); }
static inline float place_y(const Line *line, Py_ssize_t u) { return (float)(line->yx * (double)u + line->y0); }

/* Sample px `start` to `end` of a crop's row, BLOCK at most. */
static void sample_block(const Picture *picture, const Line *line, Py_ssize_t start, Py_ssize_t end, unsigned char *out)
{
    Row row;
    Py_ssize_t first = start, last = end;
    for (; first < last && !is_inside(picture, place_x(line, first), place_y(line, first)); first++)
        sample_edge(picture, place_x(line, first), place_y(line, first), out + 3 * first);
    for (; first < last && !is_inside(picture, place_x(line, last - 1), place_y(line, last - 1)); last--)
        sample_edge(picture, place_x(line, last - 1), place_y(line, last - 1), out + 3 * (last - 1));
    if (first == last)
        return;
    for (int i = (int)(first - start); i < (int)(last - start); i++) {
        row.x[i] = (float)(line->xx * (double)(i + (int)start) + line->x0);
        row.y[i] = (float)(line->yx * (double)(i + (int)start) + line->y0);
        row.column[i] = (int)row.x[i], row.line[i] = (int)row.y[i];
        row.x[i] -= (float)row.column[i], row.y[i] -= (float)row.line[i];
    }
    for (Py_ssize_t i = first - start; i < last - start; i++) {
        const unsigned char *pixel = picture->first + row.line[i] * picture->stride + 3 * row.column[i];
        FETCH((uintptr_t)pixel + 5 * (uintptr_t)picture->stride); /* a row that comes soon: in no cache yet */
        memcpy(row.left + 4 * i, pixel, 4);
        memcpy(row.right + 4 * i, pixel + 3, 4);
        memcpy(row.low_left + 4 * i, pixel + picture->stride, 4);
        memcpy(row.low_right + 4 * i, pixel + picture->stride + 3, 4);
        for (int k = 0; k < 4; k++) {
            row.across[4 * i + k] = row.x[i];
            row.down[4 * i + k] = row.y[i];
        }
    }
    mix(&row, first - start, last - start);
    for (Py_ssize_t u = first; u < last - 1; u++)
        memcpy(out + 3 * u, row.mixed + 4 * (u - start), 4); /* the fourth byte is overwritten by the next px */
    memcpy(out + 3 * (last - 1), row.mixed + 4 * (last - 1 - start), 3);
}

/* Sample bilinearly, black beyond the picture. map: (2, 3), from the picture's px to the crop's. */
static void sample_affine(const Picture *picture, const double *map, unsigned char *out, Py_ssize_t width,
                          Py_ssize_t height)
{
    const double size = map[0] * map[4] - map[1] * map[3];
    const double back[4] = {map[4] / size, -map[1] / size, -map[3] / size, map[0] / size};
    const double x0 = -back[0] * map[2] - back[1] * map[5], y0 = -back[2] * map[2] - back[3] * map[5];
    const double reach = fabs(x0) + fabs(y0) + (fabs(back[0]) + fabs(back[2])) * (double)width +
                         (fabs(back[1]) + fabs(back[3])) * (double)height;
    if (!(reach < FAR)) { /* also where it is NaN */
        memset(out, 0, (size_t)(3 * width * height));
        return;
    }
    for (Py_ssize_t v = 0; v < height; v++, out += 3 * width) {
        const float across = (float)back[1] * (float)v, down = (float)back[3] * (float)v;
        const Line line = {(float)back[0], across + (float)x0, (float)back[2], down + (float)y0};
        for (Py_ssize_t at = 0; at < width; at += BLOCK)
            sample_block(picture, &line, at, width - at < BLOCK ? width : at + BLOCK, out);
    }
}

/* Mean of four px from each byte on, of which those of every second px are wanted: without steps it becomes vectors. */
static void average(const unsigned char *row, const unsigned char *next, Py_ssize_t count, uint16_t *restrict sums,
                    unsigned char *restrict means)
{
    for (Py_ssize_t i = 0; i < count; i++)
        sums[i] = (uint16_t)(row[i] + next[i]);
    for (Py_ssize_t i = 0; i < count - 3; i++)
        means[i] = (unsigned char)((uint16_t)(sums[i] + sums[i + 3] + 2) >> 2);
}

/* Average 2x2 px: `geometry.halve`. out may be where the picture is; memory: of 3 times a row's bytes. */
static void halve(Picture *picture, unsigned char *memory, unsigned char *out)
{
    const unsigned char *row = picture->first;
    const Py_ssize_t width = picture->width / 2, height = picture->height / 2;
    unsigned char *means = memory + 12 * width;
    picture->first = out;
    for (Py_ssize_t j = 0; j < height; j++, row += 2 * picture->stride, out += 3 * width) {
        for (Py_ssize_t i = 0; i < 6 * width; i += 64) {
            FETCH((uintptr_t)row + 6 * (uintptr_t)picture->stride + (uintptr_t)i);
            FETCH((uintptr_t)row + 7 * (uintptr_t)picture->stride + (uintptr_t)i);
        }
        average(row, row + picture->stride, 6 * width, (uint16_t *)memory, means);
        for (Py_ssize_t i = 0; i < width - 1; i++)
            memcpy(out + 3 * i, means + 6 * i, 4); /* the fourth byte is overwritten by the next px */
        memcpy(out + 3 * (width - 1), means + 6 * (width - 1), 3);
    }
    picture->stride = 3 * width, picture->width = width, picture->height = height;
}

static Py_ssize_t whole(double value) { return (Py_ssize_t)clamp(value, -1e9, 1e9); }

/* Replace the picture by the part under the crop, halved so many times, and the map by that from its px: `_halved`.
 *
 * Returns the memory of the part, NULL where the picture stays or where there is none (then with an exception). */
static unsigned char *halved(Picture *picture, double *map, int times, Py_ssize_t out_width, Py_ssize_t out_height)
{
    const Py_ssize_t cell = (Py_ssize_t)1 << times;
    const double a = map[0], b = map[1], d = map[3], e = map[4], square = a * a + d * d;
    const double to_x = ((double)out_width - 1) / 2 - map[2], to_y = ((double)out_height - 1) / 2 - map[5];
    const double x = (a * to_x + d * to_y) / square, y = (b * to_x + e * to_y) / square;
    const double half_x = (fabs(a) * (double)out_width + fabs(d) * (double)out_height) / 2 / square + 2 * (double)cell;
    const double half_y = (fabs(b) * (double)out_width + fabs(e) * (double)out_height) / 2 / square + 2 * (double)cell;
    const Py_ssize_t from_x = whole(x - half_x), from_y = whole(y - half_y);
    const Py_ssize_t x0 = from_x > 0 ? from_x / cell * cell : 0, y0 = from_y > 0 ? from_y / cell * cell : 0;
    const Py_ssize_t to_column = whole(x + half_x) + 2, to_row = whole(y + half_y) + 2;
    const Py_ssize_t across = (to_column < picture->width ? to_column : picture->width) - x0;
    const Py_ssize_t down = (to_row < picture->height ? to_row : picture->height) - y0;
    if (across < cell || down < cell)
        return NULL;
    Picture part = {picture->first + y0 * picture->stride + 3 * x0, picture->stride, across / cell * cell,
                    down / cell * cell};
    const Py_ssize_t rows = 9 * part.width, bytes = part.width / 2 * (part.height / 2) * 3;
    unsigned char *memory = PyMem_Malloc((size_t)(rows + bytes));
    if (!memory) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int k = 0; k < times; k++)
        halve(&part, memory, memory + rows);
    const double left = (double)x0 + ((double)cell - 1) / 2, top = (double)y0 + ((double)cell - 1) / 2;
    map[2] += a * left + b * top, map[5] += d * left + e * top;
    map[0] *= (double)cell, map[1] *= (double)cell, map[3] *= (double)cell, map[4] *= (double)cell;
    *picture = part;
    return memory;
}

/* 0, or -1 with an exception set. */
static int cut(Picture picture, double *map, double halvings, unsigned char *out, Py_ssize_t width, Py_ssize_t height)
{
    unsigned char *memory = halvings >= 1 && halvings < 30 ? halved(&picture, map, (int)halvings, width, height) : NULL;
    if (!memory && PyErr_Occurred())
        return -1;
    sample_affine(&picture, map, out, width, height);
    PyMem_Free(memory);
    return 0;
}

/* 1 for a picture that can be cut, 0 for one of another layout, -1 with an exception. PyBuffer_Release it if 1. */
static int open_picture(PyObject *image, Py_buffer *view, Picture *picture)
{
    if (PyObject_GetBuffer(image, view, PyBUF_RECORDS_RO))
        return -1;
    const int is_plain = view->ndim == 3 && view->itemsize == 1 && view->format && view->format[0] == 'B' &&
                         view->shape[2] == 3 && view->strides[2] == 1 && view->strides[1] == 3 &&
                         view->strides[0] >= 3 * view->shape[1];
    if (is_plain)
        *picture = (Picture){view->buf, view->strides[0], view->shape[1], view->shape[0]};
    else
        PyBuffer_Release(view);
    return is_plain;
}

static int open_crop(PyObject *crop, Py_buffer *view)
{
    if (PyObject_GetBuffer(crop, view, PyBUF_CONTIG))
        return -1;
    if (view->ndim == 3 && view->itemsize == 1 && view->shape[2] == 3)
        return 0;
    PyErr_SetString(PyExc_TypeError, "got a crop that is not (H, W, 3) uint8");
    PyBuffer_Release(view);
    return -1;
}

/* Cut crops of one shape that lie one after the other in `out`, each by its map; returns as `open_picture`.
 *
 * halvings: NAN for what each map needs. */
static int cut_each(PyObject *image, double *maps, int crops, double halvings, unsigned char *out, Py_ssize_t width,
                    Py_ssize_t height)
{
    Py_buffer view;
    Picture picture;
    const int is_plain = open_picture(image, &view, &picture);
    if (is_plain != 1)
        return is_plain;
    int failed = 0;
    for (int k = 0; k < crops && !failed; k++, maps += 6, out += 3 * width * height)
        failed = cut(picture, maps, isnan(halvings) ? floor(-log2(hypot(maps[0], maps[3]))) : halvings, out, width,
                     height);
    PyBuffer_Release(&view);
    return failed ? -1 : 1;
}

/* cut_box(image, x, y, size_px, roll_rad, out) -> whether it was cut, by the image's layout: `geometry.cut` */
PyObject *cut_box(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double crop[4];
    Py_buffer out;
    (void)self;
    if (expect(count, 6) || load_numbers(args + 1, 4, crop) || open_crop(args[5], &out))
        return NULL;
    const double width = (double)out.shape[1], scale = width / crop[2], middle = (width - 1) / 2;
    const double c = cos(crop[3]) * scale, s = sin(crop[3]) * scale;
    double map[6] = {c, s, middle - c * crop[0] - s * crop[1], -s, c, middle + s * crop[0] - c * crop[1]};
    const int done = cut_each(args[0], map, 1, floor(log2(crop[2] / width)), out.buf, out.shape[1], out.shape[0]);
    PyBuffer_Release(&out);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

/* cut_by(image, map, out) -> whether it was cut, by the image's layout: `geometry.cut_by` */
PyObject *cut_by(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double map[6];
    Py_buffer out;
    (void)self;
    if (expect(count, 3) || load(args[1], 6, map) || open_crop(args[2], &out))
        return NULL;
    const int done = cut_each(args[0], map, 1, NAN, out.buf, out.shape[1], out.shape[0]);
    PyBuffer_Release(&out);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

/* cut_eyes(image, points, placed points, widths, width of the nose, out, back out, px out) -> whether they were cut
 *
 * out: (side, side, 3), the right eye's crop above the left one's: `eyes.reader`. Not cut are those of a face whose
 * points are not finite. */
PyObject *cut_eyes(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    double points[2 * N_POINTS], limits[2], maps[12], back[12], px[2];
    Py_ssize_t at[5];
    Py_buffer out;
    (void)self;
    if (expect(count, 8) || load(args[1], 2 * N_POINTS, points) || load_indices(args[2], 5, N_POINTS, at) ||
        load_numbers(args + 3, 2, limits) || open_crop(args[5], &out))
        return NULL;
    const Py_ssize_t side = out.shape[1];
    int done = 0;
    const int known = eye_maps(points, at, (double)side, limits[0], limits[1], maps, back, px);
    if (known && out.shape[0] >= side / 2 * 2)
        done = cut_each(args[0], maps, 2, NAN, out.buf, side, side / 2);
    PyBuffer_Release(&out);
    if (known && done == 0)
        PyErr_SetString(PyExc_TypeError, "got a picture that is not (H, W, 3) uint8 with its px one after the other");
    if (known && (done != 1 || store64(args[6], 12, back) || store64(args[7], 2, px)))
        return NULL;
    return PyBool_FromLong(known);
}
