// Low-rank additions to a matrix product: y += B (A x), for rows of different adapters in one batch.
//
// What they cost is what is read of them, since every row may have an adapter of its own, so both are in 8 bits:
//
//   A [rank, inputs]    a matrix as any other (quantised.h), times x in int8
//   B [outputs, rank]   panels of 16 outputs, times the adapter's scale:
//                       [16 outputs] float32 d | [rank / 4][16 outputs][4 ranks] uint8 q, weight = d * (q - 128)
//
// A x is taken in two pieces of 8 bits: its few values may lie far apart, and there is one scale for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory.h"
#include "quantised.h"

namespace parley {

constexpr int MAX_RANK = 256;

// A x of one row and one linear: scale * (high + low / 254); sums are those of all quants.
struct Middle {
    int8_t high[MAX_RANK], low[MAX_RANK];
    float scale, high_sum, low_sum;
};

class LowRank {
  public:
    // `a` [rank, inputs] and `b` [outputs, rank], the scale of the adapter already in `b`. Throws std::bad_alloc.
    LowRank(Arena& memory, int rank, int inputs, int outputs, const float* a, const float* b);

    // What each of the two reads, for `ahead`.
    void foresee_down(Ahead& ahead) const { ahead.add(down_.panels, down_.bytes()); }
    void foresee_up(Ahead& ahead, int first, int last) const {
        ahead.add(up_ + up_bytes() * first, up_bytes() * (last - first));
    }
    // middle = A x, of one row; thereafter A of `next` is read, if there is one.
    void go_down(const QuantisedRows& x, int row, Middle& middle, const LowRank* next) const;
    // y[output] += B middle, for the outputs of panels `first` to before `last`; y begins with the first of these.
    void go_up(const Middle& middle, int first, int last, float* y) const;

  private:
    size_t up_bytes() const { return SCALE_BYTES + static_cast<size_t>(rank_) * LANES; }  // of a panel

    int rank_, outputs_;  // the rank is filled up to a multiple of 4
    Matrix down_;
    const uint8_t* up_;  // in the adapter's memory, as A is
};

// One adapter: its additions by the number of the linear (model.h), none where it adds nothing.
struct Adapter {
    Arena memory;
    std::vector<std::unique_ptr<LowRank>> linears;
    bool is_complete = false;
};

}  // namespace parley
