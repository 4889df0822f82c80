#include "singles.h"

#include <algorithm>

namespace parley {

void SingleRow::reserve(int inputs) {
    const size_t quants = Singles::lines(inputs), groups = Singles::lines(inputs / GROUP * sizeof(uint16_t)) / sizeof(uint16_t);
    if (quants_.size() < quants) quants_.resize(quants);
    if (scales_.size() < groups) scales_.resize(groups), offsets_.resize(groups);
}

void SingleRow::set(const QuantisedRows& x, int row, int inputs) {
    const int groups = inputs / GROUP;
    size_t at = QuantisedRows::place(row, inputs);
    for (int group = 0; group < groups; group++, at += QuantisedRows::TOGETHER) {
        std::copy_n(x.quants.data() + at * GROUP, GROUP, quants_.data() + group * GROUP);
        scales_[group] = x.scales[at];
        // `eights` is -8 times the sum.
        offsets_[group] = x.scales[at] * static_cast<float>(x.eights[at]) * (BYTE_OFFSET / -8.0f);
    }
    std::fill(quants_.begin() + groups * GROUP, quants_.end(), 0);
    std::fill(scales_.begin() + groups, scales_.end(), 0.0f);
    std::fill(offsets_.begin() + groups, offsets_.end(), 0.0f);
}

float SingleRow::times(const Singles& matrix, int output) const {
    const uint8_t* quants = matrix.output(output);
    const uint16_t* halves = reinterpret_cast<const uint16_t*>(quants + matrix.quant_bytes());
    const int8_t* q = quants_.data();
    Floats sum = all(0.0f);
    alignas(64) float scales[LANES];
    for (int first = 0; first < matrix.groups(); first += LANES) {
        const Floats d = load_halves(halves + first);
        sum = fma(d, load(&offsets_[first]), sum);
        store(scales, mul(d, load(&scales_[first])));
        const int count = std::min(LANES, matrix.groups() - first);
        for (int group = 0; group < count; group += 2, quants += LINE, q += LINE) {
            const Ints both = dot_bytes(no_ints(), load_bytes(quants), load_bytes(reinterpret_cast<const uint8_t*>(q)));
            sum = fma(floats(both), halves_of(scales[group], scales[group + 1]), sum);
        }
    }
    return total(sum);
}

void dequantise(const Singles& matrix, int output, float* values) {
    const uint8_t* quants = matrix.output(output);
    const uint16_t* halves = reinterpret_cast<const uint16_t*>(quants + matrix.quant_bytes());
    for (int i = 0; i < matrix.inputs; i++) values[i] = _cvtsh_ss(halves[i / GROUP]) * static_cast<float>(quants[i] - 128);
}

}  // namespace parley
