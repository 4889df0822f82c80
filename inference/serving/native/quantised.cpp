#include "quantised.h"

#include <algorithm>

namespace parley {

void QuantisedRows::reserve(int rows, int inputs) {
    const size_t whole = static_cast<size_t>(rows + TOGETHER - 1) / TOGETHER * TOGETHER;
    const size_t groups = whole * 2 * pairs(inputs);
    if (scales.size() < groups) {
        quants.resize(groups * GROUP);
        scales.resize(groups);
        eights.resize(groups);
        factors.resize(groups);
        sums.resize(groups);
    }
    if (units.size() < whole) units.resize(whole);
}

// No group waits for another one: what is needed of all of them, the largest value, is found first.
void QuantisedRows::set(int row, const float* values, int inputs, float* rest) {
    const int groups = inputs / GROUP;
    const size_t at = place(row, inputs), pair_at = pair_place(row, inputs);
    float* group_scales = scales.data() + at;
    Floats row_largest = all(0.0f);
    for (int group = 0; group < groups; group++) {
        const float* low = values + group * GROUP;
        const Floats largest = max(absolute(load(low)), absolute(load(low + LANES)));
        group_scales[group * TOGETHER] = highest(largest) / 127.0f;
        row_largest = max(row_largest, largest);
    }
    // So many units at most that a product of the row, 8 * 127 * 32 * factor for each group, fits into 31 bits.
    const int most = std::min(2047, 65535 / groups);
    const float unit = highest(row_largest) / 127.0f / static_cast<float>(most);
    const float per_unit = unit > 0 ? 1.0f / unit : 0.0f;
    units[row] = unit;
    for (int group = 0; group < groups; group++) {
        const float units_up = group_scales[group * TOGETHER] * per_unit + 0.999f;  // no number where values are none
        const int factor = static_cast<int>(std::min(std::max(1.0f, units_up), static_cast<float>(most)));
        const float scale = unit * static_cast<float>(factor);
        const Floats low = load(values + group * GROUP), high = load(values + group * GROUP + LANES);
        const Floats inverse = all(scale > 0 ? 1.0f / scale : 0.0f);
        const Ints low_q = rounded(mul(low, inverse)), high_q = rounded(mul(high, inverse));
        int8_t* q = quants.data() + (at + group * TOGETHER) * GROUP;
        store_bytes(q, low_q);
        store_bytes(q + LANES, high_q);
        if (rest) {
            store(rest + group * GROUP, fma(floats(low_q), all(-scale), low));
            store(rest + group * GROUP + LANES, fma(floats(high_q), all(-scale), high));
        }
        const int sum = total(add(low_q, high_q));
        const size_t half = (pair_at + group / 2 * TOGETHER) * 2 + group % 2;
        group_scales[group * TOGETHER] = scale;
        eights[at + group * TOGETHER] = -8 * sum;
        factors[half] = static_cast<int16_t>(factor);
        sums[half] = static_cast<int16_t>((factor * sum + 128) >> 8);
    }
    if (groups % 2) {  // nothing is what stands beside the last one
        const size_t half = (pair_at + groups / 2 * TOGETHER) * 2 + 1;
        group_scales[groups * TOGETHER] = 0;
        factors[half] = sums[half] = 0;
    }
}

// The least float16 from `value` on, or the largest that there is.
static uint16_t half_above(float value) { return _cvtss_sh(std::min(value, 65504.0f), _MM_FROUND_TO_POS_INF); }

void pack(const Matrix& matrix, const float* values, uint8_t* panels) {
    for (int output = 0; output < matrix.outputs; output++) {
        const int lane = output % LANES;
        uint8_t* panel = panels + matrix.panel_bytes() * (output / LANES);
        for (int group = 0; group < matrix.groups(); group++, values += GROUP) {
            uint8_t* pair = panel + group / 2 * pair_bytes(8);
            uint8_t* quants = pair + SCALE_BYTES + group % 2 * group_bytes(8) + lane * 4;
            float largest = 0;
            for (int i = 0; i < GROUP; i++) largest = std::max(largest, std::abs(values[i]));
            const uint16_t half = half_above(largest / 127.0f);
            reinterpret_cast<uint16_t*>(pair)[group % 2 * LANES + lane] = half;
            const float d = _cvtsh_ss(half);
            for (int i = 0; i < GROUP; i++)
                quants[i / 4 * 64 + i % 4] = quant(std::clamp(values[i], -127 * d, 127 * d), d);
        }
    }
}

// What a panel's `line` of least values and steps makes of a d or m.
static float stepped(const uint8_t* line, int lane, uint8_t count) {
    const int16_t* row = reinterpret_cast<const int16_t*>(line) + 2 * lane;
    return static_cast<float>(row[0] + ((count * row[1] + 128) >> 8));
}

void dequantise(const Matrix& matrix, int output, float* values) {
    const int lane = output % LANES;
    const uint8_t* panel = matrix.panel(output / LANES);
    for (int group = 0; group < matrix.groups(); group++, values += GROUP) {
        const uint8_t* pair = panel + (matrix.bits == 4 ? 2 * SCALE_BYTES : 0) + group / 2 * pair_bytes(matrix.bits);
        const uint8_t* quants = pair + group % 2 * group_bytes(matrix.bits) + lane * 4;
        if (matrix.bits == 4) {
            const uint8_t* scales = pair + 2 * group_bytes(4) + (lane * 2 + group % 2) * 2;
            const float whole = reinterpret_cast<const float*>(panel + matrix.panel_bytes() - SCALE_BYTES)[lane];
            const float d = stepped(panel, lane, scales[0]) * (whole / WHOLE_D);
            const float m = stepped(panel + SCALE_BYTES, lane, scales[1]) * (whole / WHOLE_M);
            for (int i = 0; i < GROUP; i++) {
                const int both = quants[i % 16 / 4 * 64 + i % 4], q = i < 16 ? both & 15 : both >> 4;
                values[i] = d * static_cast<float>(q - 8) + m;
            }
        } else {
            quants += SCALE_BYTES;
            const float d = _cvtsh_ss(reinterpret_cast<const uint16_t*>(pair)[group % 2 * LANES + lane]);
            for (int i = 0; i < GROUP; i++) values[i] = d * static_cast<float>(quants[i / 4 * 64 + i % 4] - 128);
        }
    }
}

}  // namespace parley
