// Products with a few outputs that lie anywhere, one by one: a panel has to be read whole for any of its 16.
//
// An output in 8 bits fills whole lines of memory:  [inputs] uint8 q | [groups] float16 d      value = d * (q - 128)
#pragma once

#include <vector>

#include "memory.h"
#include "quantised.h"

namespace parley {

struct Singles {
    int outputs, inputs;
    const uint8_t* data;

    int groups() const { return inputs / GROUP; }
    size_t quant_bytes() const { return lines(inputs); }
    size_t output_bytes() const { return quant_bytes() + lines(groups() * sizeof(uint16_t)); }
    size_t bytes() const { return outputs * output_bytes(); }
    const uint8_t* output(int index) const { return data + index * output_bytes(); }

    static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }
};

// A row of activations as these products take it: [inputs] int8 q, and for each group its scale and what its sum begins
// with. Zeros stand behind the last.
class SingleRow {
  public:
    // Room for rows of up to `inputs` values.
    void reserve(int inputs);
    // Row `row` of `x`, which has `inputs` values.
    void set(const QuantisedRows& x, int row, int inputs);
    // Times an output.
    float times(const Singles& matrix, int output) const;

  private:
    std::vector<int8_t, OnLines<int8_t>> quants_;
    std::vector<float, OnLines<float>> scales_, offsets_;
};

// One output, [inputs]: an embedding.
void dequantise(const Singles& matrix, int output, float* values);

}  // namespace parley
