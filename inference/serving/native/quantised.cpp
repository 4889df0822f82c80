#include "quantised.h"

#include <algorithm>

namespace parley {

void QuantisedRows::reserve(int rows, int inputs) {
    const size_t size = static_cast<size_t>(rows) * inputs;
    if (quants.size() < size) {
        quants.resize(size);
        scales.resize(size / GROUP);
        sums.resize(size / GROUP);
    }
}

void QuantisedRows::set(int row, const float* values, int inputs, float* rest) {
    int8_t* q = quants.data() + static_cast<size_t>(row) * inputs;
    const size_t first_group = static_cast<size_t>(row) * (inputs / GROUP);
    for (int group = 0; group < inputs / GROUP; group++, values += GROUP, q += GROUP) {
        const Floats low = load(values), high = load(values + LANES);
        const float largest = highest(max(absolute(low), absolute(high)));
        const Floats inverse = all(largest > 0 ? 127.0f / largest : 0.0f);
        const Ints low_q = rounded(mul(low, inverse)), high_q = rounded(mul(high, inverse));
        store_bytes(q, low_q);
        store_bytes(q + LANES, high_q);
        const Floats scale = all(largest / -127.0f);
        if (rest) {
            store(rest + group * GROUP, fma(floats(low_q), scale, low));
            store(rest + group * GROUP + LANES, fma(floats(high_q), scale, high));
        }
        scales[first_group + group] = largest / 127.0f;
        sums[first_group + group] = largest / 127.0f * static_cast<float>(total(add(low_q, high_q)));
    }
}

void put(float* y, Floats value, int count, bool add_to) {
    if (count == LANES) {
        store(y, add_to ? add(load(y), value) : value);
        return;
    }
    alignas(64) float lanes[LANES];
    store(lanes, value);
    for (int i = 0; i < count; i++) y[i] = add_to ? y[i] + lanes[i] : lanes[i];
}

void pack(const Matrix& matrix, const float* values, uint8_t* panels) {
    for (int output = 0; output < matrix.outputs; output++) {
        uint8_t* line = panels + matrix.panel_bytes() * (output / LANES);
        for (int group = 0; group < matrix.groups(); group++, values += GROUP, line += matrix.group_bytes()) {
            float largest = 0;
            for (int i = 0; i < GROUP; i++) largest = std::max(largest, std::abs(values[i]));
            const float d = largest / 127.0f;
            reinterpret_cast<float*>(line)[output % LANES] = d;
            for (int i = 0; i < GROUP; i++)
                line[SCALE_BYTES + (i / 4 * LANES + output % LANES) * 4 + i % 4] = quant(values[i], d);
        }
    }
}

void dequantise(const Matrix& matrix, int output, float* values) {
    const int lane = output % LANES;
    const uint8_t* line = matrix.panel(output / LANES);
    for (int group = 0; group < matrix.groups(); group++, values += GROUP, line += matrix.group_bytes()) {
        const uint8_t* quants = line + SCALE_BYTES + lane * 4;
        alignas(64) float d[LANES], m[LANES];
        if (matrix.bits == 4) {
            store(d, load_halves(reinterpret_cast<const uint16_t*>(line)));
            store(m, load_halves(reinterpret_cast<const uint16_t*>(line) + LANES));
            for (int i = 0; i < GROUP; i++) {
                const int both = quants[i % 16 / 4 * 64 + i % 4];
                values[i] = d[lane] * static_cast<float>(i < 16 ? both & 15 : both >> 4) + m[lane];
            }
        } else {
            store(d, load(reinterpret_cast<const float*>(line)));
            for (int i = 0; i < GROUP; i++)
                values[i] = d[lane] * static_cast<float>(quants[i / 4 * 64 + i % 4] - 128);
        }
    }
}

namespace {

// How far ahead of their use weights are asked of memory; 1 KiB is some groups.
constexpr int AHEAD = 1024;

// ROWS rows of x times one panel. Each group's weights are unpacked once, for all rows.
template <int BITS, int ROWS>
void multiply_panel(const Matrix& matrix, int index, const QuantisedRows& x, int row, Floats (&sums)[ROWS]) {
    const int inputs = matrix.inputs, groups = matrix.groups();
    const int8_t* q = x.quants.data() + static_cast<size_t>(row) * inputs;
    const float* x_scales = x.scales.data() + static_cast<size_t>(row) * groups;
    const float* x_sums = x.sums.data() + static_cast<size_t>(row) * groups;
    const uint8_t* line = matrix.panel(index);
    for (Floats& sum : sums) sum = all(0.0f);
    for (int group = 0; group < groups; group++, q += GROUP) {
        Floats d, m;
        Bytes weights[8];
        const uint8_t* quants = line + SCALE_BYTES;
        if constexpr (BITS == 4) {
            d = load_halves(reinterpret_cast<const uint16_t*>(line));
            m = load_halves(reinterpret_cast<const uint16_t*>(line) + LANES);
            for (int j = 0; j < 4; j++) {
                const Bytes both = load_bytes(quants + 64 * j);
                weights[j] = low_nibbles(both);
                weights[j + 4] = high_nibbles(both);
            }
        } else {
            d = load(reinterpret_cast<const float*>(line));
            m = mul(d, all(BYTE_OFFSET));
            for (int j = 0; j < 8; j++) weights[j] = load_bytes(quants + 64 * j);
        }
        constexpr int BYTES = SCALE_BYTES + (BITS == 4 ? 256 : 512);
        for (int ahead = 0; ahead < BYTES; ahead += 64)
            _mm_prefetch(reinterpret_cast<const char*>(line) + AHEAD + ahead, _MM_HINT_T0);
        line += BYTES;
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            const Four* four = reinterpret_cast<const Four*>(q + static_cast<size_t>(r) * inputs);
            Ints low = no_ints(), high = no_ints();
            for (int j = 0; j < 4; j++) {
                if constexpr (BITS == 4) {
                    low = dot_nibbles(low, weights[j], four[j]);
                    high = dot_nibbles(high, weights[j + 4], four[j + 4]);
                } else {
                    low = dot_bytes(low, weights[j], four[j]);
                    high = dot_bytes(high, weights[j + 4], four[j + 4]);
                }
            }
            const size_t at = static_cast<size_t>(r) * groups + group;
            sums[r] = fma(floats(add(low, high)), mul(d, all(x_scales[at])), sums[r]);
            sums[r] = fma(m, all(x_sums[at]), sums[r]);
        }
    }
}

template <int BITS, int ROWS>
void multiply_rows(const Matrix& matrix, int index, const QuantisedRows& x, int rows, int row, float* y, size_t stride,
                   bool add) {
    const int count = std::min(LANES, matrix.outputs - index * LANES);
    for (; row + ROWS <= rows; row += ROWS) {
        Floats sums[ROWS];
        multiply_panel<BITS, ROWS>(matrix, index, x, row, sums);
        for (int r = 0; r < ROWS; r++) put(y + (row + r) * stride + index * LANES, sums[r], count, add);
    }
    if constexpr (ROWS > 1)
        if (row < rows) multiply_rows<BITS, ROWS / 2>(matrix, index, x, rows, row, y, stride, add);
}

}  // namespace

void multiply(const Matrix& matrix, const QuantisedRows& x, const QuantisedRows* rest, int row, int rows, int first,
              int last, float* y, size_t stride, bool add) {
    const auto multiply_all = matrix.bits == 4 ? multiply_rows<4, MAX_ROWS> : multiply_rows<8, MAX_ROWS>;
    for (int index = first; index < last; index++) {
        multiply_all(matrix, index, x, rows, row, y, stride, add);
        if (rest) multiply_all(matrix, index, *rest, rows, row, y, stride, true);  // the panel is in the cache still
    }
}

}  // namespace parley
