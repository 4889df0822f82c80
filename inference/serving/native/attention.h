// Keys and values in pages of 16 positions, and attention over them. Knows nothing of weights.
//
// The pool is [layer][page][kv head][tile of keys | tile of values], all bfloat16. Both tiles of a page and head have
// 16 * head_size elements, laid out so that one instruction adds up pairs (lanes.h, dot_pairs):
//
//   keys    [head_size / 2][16 positions][2]      lanes are positions, pairs go along the head
//   values  [8 position pairs][head_size][2]      lanes are parts of the head, pairs go along the positions
//
// Position p of a slot lies in page pages[p / 16] of its table, at p % 16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ahead.h"
#include "memory.h"

namespace parley {

constexpr int PAGE = 16;

// Keys and values of one kv head of a slot, of positions 0 to `positions` - 1.
struct Span {
    int layer, slot, kv_head, positions;

    int pages() const { return (positions + PAGE - 1) / PAGE; }
};

class Pages {
  public:
    Pages(int layers, int kv_heads, int head_size, int pages, int slots);

    void set(int slot, const int32_t* pages, int count);
    int count() const { return pages_; }
    int slots() const { return static_cast<int>(tables_.size()); }
    // Positions that the slot's table has room for.
    int room(int slot) const { return static_cast<int>(tables_[slot].size()) * PAGE; }
    // Write one position's key and value of one kv head.
    void write(int layer, int slot, int kv_head, int position, const float* key, const float* value);
    // Asks memory for what `write` will write to.
    void expect(int layer, int slot, int kv_head, int position) const;
    // What reading the span reads, for `ahead`.
    void foresee(const Span& span, Ahead& ahead) const;
    // Puts the span's tiles into `tiles` in the order in which they are read: keys of all pages, then their values. Gives
    // their number, which is no more than `most`.
    int list(const Span& span, int most, const uint16_t** tiles) const;

  private:
    uint16_t* at(int layer, int page, int kv_head) const {
        return reinterpret_cast<uint16_t*>(pool_.get()) +
               ((static_cast<size_t>(layer) * pages_ + page) * kv_heads_ + kv_head) * tile_size_ * 2;
    }

    int kv_heads_, head_size_, pages_;
    size_t tile_size_;
    Memory pool_;
    std::vector<std::vector<int32_t>> tables_;
};

// One query head of one row: [head_size] values, which see positions 0 to `positions` - 1, and where its answer goes.
struct Query {
    const float* values;
    int positions;
    float* out;
};

// How many queries share a loaded tile: 6 times MAX_PARTS sums and the tile's own vectors fit into 32 registers.
constexpr int MAX_QUERIES = 6;

// What one thread needs to attend: grown before the threads begin.
struct AttentionScratch {
    std::vector<Query> queries;           // of the rows that are taken together
    std::vector<uint32_t> asks, weights;  // bfloat16 pairs, [queries][head_size / 2] and [queries][positions / 2]
    std::vector<float> scores;            // [queries][positions, to whole pages]
    std::vector<const uint16_t*> tiles;   // of what is read, and the first of what is read next

    void resize(int heads, int head_size, int positions);
};

// out[head_size] of each of `count` queries = its attention over the span, which has the positions of all of them. What
// a query gets does not depend on the others. Near its end it asks memory for the first tiles of `next`.
void attend(const Pages& pages, const Span& span, const Span& next, const Query* queries, int count, int head_size,
            AttentionScratch& scratch);

}  // namespace parley
