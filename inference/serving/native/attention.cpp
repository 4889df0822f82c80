#include "attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lanes.h"

namespace parley {

namespace {

constexpr int PAIRS = PAGE / 2;  // of positions
// How many tiles are asked for while those before them are used: they are small runs of memory that lie anywhere, so
// the processor does not guess them.
constexpr int TILES_AHEAD = 8;
// What is in memory from the beginning: of each slot so many pages, which are 256 positions.
constexpr int PAGES_AT_ONCE = 16;
constexpr size_t SMALL_PAGE = 4096;

// Into the second cache: the first holds too few requests at a time, so that half of the wait would be left.
inline void prefetch(const uint16_t* memory) { _mm_prefetch(reinterpret_cast<const char*>(memory), _MM_HINT_T1); }

}  // namespace

Pages::Pages(int layers, int kv_heads, int head_size, int pages, int slots)
    : kv_heads_(kv_heads), head_size_(head_size), pages_(pages), tile_size_(static_cast<size_t>(PAGE) * head_size),
      pool_(huge_memory(static_cast<size_t>(layers) * pages * kv_heads * tile_size_ * 2 * sizeof(uint16_t))),
      tables_(slots) {
    // The first pages are taken from the system now: a virtual machine can take 2 ms for each 2 MB, and every layer has its
    // own, so that a step which comes to new ones is held up by 60.
    const size_t first = std::min(pages, slots * PAGES_AT_ONCE) * kv_heads * tile_size_ * 2;
    for (int layer = 0; layer < layers; layer++)
        for (size_t i = 0; i < first; i += SMALL_PAGE / sizeof(uint16_t)) at(layer, 0, 0)[i] = 0;
}

void Pages::set(int slot, const int32_t* pages, int count) { tables_[slot].assign(pages, pages + count); }

void Pages::write(int layer, int slot, int kv_head, int position, const float* key, const float* value) {
    uint16_t* keys = at(layer, tables_[slot][position / PAGE], kv_head);
    uint16_t* values = keys + tile_size_;
    const int place = position % PAGE;
    alignas(64) uint32_t pairs[LANES / 2];
    for (int i = 0; i < head_size_; i += LANES) {
        to_pairs(key + i, LANES, 1.0f, pairs);
        for (int pair = 0; pair < LANES / 2; pair++)
            std::memcpy(keys + ((i / 2 + pair) * PAGE + place) * 2, &pairs[pair], sizeof(pairs[pair]));
        store_halves(values + (place / 2 * head_size_ + i) * 2, place % 2, load(value + i));
    }
}

void Pages::expect(int layer, int slot, int kv_head, int position) const {
    const uint16_t* keys = at(layer, tables_[slot][position / PAGE], kv_head);
    const uint16_t* values = keys + tile_size_ + position % PAGE / 2 * 2 * head_size_;
    for (int i = 0; i < head_size_ / 2; i++) prefetch(keys + i * 2 * PAGE);
    for (int i = 0; i < head_size_; i += LANES) prefetch(values + i * 2);
}

void Pages::foresee(const Span& span, Ahead& ahead) const {
    for (int page = 0; page < span.pages(); page++)
        ahead.add(reinterpret_cast<const uint8_t*>(at(span.layer, tables_[span.slot][page], span.kv_head)),
                  tile_size_ * 2 * sizeof(uint16_t));
}

int Pages::list(const Span& span, int most, const uint16_t** tiles) const {
    const int count = std::min(2 * span.pages(), most);
    for (int i = 0; i < count; i++) {
        const bool is_key = i < span.pages();
        const uint16_t* keys = at(span.layer, tables_[span.slot][is_key ? i : i - span.pages()], span.kv_head);
        tiles[i] = is_key ? keys : keys + tile_size_;
    }
    return count;
}

void AttentionScratch::resize(int heads, int head_size, int positions) {
    const size_t most = std::max(heads, MAX_QUERIES), whole = static_cast<size_t>(positions + PAGE - 1) / PAGE * PAGE;
    if (queries.size() < most) queries.resize(most);
    if (asks.size() < MAX_QUERIES * head_size / 2u) asks.resize(MAX_QUERIES * head_size / 2u);
    if (scores.size() < MAX_QUERIES * whole) {
        scores.resize(MAX_QUERIES * whole);
        weights.resize(MAX_QUERIES * whole / 2);
    }
    const size_t most_tiles = whole / PAGE * 2 + TILES_AHEAD;
    if (tiles.size() < most_tiles) tiles.resize(most_tiles);
}

namespace {

// How many vectors of a head are summed up at a time.
constexpr int MAX_PARTS = 4;
// Each sum is made in two halves, as one instruction would wait for the one before. Beyond what a query sees its scores
// mean nothing.
template <int QUERIES>
void score(const uint16_t* const* tiles, int count, const uint32_t* asks, int head_size, float* scores) {
    for (int page = 0; page < count; page++) {
        const uint16_t *keys = tiles[page], *ahead = tiles[page + TILES_AHEAD];
        Floats even[QUERIES], odd[QUERIES];
        for (int q = 0; q < QUERIES; q++) even[q] = odd[q] = all(0.0f);
        for (int i = 0; i < head_size / 2; i += 2, keys += 4 * PAGE, ahead += 4 * PAGE) {
            prefetch(ahead);
            prefetch(ahead + 2 * PAGE);
            const Pairs first = load_pairs(keys), second = load_pairs(keys + 2 * PAGE);
            for (int q = 0; q < QUERIES; q++) {
                const uint32_t* pairs = asks + q * (head_size / 2) + i;
                even[q] = dot_pairs(even[q], first, pairs[0]);
                odd[q] = dot_pairs(odd[q], second, pairs[1]);
            }
        }
        for (int q = 0; q < QUERIES; q++)
            store(scores + (static_cast<size_t>(q) * count + page) * PAGE, add(even[q], odd[q]));
    }
}

// Turns each query's scores of the positions that it sees into weights that add up to 1, and 0 for the rest of its page.
// Step by step for all queries, so that none waits for the end of another.
template <int QUERIES>
void soften(const Query* queries, int count, float* scores, uint32_t* weights) {
    float tops[QUERIES], inverses[QUERIES];
    int wholes[QUERIES];
    for (int q = 0; q < QUERIES; q++) {
        float* own = scores + static_cast<size_t>(q) * count * PAGE;
        const int whole = wholes[q] = (queries[q].positions + PAGE - 1) / PAGE * PAGE;
        float* last = own + whole - PAGE;
        store(last, first_lanes(load(last), queries[q].positions - (whole - PAGE), -1e30f));
        Floats top = all(-1e30f);
        for (int i = 0; i < whole; i += LANES) top = max(top, load(own + i));
        tops[q] = highest(top);
    }
    for (int q = 0; q < QUERIES; q++) {
        float* own = scores + static_cast<size_t>(q) * count * PAGE;
        Floats sum = all(0.0f);
        for (int i = 0; i < wholes[q]; i += LANES) {
            Floats e = exp(sub(load(own + i), all(tops[q])));
            if (i + LANES == wholes[q]) e = first_lanes(e, queries[q].positions - i, 0.0f);
            sum = add(sum, e);
            store(own + i, e);
        }
        inverses[q] = 1.0f / total(sum);
    }
    for (int q = 0; q < QUERIES; q++)
        to_pairs(scores + static_cast<size_t>(q) * count * PAGE, wholes[q], inverses[q],
                 weights + static_cast<size_t>(q) * count * PAIRS);
}

// The last pairs of one query, from `pair` on, for what the others do not see or it sees half of. What it does not see
// may be no number, and 0 times that is none either.
template <int PARTS>
void mix_rest(const uint16_t* const* tiles, const Query& query, const uint32_t* weights, int head_size, int first,
              int pair) {
    for (; 2 * pair < query.positions; pair++) {
        const uint16_t* values = tiles[pair / PAIRS] + (pair % PAIRS * head_size + first) * 2;
        for (int part = 0; part < PARTS; part++) {
            Pairs both = load_pairs(values + part * 2 * LANES);
            if (2 * pair + 1 == query.positions) both = firsts_of(both);
            float* out = query.out + first + part * LANES;
            store(out, dot_pairs(load(out), both, weights[pair]));
        }
    }
}

// PARTS vectors of each query's answer, from part `first` of a head on; weights are [queries][count][PAIRS].
template <int QUERIES, int PARTS>
void mix(const uint16_t* const* tiles, int count, const Query* queries, const uint32_t* weights, int head_size,
         int first) {
    Floats sums[QUERIES][PARTS];
    for (auto& parts : sums)
        for (Floats& sum : parts) sum = all(0.0f);
    const int stride = count * PAIRS;
    int shared = stride;  // pairs of which every query sees both
    for (int q = 0; q < QUERIES; q++) shared = std::min(shared, queries[q].positions / 2);
    const uint16_t *values = nullptr, *ahead = nullptr;
    for (int pair = 0; pair < shared; pair++, values += 2 * head_size, ahead += 2 * head_size) {
        if (pair % PAIRS == 0) {
            values = tiles[pair / PAIRS] + first * 2;
            ahead = tiles[pair / PAIRS + TILES_AHEAD] + first * 2;
        }
        Pairs parts[PARTS];
        for (int part = 0; part < PARTS; part++) {
            prefetch(ahead + part * 2 * LANES);
            parts[part] = load_pairs(values + part * 2 * LANES);
        }
        for (int q = 0; q < QUERIES; q++)
            for (int part = 0; part < PARTS; part++)
                sums[q][part] = dot_pairs(sums[q][part], parts[part], weights[q * stride + pair]);
    }
    for (int q = 0; q < QUERIES; q++)
        for (int part = 0; part < PARTS; part++) store(queries[q].out + first + part * LANES, sums[q][part]);
    for (int q = 0; q < QUERIES; q++)
        mix_rest<PARTS>(tiles, queries[q], weights + q * stride, head_size, first, shared);
}

template <int QUERIES>
void attend_together(int count, const Query* queries, int head_size, AttentionScratch& scratch) {
    const uint16_t* const* tiles = scratch.tiles.data();
    const uint32_t* weights = scratch.weights.data();
    score<QUERIES>(tiles, count, scratch.asks.data(), head_size, scratch.scores.data());
    soften<QUERIES>(queries, count, scratch.scores.data(), scratch.weights.data());
    tiles += count;
    int first = 0;
    for (; first + MAX_PARTS * LANES <= head_size; first += MAX_PARTS * LANES)
        mix<QUERIES, MAX_PARTS>(tiles, count, queries, weights, head_size, first);
    for (; first < head_size; first += LANES) mix<QUERIES, 1>(tiles, count, queries, weights, head_size, first);
}

}  // namespace

void attend(const Pages& pages, const Span& span, const Span& next, const Query* queries, int count, int head_size,
            AttentionScratch& scratch) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
    const uint16_t** behind = scratch.tiles.data() + pages.list(span, 2 * span.pages(), scratch.tiles.data());
    for (int ahead = 0; ahead < TILES_AHEAD;) ahead += pages.list(next, TILES_AHEAD - ahead, behind + ahead);
    while (count > 0) {
        const int times = (count + MAX_QUERIES - 1) / MAX_QUERIES, now = (count + times - 1) / times;
        for (int q = 0; q < now; q++)
            to_pairs(queries[q].values, head_size, scale, scratch.asks.data() + q * head_size / 2);
        switch (now) {
            case 1: attend_together<1>(span.pages(), queries, head_size, scratch); break;
            case 2: attend_together<2>(span.pages(), queries, head_size, scratch); break;
            case 3: attend_together<3>(span.pages(), queries, head_size, scratch); break;
            case 4: attend_together<4>(span.pages(), queries, head_size, scratch); break;
            case 5: attend_together<5>(span.pages(), queries, head_size, scratch); break;
            default: attend_together<MAX_QUERIES>(span.pages(), queries, head_size, scratch);
        }
        count -= now;
        queries += now;
    }
}

}  // namespace parley
