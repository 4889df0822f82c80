// From the last layer to logits. The head is a third of what a step of one row reads, so only what matters of it is read:
//
//   tokens     are multiplied first    and once more, if they are near the row's likeliest one
//   common     in 8 bits               panels with one within REACH, with what rounding took from x: hundredths of a logit
//   rare       roughly, in 4 bits      one by one, within FAR in 8 bits: some tenths; within REACH with that too
//
// So whatever is likely is exact, and of what is not it is told about how unlikely it is. Which tokens those are depends on
// the row alone. Common are the vocabulary's first tokens (weights.py); a head without rare tokens has no others.
#include <algorithm>
#include <bit>
#include <limits>

#include "model.h"

namespace parley {

namespace {

constexpr float REACH = 5.0f, FAR = 9.0f;
constexpr size_t SOON = 2;  // so far ahead panels are asked of memory: they lie anywhere

void expect(const uint8_t* memory, size_t bytes) {
    for (size_t line = 0; line < bytes; line += LINE)
        _mm_prefetch(reinterpret_cast<const char*>(memory + line), _MM_HINT_T1);
}

}  // namespace

void Model::predict(float* logits, const Seat& seat) {
    const Crew& crew = seat.crew;
    const int number = shape_.layers * LINEARS, count = crew.count();
    const Matrix &common = weights_.head.common, &rough = weights_.rough;
    PartScratch& scratch = scratch_[seat.part];
    logits += static_cast<size_t>(crew.first) * shape_.vocabulary;
    for (int output = 0; output < count; output++) {
        norm(&asked_[static_cast<size_t>(crew.first + output) * shape_.hidden], weights_.norm, scratch.normed.data());
        take_in(output, scratch.normed.data(), shape_.hidden, number, 1, seat, true);
    }
    if (!crew.adapted.empty()) seat.meet();
    foresee(number, 1, 0, seat);
    const Target target{logits, static_cast<size_t>(shape_.vocabulary), false, peaks_.data(), common.count() + rough.count()};
    Target of_rare = target;
    of_rare.y += common.outputs, of_rare.peaks += common.count() * QuantisedRows::TOGETHER;
    const auto [first, last] = seat.share(common.count());
    multiply(common, scratch.taken, nullptr, 0, count, first, last, target, next_read(number, seat), &scratch.ahead,
             scratch.panel.data());
    const auto [first_rough, last_rough] = seat.share(rough.count());
    multiply(rough, scratch.taken, nullptr, 0, count, first_rough, last_rough, of_rare,
             weights_.linear(0).panel(panels(0, seat).first), nullptr, scratch.panel.data());
    std::fill(scratch.tops.begin(), scratch.tops.end(), -1e30f);
    survey(target, first, last, seat);
    survey(target, common.count() + first_rough, common.count() + last_rough, seat);
    seat.meet();
    scratch.highest = scratch.tops;
    for (int part = crew.first_thread; part < crew.first_thread + crew.threads; part++)
        for (int output = 0; output < count; output++)
            scratch.highest[output] = std::max(scratch.highest[output], scratch_[part].tops[output]);
    look_again(target, seat);
}

// What adapters add to the thread's panels `first` to before `last`, and what is highest in them.
void Model::survey(const Target& target, int first, int last, const Seat& seat) {
    const Crew& crew = seat.crew;
    const int number = shape_.layers * LINEARS, full = std::min(last, shape_.vocabulary / LANES);
    std::vector<float>& tops = scratch_[seat.part].tops;
    add_adapters(number, 0, first, last, target.y, target.stride, seat);
    for (int row : crew.adapted)
        if (low_rank(crew.adapters[row], number))
            for (int index = first; index < full; index++)
                *target.peak(row, index) = highest(load(target.y + row * target.stride + index * LANES));
    for (int output = 0; output < crew.count(); output += LANES) {
        Floats top = load(&tops[output]);
        for (int index = first; index < full; index++) top = max(top, load(target.peak(output, index)));
        store(&tops[output], top);
    }
}

// Multiplies what is near once more. Common panels are taken in turns, since the likely tokens, being the frequent ones, have
// low numbers; of the rare ones each thread takes its own, which are in its cache.
void Model::look_again(const Target& target, const Seat& seat) {
    const Crew& crew = seat.crew;
    const int common = weights_.head.common.count();
    PartScratch& scratch = scratch_[seat.part];
    if (weights_.head.rare.outputs)
        for (int output = 0; output < crew.count(); output++) {
            scratch.taken_singly[output].set(scratch.taken, output, shape_.hidden);
            scratch.rest_singly[output].set(scratch.rest, output, shape_.hidden);
        }
    scratch.again.clear();
    scratch.rare.clear();
    for (int index = seat.member(); index < common; index += crew.threads)
        for_near(index, REACH, target, seat, [&](int output) { scratch.again.push_back({index, output}); });
    predict_again(target, seat);
    const auto [first, last] = seat.share(weights_.rough.count());
    for (int index = common + first; index < common + last; index++)
        for_near(index, FAR, target, seat, [&](int output) { note_rare(index, output, target, seat); });
    predict_rare(target, seat);
    find_likeliest(target, seat);
}

// Calls with each output that has a token of the panel within `reach` of its likeliest one. A panel that is not full counts
// as near to all.
template <class Call>
void Model::for_near(int index, float reach, const Target& target, const Seat& seat, Call call) const {
    const PartScratch& scratch = scratch_[seat.part];
    for (int first = 0, count = seat.crew.count(); first < count; first += LANES) {
        const Floats near = sub(load(&scratch.highest[first]), all(reach));
        const bool is_full = index < shape_.vocabulary / LANES;
        uint32_t outputs = is_full ? reaching(load(target.peak(first, index)), near) : ~0u;
        outputs &= (1u << std::min(LANES, count - first)) - 1;
        for (; outputs; outputs &= outputs - 1) call(first + std::countr_zero(outputs));
    }
}

// The rare tokens of a panel that are near; after some of them they are multiplied.
void Model::note_rare(int index, int output, const Target& target, const Seat& seat) {
    PartScratch& scratch = scratch_[seat.part];
    const int left = shape_.vocabulary - index * LANES, number = index * LANES - weights_.head.common.outputs;
    uint32_t tokens = (1u << std::min(LANES, left)) - 1;
    if (left >= LANES)
        tokens = reaching(load(target.y + output * target.stride + index * LANES), all(scratch.highest[output] - FAR));
    for (; tokens; tokens &= tokens - 1) {
        scratch.rare.push_back({number + std::countr_zero(tokens), output});
        expect(weights_.head.rare.output(scratch.rare.back().first), weights_.head.rare.output_bytes());
    }
    if (scratch.rare.size() >= RARE_TOGETHER) predict_rare(target, seat);
}

// The common panels that are in `again`, for an output each.
void Model::predict_again(const Target& target, const Seat& seat) {
    const Matrix& head = weights_.head.common;
    PartScratch& scratch = scratch_[seat.part];
    for (size_t at = 0; at < scratch.again.size(); at++) {
        if (at + SOON < scratch.again.size()) expect(head.panel(scratch.again[at + SOON].first), head.panel_bytes());
        const auto [index, output] = scratch.again[at];
        multiply(head, scratch.rest, nullptr, output, output + 1, index, index + 1, {target.y, target.stride, true},
                 head.panel(index));
        renew_peak(index, output, target);
    }
}

// The tokens that are in `rare`, for an output each; then it is empty.
void Model::predict_rare(const Target& target, const Seat& seat) {
    const Crew& crew = seat.crew;
    const Singles& rare = weights_.head.rare;
    PartScratch& scratch = scratch_[seat.part];
    for (size_t at = 0; at < scratch.rare.size(); at++) {
        const auto [number, output] = scratch.rare[at];
        const int token = weights_.head.common.outputs + number, index = token / LANES;
        float logit = scratch.taken_singly[output].times(rare, number);
        if (const int adapter = crew.adapters[output]; adapter >= 0)
            if (const LowRank* low = low_rank(adapter, shape_.layers * LINEARS)) {
                alignas(LINE) float added[LANES] = {};
                low->go_up(middle(crew, output, 0), index, index + 1, added);
                logit += added[token % LANES];
            }
        if (logit >= scratch.highest[output] - REACH) logit += scratch.rest_singly[output].times(rare, number);
        target.y[output * target.stride + token] = logit;
        renew_peak(index, output, target);
    }
    scratch.rare.clear();
}

void Model::renew_peak(int index, int output, const Target& target) const {
    const float* scores = target.y + output * target.stride + index * LANES;
    const int count = std::min(LANES, shape_.vocabulary - index * LANES);
    *target.peak(output, index) = count == LANES ? highest(load(scores)) : *std::max_element(scores, scores + count);
}

// Among the panels that the thread has looked at once more: of each output the highest logit, and the first token with it.
void Model::find_likeliest(const Target& target, const Seat& seat) {
    const Crew& crew = seat.crew;
    const int common = weights_.head.common.count();
    const auto [first_rough, last_rough] = seat.share(weights_.rough.count());
    PartScratch& scratch = scratch_[seat.part];
    for (int first = 0; first < crew.count(); first += LANES) {
        Floats best = all(-std::numeric_limits<float>::infinity());
        Ints where = no_ints();
        for (int index = seat.member(); index < common; index += crew.threads)
            keep_higher(best, where, load(target.peak(first, index)), index);
        for (int index = common + first_rough; index < common + last_rough; index++)
            keep_higher(best, where, load(target.peak(first, index)), index);
        store(&scratch.best[first], best);
        store(&scratch.best_token[first], where);
    }
    for (int output = 0; output < crew.count(); output++) {
        const float* scores = target.y + output * target.stride;
        int32_t& token = scratch.best_token[output];
        token *= LANES;
        while (token + 1 < shape_.vocabulary && scores[token] < scratch.best[output]) token++;
    }
}

}  // namespace parley
