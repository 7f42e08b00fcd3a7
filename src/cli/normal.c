/* SPDX-License-Identifier: Apache-2.0 */
/* The ziggurat method over xoshiro256++.
 * - G. Marsaglia and W. W. Tsang, "The Ziggurat Method for Generating Random Variables", J. Stat.
 *   Software 5 (2000); with independent bits for layer and position, as J. A. Doornik, "An Improved
 *   Ziggurat Method to Generate Normal Random Samples" (2005), asks for.
 * - D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", TOMS 47 (2021);
 *   seeded by splitmix64.
 *
 * The area under the bell is covered by 256 layers of equal area, stacked; a random layer and a
 * random point in it lie under the curve for sure in 98.8 % of all cases, without exp or log:
 *
 *     |.             layer i is the rectangle from 0 to x[i]; what is left of x[i + 1] is
 *     |==.           surely under the curve, the rest is tested
 *     |=====..
 *     |==========....   the base layer includes the tail beyond x[1]
 *     +--------------------
 */
#include "cli/normal.h"

#include <math.h>

/* For 256 layers: the right edge of the base's rectangle, and the area of each layer, under the
 * unscaled curve exp(-x^2 / 2). */
static const double base_edge = 3.6541528853610088;
static const double layer_area = 0.00492867323399141;

static double density_at(double x)
{
    return exp(-0.5 * x * x);
}

void normal_table_init(struct normal_table *table)
{
    table->x[0] = layer_area / density_at(base_edge); /* as wide as base and tail together */
    table->x[1] = base_edge;
    for (int i = 2; i < normal_layers; i++) {
        double below = table->x[i - 1];
        table->x[i] = sqrt(-2 * log(layer_area / below + density_at(below)));
    }
    table->x[normal_layers] = 0;
    for (int i = 0; i <= normal_layers; i++)
        table->density[i] = density_at(table->x[i]);
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void normal_init(struct normal *normal, const struct normal_table *table, uint64_t seed,
                 uint64_t stream)
{
    uint64_t mixed = splitmix64(&seed) ^ stream * UINT64_C(0xd1342543de82ef95);
    normal->table = table;
    for (int i = 0; i < 4; i++)
        normal->state[i] = splitmix64(&mixed);
}

static uint64_t rotate(uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

static uint64_t next_bits(uint64_t state[4])
{
    uint64_t result = rotate(state[0] + state[3], 23) + state[0];
    uint64_t t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate(state[3], 45);
    return result;
}

/* In (0, 1). */
static double next_uniform(uint64_t state[4])
{
    return ((double)(next_bits(state) >> 12) + 0.5) * 0x1p-52;
}

/* A point of the tail beyond base_edge, by Marsaglia's rejection. */
static double next_in_tail(uint64_t state[4])
{
    double x, y;
    do {
        x = -log(next_uniform(state)) / base_edge;
        y = -log(next_uniform(state));
    } while (y + y < x * x);
    return base_edge + x;
}

static double next_normal(const struct normal_table *table, uint64_t state[4])
{
    for (;;) {
        uint64_t bits = next_bits(state);
        unsigned layer = bits & 0xff;
        double x = (double)((int64_t)bits >> 10) * 0x1p-53 * table->x[layer]; /* signed */
        if (fabs(x) < table->x[layer + 1])
            return x;
        if (layer == 0)
            return copysign(next_in_tail(state), x);
        double low = table->density[layer], high = table->density[layer + 1];
        if (low + (high - low) * next_uniform(state) < density_at(x))
            return x;
    }
}

void normal_fill(struct normal *normal, double *values, size_t count)
{
    uint64_t state[4];
    for (int i = 0; i < 4; i++)
        state[i] = normal->state[i];
    for (size_t i = 0; i < count; i++)
        values[i] = next_normal(normal->table, state);
    for (int i = 0; i < 4; i++)
        normal->state[i] = state[i];
}
