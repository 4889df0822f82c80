// From the last layer to logits. The head is a third of what a step of one row reads, so only what matters of it is read:
//
//   panels of      are multiplied first      and once more, if a token is near the row's likeliest one
//   common tokens  in 8 bits                 within REACH, with what rounding took from x: hundredths of a logit
//   rare tokens    roughly, in 4 bits        within FAR, in 8 bits: some tenths; within REACH with that too
//
// So whatever is likely is exact, and of what is not it is told about how unlikely it is. Which panels those are depends
// on the row alone. Common are the vocabulary's first tokens (weights.py); a head without rough panels has no others.
#include <algorithm>

#include "model.h"

namespace parley {

namespace {

constexpr float REACH = 5.0f, FAR = 8.0f;
constexpr size_t SOON = 2;  // so far ahead panels are asked of memory: they lie anywhere

}  // namespace

void Model::predict(float* logits, const Seat& seat) {
    const Crew& crew = seat.crew;
    const int number = shape_.layers * LINEARS, exact = weights_.exact_panels();
    PartScratch& scratch = scratch_[seat.part];
    logits += static_cast<size_t>(crew.first) * shape_.vocabulary;
    for (int output = 0; output < crew.count(); output++) {
        norm(&asked_[static_cast<size_t>(crew.first + output) * shape_.hidden], weights_.norm, scratch.normed.data());
        take_in(output, scratch.normed.data(), shape_.hidden, number, 1, seat, true);
    }
    if (!crew.adapted.empty()) seat.meet();
    foresee(number, 1, 0, seat);
    project(number, 0, logits, shape_.vocabulary, false, seat);
    const auto [first, last] = seat.share(exact);
    const auto [first_rough, last_rough] = seat.share(weights_.rough.count());
    multiply(weights_.rough, scratch.taken, nullptr, 0, crew.count(), first_rough, last_rough, logits + exact * LANES,
             shape_.vocabulary, false, weights_.linear(0).panel(panels(0, seat).first), nullptr, scratch.panel.data());
    add_adapters(number, 0, exact + first_rough, exact + last_rough, logits, shape_.vocabulary, seat);
    const int full = shape_.vocabulary / LANES;  // behind them stands a panel that is not full, if any
    for (int output = 0; output < crew.count(); output++) {
        const float* scores = logits + static_cast<size_t>(output) * shape_.vocabulary;
        Floats top = all(-1e30f);
        for (int index = first; index < std::min(last, full); index++) top = max(top, load(scores + index * LANES));
        for (int index = exact + first_rough; index < std::min(exact + last_rough, full); index++)
            top = max(top, load(scores + index * LANES));
        scratch.tops[output] = highest(top);
    }
    seat.meet();
    for (int output = 0; output < crew.count(); output++) {
        float top = scratch.tops[output];
        for (int part = crew.first_thread; part < crew.first_thread + crew.threads; part++)
            top = std::max(top, scratch_[part].tops[output]);
        scratch.highest[output] = top;
    }
    // In turns: the likely tokens, being the frequent ones, have low numbers. A panel is read once for all rows.
    scratch.again.clear();
    for (int index = seat.member(); index < weights_.head.count(); index += crew.threads)
        for (int output = 0; output < crew.count(); output++)
            if (is_near(logits, output, index, index < exact ? REACH : FAR, scratch)) scratch.again.push_back({index, output});
    predict_again(logits, seat);
}

// Whether a panel has a token within `reach` of the row's likeliest one. A panel that is not full counts as near.
bool Model::is_near(const float* logits, int output, int index, float reach, const PartScratch& scratch) const {
    if (index >= shape_.vocabulary / LANES) return true;
    const float* scores = logits + static_cast<size_t>(output) * shape_.vocabulary;
    return reaches(load(scores + index * LANES), scratch.highest[output] - reach);
}

// The panels of rows that are in `again`.
void Model::predict_again(float* logits, const Seat& seat) {
    const Crew& crew = seat.crew;
    const Matrix& head = weights_.head;
    PartScratch& scratch = scratch_[seat.part];
    const int number = shape_.layers * LINEARS;
    for (size_t at = 0; at < scratch.again.size(); at++) {
        if (at + SOON < scratch.again.size()) {
            const uint8_t* soon = head.panel(scratch.again[at + SOON].first);
            for (size_t line = 0; line < head.panel_bytes(); line += LINE)
                _mm_prefetch(reinterpret_cast<const char*>(soon + line), _MM_HINT_T1);
        }
        const auto [index, output] = scratch.again[at];
        const auto multiply_row = [&](const QuantisedRows& x, bool add) {
            multiply(head, x, nullptr, output, output + 1, index, index + 1, logits, shape_.vocabulary, add, head.panel(index));
        };
        if (index >= weights_.exact_panels()) {
            multiply_row(scratch.taken, false);
            if (const int adapter = crew.adapters[output]; adapter >= 0)
                if (const LowRank* low = low_rank(adapter, number))
                    low->go_up(middle(crew, output, 0), index, index + 1,
                               logits + static_cast<size_t>(output) * shape_.vocabulary);
            if (!is_near(logits, output, index, REACH, scratch)) continue;
        }
        multiply_row(scratch.rest, true);
    }
}

}  // namespace parley
