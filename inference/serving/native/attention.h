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

#include "memory.h"

namespace parley {

constexpr int PAGE = 16;

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
    const uint16_t* tile(int layer, int slot, int kv_head, int page_index) const {
        return at(layer, tables_[slot][page_index], kv_head);
    }

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

// What one thread needs to attend: grown before the threads begin.
struct AttentionScratch {
    std::vector<uint32_t> query, weights;  // bfloat16 pairs, [heads][head_size / 2] and [heads][positions / 2]
    std::vector<float> scores;             // [heads][positions, to whole pages]

    void resize(int heads, int head_size, int positions);
};

// out[heads, head_size] = attention of `heads` query heads, which share one kv head, over positions 0 to `position`.
void attend(const Pages& pages, int layer, int slot, int kv_head, int position, const float* query, int heads,
            int head_size, AttentionScratch& scratch, float* out);

}  // namespace parley
