#include "lora.h"

#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace parley {

namespace {

constexpr float PIECES = 254.0f;  // a step of the first piece in steps of the second

void pack_up(const float* b, int rank, int outputs, int whole_rank, uint8_t* panels) {
    for (int output = 0; output < outputs; output++) {
        uint8_t* panel = panels + (SCALE_BYTES + static_cast<size_t>(whole_rank) * LANES) * (output / LANES);
        const float* values = b + static_cast<size_t>(output) * rank;
        float largest = 0;
        for (int r = 0; r < rank; r++) largest = std::max(largest, std::abs(values[r]));
        const float d = largest / 127.0f;
        reinterpret_cast<float*>(panel)[output % LANES] = d;
        for (int r = 0; r < whole_rank; r++)
            panel[SCALE_BYTES + (r / 4 * LANES + output % LANES) * 4 + r % 4] =
                quant(r < rank ? values[r] : 0.0f, d);
    }
}

}  // namespace

LowRank::LowRank(Arena& memory, int rank, int inputs, int outputs, const float* a, const float* b)
    : rank_((rank + 3) / 4 * 4), outputs_(outputs), down_{8, rank, inputs, nullptr} {
    uint8_t* down = memory.zeros(down_.bytes());
    pack(down_, a, down);
    down_.panels = down;
    uint8_t* up = memory.zeros(up_bytes() * ((outputs + LANES - 1) / LANES));
    pack_up(b, rank, outputs, rank_, up);
    up_ = up;
}

void LowRank::go_down(const QuantisedRows& x, int row, Middle& middle, const LowRank* next) const {
    alignas(64) float values[MAX_RANK] = {};
    multiply(down_, x, nullptr, row, row + 1, 0, down_.count(), {values, 0},
             (next ? next : this)->down_.panels);
    Floats largest = all(0.0f);
    for (int i = 0; i < MAX_RANK; i += LANES) largest = max(largest, absolute(load(values + i)));
    middle.scale = highest(largest) / 127.0f;
    const Floats inverse = all(middle.scale > 0 ? 1.0f / middle.scale : 0.0f);
    int high_sum = 0, low_sum = 0;
    for (int i = 0; i < rank_; i += LANES) {
        const Floats steps = mul(load(values + i), inverse);
        const Ints high = rounded(steps), low = rounded(mul(sub(steps, floats(high)), all(PIECES)));
        store_bytes(middle.high + i, high);
        store_bytes(middle.low + i, low);
        high_sum += total(high);
        low_sum += total(low);
    }
    middle.high_sum = static_cast<float>(high_sum);
    middle.low_sum = static_cast<float>(low_sum);
}

void LowRank::go_up(const Middle& middle, int first, int last, float* y) const {
    const Four* high = reinterpret_cast<const Four*>(middle.high);
    const Four* low = reinterpret_cast<const Four*>(middle.low);
    const Floats high_offset = all(BYTE_OFFSET * middle.high_sum), low_offset = all(BYTE_OFFSET * middle.low_sum);
    const uint8_t* panel = up_ + up_bytes() * first;
    for (int index = first; index < last; index++, panel += up_bytes(), y += LANES) {
        Ints highs = no_ints(), lows = no_ints();
        for (int four = 0; four < rank_ / 4; four++) {
            const uint8_t* quants = panel + SCALE_BYTES + 64 * four;
            const Bytes weights = load_bytes(quants);
            highs = dot_bytes(highs, weights, high[four]);
            lows = dot_bytes(lows, weights, low[four]);
        }
        const Floats d = mul(load(reinterpret_cast<const float*>(panel)), all(middle.scale));
        const Floats quants = fma(add(floats(lows), low_offset), all(1.0f / PIECES), add(floats(highs), high_offset));
        put(y, mul(d, quants), std::min(LANES, outputs_ - index * LANES), true);
    }
}

}  // namespace parley
