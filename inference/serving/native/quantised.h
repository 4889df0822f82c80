// Weights and activations in groups of 32 small integers with a scale. Knows nothing of layers.
//
// A matrix [outputs, inputs] is kept as panels of 16 outputs, so that one vector holds the same inputs of 16 outputs:
//
//   panel            = [group], each group: a line of 64 bytes with scales | quants
//   group in 8 bits:   [16 outputs] float32 d                              | [8][16 outputs][4 inputs] uint8 q
//                      weight = d * (q - 128)
//   group in 4 bits:   [16 outputs] float16 d | [16 outputs] float16 m     | [4][16 outputs][4 inputs] two nibbles q
//                      weight = d * q + m
//
//   inputs of a group in 4 bits:   byte vector j, low nibbles   inputs 4j .. 4j+3
//                                  byte vector j, high nibbles  inputs 16+4j .. 16+4j+3
//
// So a product reads memory from the matrix's first byte to its last. These hold exactly what GGUF's blocks hold: Q8_0
// (d), Q4_1 (d, m), and Q4_0 (d, m = -8 d). The last panel is filled up with zeros. (Blocks: ggml-common.h of llama.cpp.)
//
// Activations are quantised row by row when they are used: int8 q and float32 scale per 32 values, as ggml does with
// Q8_0; scales of whole rows would ruin small models, whose few large activations set them. Where that is too coarse
// what rounding took away is quantised again, as a second row of the same form, and multiplied with the same weights.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lanes.h"

namespace parley {

constexpr int GROUP = 32;
constexpr int SCALE_BYTES = 64;

// Four quants of a row as what one instruction multiplies all outputs' weights with.
using Four [[gnu::may_alias]] = int32_t;

// A weight in 8 bits: value = scale * (quant - 128).
inline uint8_t quant(float value, float scale) {
    return static_cast<uint8_t>(scale > 0 ? 128 + static_cast<int>(std::lround(value / scale)) : 128);
}

struct Matrix {
    int bits;  // 4 or 8
    int outputs, inputs;
    const uint8_t* panels;

    int groups() const { return inputs / GROUP; }
    int count() const { return (outputs + LANES - 1) / LANES; }
    size_t group_bytes() const { return SCALE_BYTES + (bits == 4 ? 256 : 512); }
    size_t panel_bytes() const { return groups() * group_bytes(); }
    size_t bytes() const { return count() * panel_bytes(); }
    const uint8_t* panel(int index) const { return panels + index * panel_bytes(); }
};

// Rows of activations: quants [rows, inputs], and per group the scale and scale * sum of quants.
struct QuantisedRows {
    std::vector<int8_t> quants;
    std::vector<float> scales, sums;

    // Room for `rows` rows of up to `inputs` values; every `set` of a product has its matrix's number of them.
    void reserve(int rows, int inputs);
    // `rest`, if any, gets what rounding took away, [inputs].
    void set(int row, const float* values, int inputs, float* rest = nullptr);
};

// y[row, output] = (or +=, if `add`) the matrix times x, or times x + rest if there is one, for rows `row` to before
// `rows` and the outputs of panels `first` to before `last`. y is [rows, stride].
void multiply(const Matrix& matrix, const QuantisedRows& x, const QuantisedRows* rest, int row, int rows, int first,
              int last, float* y, size_t stride, bool add);

// y[0 … count - 1] = (or +=, if `add_to`) value.
void put(float* y, Floats value, int count, bool add_to);

// The nearest panels in 8 bits of values [outputs, inputs], into `panels`, which are zeros.
void pack(const Matrix& matrix, const float* values, uint8_t* panels);

// One row of the matrix, [inputs]: an embedding.
void dequantise(const Matrix& matrix, int output, float* values);

}  // namespace parley
