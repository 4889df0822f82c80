#include "attention.h"

#include <cmath>

#include "lanes.h"

namespace parley {

Pages::Pages(int layers, int kv_heads, int head_size, int pages, int slots)
    : kv_heads_(kv_heads), head_size_(head_size), pages_(pages), tile_size_(static_cast<size_t>(PAGE) * head_size),
      pool_(huge_memory(static_cast<size_t>(layers) * pages * kv_heads * tile_size_ * 2 * sizeof(uint16_t))),
      tables_(slots) {}

void Pages::set(int slot, const int32_t* pages, int count) { tables_[slot].assign(pages, pages + count); }

void Pages::write(int layer, int slot, int kv_head, int position, const float* key, const float* value) {
    uint16_t* keys = at(layer, tables_[slot][position / PAGE], kv_head);
    uint16_t* values = keys + tile_size_;
    const int place = position % PAGE;
    for (int i = 0; i < head_size_; i++) {
        keys[(i / 2 * PAGE + place) * 2 + i % 2] = to_bfloat16(key[i]);
        values[(place / 2 * head_size_ + i) * 2 + place % 2] = to_bfloat16(value[i]);
    }
}

void AttentionScratch::resize(int heads, int head_size, int positions) {
    const size_t whole = static_cast<size_t>(positions + PAGE - 1) / PAGE * PAGE;
    if (query.size() < static_cast<size_t>(heads) * head_size / 2) query.resize(static_cast<size_t>(heads) * head_size / 2);
    if (scores.size() < heads * whole) {
        scores.resize(heads * whole);
        weights.resize(heads * whole / 2);
    }
}

namespace {

// How many query heads share a loaded tile, and how many vectors of a head are summed up at a time.
constexpr int MAX_HEADS = 4;
constexpr int MAX_PARTS = 4;

template <int HEADS>
void score(const Pages& pages, int layer, int slot, int kv_head, int count, const uint32_t* query, int head_size,
           float* scores) {
    for (int page = 0; page < count; page++) {
        const uint16_t* keys = pages.tile(layer, slot, kv_head, page);
        Floats sums[HEADS];
        for (Floats& sum : sums) sum = all(0.0f);
        for (int i = 0; i < head_size / 2; i++, keys += 2 * PAGE)
            for (int h = 0; h < HEADS; h++) sums[h] = dot_pairs(sums[h], keys, query[h * (head_size / 2) + i]);
        for (int h = 0; h < HEADS; h++) store(scores + (static_cast<size_t>(h) * count + page) * PAGE, sums[h]);
    }
}

// Turns one head's scores of `positions` positions into weights that add up to 1.
void soften(float* scores, int positions, uint32_t* weights) {
    const int whole = (positions + PAGE - 1) / PAGE * PAGE;
    float* last = scores + whole - PAGE;
    store(last, first_lanes(load(last), positions - (whole - PAGE), -1e30f));
    Floats top = all(-1e30f), sum = all(0.0f);
    for (int i = 0; i < whole; i += LANES) top = max(top, load(scores + i));
    const Floats highest_score = all(highest(top));
    for (int i = 0; i < whole; i += LANES) {
        Floats e = exp(sub(load(scores + i), highest_score));
        if (i + LANES == whole) e = first_lanes(e, positions - i, 0.0f);
        sum = add(sum, e);
        store(scores + i, e);
    }
    const float inverse = 1.0f / total(sum);
    for (int i = 0; i < whole; i += LANES) store(scores + i, mul(load(scores + i), all(inverse)));
    to_pairs(scores, whole, weights);
}

template <int HEADS, int PARTS>
void mix(const Pages& pages, int layer, int slot, int kv_head, int positions, const uint32_t* weights, int head_size,
         int first, float* out) {
    Floats sums[HEADS][PARTS];
    for (auto& parts : sums)
        for (Floats& sum : parts) sum = all(0.0f);
    const int ends = (positions + PAGE - 1) / PAGE * PAGE / 2;  // pairs of a head's weights
    const auto add_pair = [&](const uint16_t* values, int pair) {
        for (int h = 0; h < HEADS; h++)
            for (int part = 0; part < PARTS; part++)
                sums[h][part] = dot_pairs(sums[h][part], values + part * 2 * LANES, weights[h * ends + pair]);
    };
    const uint16_t* values = nullptr;
    for (int pair = 0; pair < positions / 2; pair++, values += 2 * head_size) {
        if (pair % (PAGE / 2) == 0) values = pages.tile(layer, slot, kv_head, pair / (PAGE / 2)) + PAGE * head_size + first * 2;
        add_pair(values, pair);
    }
    if (positions % 2) {
        // The other half of the last pair is what another row left; 0 times that is no number if that is none.
        const int pair = positions / 2;
        values = pages.tile(layer, slot, kv_head, pair / (PAGE / 2)) + (PAGE + pair % (PAGE / 2) * 2) * head_size + first * 2;
        uint16_t alone[PARTS * 2 * LANES];
        for (int i = 0; i < PARTS * 2 * LANES; i++) alone[i] = i % 2 ? 0 : values[i];
        add_pair(alone, pair);
    }
    for (int h = 0; h < HEADS; h++)
        for (int part = 0; part < PARTS; part++) store(out + h * head_size + first + part * LANES, sums[h][part]);
}

template <int HEADS>
void attend_together(const Pages& pages, int layer, int slot, int kv_head, int positions, int head_size,
                     AttentionScratch& scratch, float* out) {
    const int count = (positions + PAGE - 1) / PAGE;
    score<HEADS>(pages, layer, slot, kv_head, count, scratch.query.data(), head_size, scratch.scores.data());
    for (int h = 0; h < HEADS; h++)
        soften(scratch.scores.data() + static_cast<size_t>(h) * count * PAGE, positions,
               scratch.weights.data() + static_cast<size_t>(h) * count * PAGE / 2);
    int first = 0;
    for (; first + MAX_PARTS * LANES <= head_size; first += MAX_PARTS * LANES)
        mix<HEADS, MAX_PARTS>(pages, layer, slot, kv_head, positions, scratch.weights.data(), head_size, first, out);
    for (; first < head_size; first += LANES)
        mix<HEADS, 1>(pages, layer, slot, kv_head, positions, scratch.weights.data(), head_size, first, out);
}

}  // namespace

void attend(const Pages& pages, int layer, int slot, int kv_head, int position, const float* query, int heads,
            int head_size, AttentionScratch& scratch, float* out) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
    while (heads > 0) {
        const int now = heads < MAX_HEADS ? heads : MAX_HEADS;
        for (int i = 0; i < now * head_size / 2; i++)
            scratch.query[i] = to_pair(query[2 * i] * scale, query[2 * i + 1] * scale);
        switch (now) {
            case 1: attend_together<1>(pages, layer, slot, kv_head, position + 1, head_size, scratch, out); break;
            case 2: attend_together<2>(pages, layer, slot, kv_head, position + 1, head_size, scratch, out); break;
            case 3: attend_together<3>(pages, layer, slot, kv_head, position + 1, head_size, scratch, out); break;
            default: attend_together<4>(pages, layer, slot, kv_head, position + 1, head_size, scratch, out);
        }
        heads -= now;
        query += now * head_size;
        out += now * head_size;
    }
}

}  // namespace parley
