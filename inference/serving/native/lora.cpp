#include "lora.h"

#include <algorithm>

#include "lanes.h"

namespace parley {

namespace {

// Asks memory for what is used some steps later; every row may have an adapter of its own, none of which is in a cache.
inline void ask_ahead(const uint16_t* weights) {
    _mm_prefetch(reinterpret_cast<const char*>(weights) + 2048, _MM_HINT_T0);
}

}  // namespace

LowRank::LowRank(Arena& memory, int true_rank, int inputs, int outputs, const float* a, const float* b)
    : rank((true_rank + LANES - 1) / LANES * LANES), inputs(inputs), outputs(outputs),
      down(memory.zeros(static_cast<size_t>(rank) * inputs)),
      up(memory.zeros(static_cast<size_t>(rank) * ((outputs + LANES - 1) / LANES) * LANES)) {
    for (int r = 0; r < true_rank; r++)
        for (int i = 0; i < inputs; i++)
            down[((static_cast<size_t>(r / LANES) * (inputs / 2) + i / 2) * LANES + r % LANES) * 2 + i % 2] =
                to_bfloat16(a[static_cast<size_t>(r) * inputs + i]);
    for (int n = 0; n < outputs; n++)
        for (int r = 0; r < true_rank; r++)
            up[((static_cast<size_t>(n / LANES) * (rank / 2) + r / 2) * LANES + n % LANES) * 2 + r % 2] =
                to_bfloat16(b[static_cast<size_t>(n) * true_rank + r]);
}

void LowRank::go_down(const uint32_t* x, uint32_t* middle) const {
    const uint16_t* a = down;
    for (int first = 0; first < rank; first += LANES) {
        Floats sums[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};  // one would wait for itself
        int i = 0;
        for (; i + 4 <= inputs / 2; i += 4)
            for (int part = 0; part < 4; part++, a += 2 * LANES) {
                ask_ahead(a);
                sums[part] = dot_pairs(sums[part], a, x[i + part]);
            }
        for (; i < inputs / 2; i++, a += 2 * LANES) sums[0] = dot_pairs(sums[0], a, x[i]);
        alignas(64) float lanes[LANES];
        store(lanes, add(add(sums[0], sums[1]), add(sums[2], sums[3])));
        for (int r = 0; r < LANES; r += 2) middle[(first + r) / 2] = to_pair(lanes[r], lanes[r + 1]);
    }
}

void LowRank::go_up(const uint32_t* middle, int first, int last, float* y) const {
    const uint16_t* b = up + static_cast<size_t>(first) * rank * LANES;
    for (int panel = first; panel < last; panel++) {
        Floats even = all(0.0f), odd = all(0.0f);
        for (int r = 0; r < rank / 2; r += 2, b += 4 * LANES) {
            ask_ahead(b);
            ask_ahead(b + 2 * LANES);
            even = dot_pairs(even, b, middle[r]);
            odd = dot_pairs(odd, b + 2 * LANES, middle[r + 1]);
        }
        const Floats sum = add(even, odd);
        const int count = std::min(LANES, outputs - panel * LANES);
        if (count == LANES) {
            store(y + panel * LANES, add(load(y + panel * LANES), sum));
        } else {
            alignas(64) float lanes[LANES];
            store(lanes, sum);
            for (int i = 0; i < count; i++) y[panel * LANES + i] += lanes[i];
        }
    }
}

}  // namespace parley
