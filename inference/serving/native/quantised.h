// Weights and activations in groups of 32 small integers with a scale. Knows nothing of layers.
//
// A matrix [outputs, inputs] is kept as panels of 16 outputs, so that one vector holds the same inputs of 16 outputs:
//
//   panel in 8 bits = [pair of groups], each pair:
//       [2 groups][16 outputs] float16 d | [2 groups][8][16 outputs][4 inputs] uint8 q      weight = d * (q - 128)
//   panel in 4 bits = [16 outputs] int16 least d, step of d | the same of m | [pair of groups] | [16 outputs] float32 D,
//       each pair: [2 groups][4][16 outputs][4 inputs] two nibbles q | [16 outputs][2 groups] uint8 d, uint8 m
//                                                           weight = D * (d' / 2^15 * (q - 8) + m' / 2^8)
//                                                           d' = least + d * step / 2^8, rounded; m' so too
//
//   inputs of a group in 4 bits:   byte vector j, low nibbles   inputs 4j .. 4j+3
//                                  byte vector j, high nibbles  inputs 16+4j .. 16+4j+3
//
// So a product reads memory from the matrix's first byte to its last, and that in order: while d, m and D stood in
// front of the quants, which are needed before them, a step of one row took a fifth longer. What is missing to 16
// outputs, or to a pair of groups, is zeros.
//
// One row is as fast as memory gives weights, so they take few bytes: 8.5 bits a weight, and 4.6. They hold what GGUF's
// blocks hold (ggml-common.h of llama.cpp): Q8_0 exactly; of Q4_1 and Q4_0 the quants exactly, their d and m as one of
// 256 values between the output's least and largest. That moves weights by 0.0015 to 0.0026 of their length; x in int8
// loses 0.005.
//
// Activations are quantised row by row when they are used: int8 q and a scale per 32 values, as ggml does with Q8_0;
// one scale for a whole row would ruin small models, whose few large activations set it. Where that is too coarse what
// rounding took away is quantised again, as a second row of the same form, and multiplied with the same weights.
//
// A core multiplies one vector of 64 bytes a cycle, of whatever kind, so a product is as fast as it has few of these. A
// group of 32 inputs takes eight for its quants. In 8 bits its scales take two: x's times d, and the sum times that. In
// 4 bits there would be a third, m times x's sum; as integers of 16 bits two groups beside each other take all of it in
// three, 9.5 a group and row instead of 11. For that the scales of a row's groups are whole multiples of one unit,
// rounded up: in a group of small values steps are a little longer than they must be, in that of the largest they are
// not. What is added to weights below zero, 8 or 128 times the sum of x's, costs nothing: sums begin with it.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "ahead.h"
#include "lanes.h"

namespace parley {

constexpr int GROUP = 32;
constexpr int SCALE_BYTES = 64;
constexpr float WHOLE_D = 32768.0f, WHOLE_M = 256.0f;  // so many of d's and m's integers are D

// The quants of a group of a panel; a pair of groups with its scales.
constexpr int group_bytes(int bits) { return GROUP * LANES * bits / 8; }
constexpr int pair_bytes(int bits) { return 2 * group_bytes(bits) + SCALE_BYTES; }
// A pair of groups in 4 bits when it is unpacked: its quants as bytes, and d' and m' as words.
constexpr int UNPACKED_PAIR_BYTES = 2 * group_bytes(8) + 2 * SCALE_BYTES;

// A weight in 8 bits: value = scale * (quant - 128).
inline uint8_t quant(float value, float scale) {
    return static_cast<uint8_t>(scale > 0 ? 128 + static_cast<int>(std::lround(value / scale)) : 128);
}

struct Matrix {
    int bits;  // 4 or 8
    int outputs, inputs;
    const uint8_t* panels;

    int groups() const { return inputs / GROUP; }
    int pairs() const { return (groups() + 1) / 2; }
    int count() const { return (outputs + LANES - 1) / LANES; }
    size_t panel_bytes() const { return pairs() * pair_bytes(bits) + (bits == 4 ? 3 * SCALE_BYTES : 0); }
    size_t bytes() const { return count() * panel_bytes(); }
    const uint8_t* panel(int index) const { return panels + index * panel_bytes(); }
};

// Rows of activations. 16 of them lie together, group by group, since a product takes the same group of all of them:
//
//   quants           [rows / 16][group][16 rows][32]      int8
//   scales           [rows / 16][group][16 rows]          float32, unit * factor
//   eights           [rows / 16][group][16 rows]          int32, -8 times the sum of the group's quants
//   factors, sums    [rows / 16][pair][16 rows][2 groups] int16, the scale in the row's units; that times the
//                                                         sum of the quants, in 2^8 units
//   units            [rows]                               float32
struct QuantisedRows {
    static constexpr int TOGETHER = 16;  // no fewer than MAX_ROWS, and a multiple of it

    std::vector<int8_t> quants;
    std::vector<float> scales, units;
    std::vector<int32_t> eights;
    std::vector<int16_t> factors, sums;

    static int pairs(int inputs) { return (inputs / GROUP + 1) / 2; }
    // Where a row's first pair of groups stands among all pairs; the next one is TOGETHER further.
    static size_t pair_place(int row, int inputs) {
        return static_cast<size_t>(row / TOGETHER) * TOGETHER * pairs(inputs) + row % TOGETHER;
    }
    // The same for its first group; the next one is TOGETHER further.
    static size_t place(int row, int inputs) {
        return static_cast<size_t>(row / TOGETHER) * TOGETHER * 2 * pairs(inputs) + row % TOGETHER;
    }
    // Room for `rows` rows of up to `inputs` values; every `set` of a product has its matrix's number of them.
    void reserve(int rows, int inputs);
    // `rest`, if any, gets what rounding took away, [inputs].
    void set(int row, const float* values, int inputs, float* rest = nullptr);
};

// Where a product goes: y[row, output] = (or +=, if `add`) it; y is [rows, stride]. `peaks`, if any, get the highest
// output of each panel, [rows / 16][peak_panels][16 rows], as far as this product goes.
struct Target {
    float* y;
    size_t stride;
    bool add = false;
    float* peaks = nullptr;
    int peak_panels = 0;

    float* peak(int row, int panel) const {
        constexpr int TOGETHER = QuantisedRows::TOGETHER;
        return peaks + (static_cast<size_t>(row / TOGETHER) * peak_panels + panel) * TOGETHER + row % TOGETHER;
    }
};

// `target` gets the matrix times x, or times x + rest if there is one, for rows `row` to before `rows` (from a multiple of
// TOGETHER on, or a single one) and the outputs of panels `first` to before `last`. Behind the last panel the caller will
// read on at `next`; meanwhile `ahead`, if any, asks once for each group. `room`, if any, has UNPACKED_PAIR_BYTES for each
// pair of the matrix, on whole lines: panels in 4 bits are unpacked there when there are many rows.
void multiply(const Matrix& matrix, const QuantisedRows& x, const QuantisedRows* rest, int row, int rows, int first,
              int last, const Target& target, const uint8_t* next, Ahead* ahead = nullptr, uint8_t* room = nullptr);

// y[0 … count - 1] = (or +=, if `add_to`) value.
inline void put(float* y, Floats value, int count, bool add_to) {
    if (count == LANES) {
        store(y, add_to ? add(load(y), value) : value);
        return;
    }
    alignas(64) float lanes[LANES];
    store(lanes, value);
    for (int i = 0; i < count; i++) y[i] = add_to ? y[i] + lanes[i] : lanes[i];
}

// The nearest panels in 8 bits of values [outputs, inputs], into `panels`, which are zeros.
void pack(const Matrix& matrix, const float* values, uint8_t* panels);

// One row of the matrix, [inputs]: an embedding.
void dequantise(const Matrix& matrix, int output, float* values);

}  // namespace parley
