// Low-rank additions to a matrix product: y += B (A x), for rows of different adapters in one batch.
//
// Both are kept in bfloat16, with the rank filled up with zeros to a multiple of 16:
//
//   A [rank, inputs]    kept as [rank / 16][inputs / 2][16 ranks][2]         lanes are ranks
//   B [outputs, rank]   kept as [outputs / 16][rank / 2][16 outputs][2]      lanes are outputs; times the scale
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory.h"

namespace parley {

constexpr int MAX_RANK = 256;

struct LowRank {
    int rank, inputs, outputs;  // rank as filled up
    uint16_t *down, *up;  // in the adapter's memory

    // `a` [rank, inputs] and `b` [outputs, rank], the scale of the adapter already in `b`.
    LowRank(Arena& memory, int rank, int inputs, int outputs, const float* a, const float* b);

    // middle[rank / 2] = A x as bfloat16 pairs, of `x` [inputs / 2] as bfloat16 pairs.
    void go_down(const uint32_t* x, uint32_t* middle) const;
    // y[output] += B middle, for the outputs of panels `first` to before `last`.
    void go_up(const uint32_t* middle, int first, int last, float* y) const;
};

// One adapter: its additions by the number of the linear (model.h), none where it adds nothing.
struct Adapter {
    Arena memory;
    std::vector<std::unique_ptr<LowRank>> linears;
    bool is_complete = false;
};

}  // namespace parley
