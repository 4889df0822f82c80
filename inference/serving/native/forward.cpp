#include <algorithm>
#include <cmath>
#include <utility>

#include "model.h"

namespace parley {

namespace {

// From so many rows on products compute longer than they read, so that memory has time for keys and values meanwhile.
constexpr int BUSY_ROWS = 4;

// The halves of a head are rotated against each other, as transformers lays weights out.
void rotate(float* __restrict low, float* __restrict high, const float* __restrict cosines,
            const float* __restrict sines, int half) {
    for (int i = 0; i < half; i++) {
        const float was_low = low[i], was_high = high[i];
        low[i] = was_low * cosines[i] - was_high * sines[i];
        high[i] = was_high * cosines[i] + was_low * sines[i];
    }
}

}  // namespace

// Every thread goes through the same steps and meets its crew after each whose results others need: rows are split where
// a step works on whole rows, panels of outputs where it multiplies. Each quantises all of the crew's rows for itself, but
// lets only its share of them go down in adapters.
void Model::forward_part(const Batch& batch, float* logits, int part) {
    const Seat seat = crews_.seat(part), output_seat{output_crew_, part};
    embed(batch, seat);
    seat.meet();
    for (int number = 0; number + 1 < shape_.layers; number++) {
        read_positions(batch, number, seat);
        crews_.share_slots() ? team_.meet() : seat.meet();
        finish_layer(batch, number, residual_.data(), seat);
        seat.meet();
    }
    // After the last layer's keys and values are written, only what is asked for is of use to anybody.
    read_positions(batch, shape_.layers - 1, seat);
    team_.meet();
    const Crew& crew = output_crew_;
    const auto [first, last] = output_seat.share(crew.count());
    for (int row = first; row < last; row++)
        std::copy_n(&residual_[static_cast<size_t>(crew.places[row]) * shape_.hidden], shape_.hidden,
                    &asked_[static_cast<size_t>(crew.first + row) * shape_.hidden]);
    output_seat.meet();
    finish_layer(batch, shape_.layers - 1, asked_.data(), output_seat);
    output_seat.meet();
    predict(logits, output_seat);
}

// The first half of a layer: queries of all rows, and their keys and values into the pages.
void Model::read_positions(const Batch& batch, int number, const Seat& seat) {
    const Layer& layer = weights_.layers[number];
    const int linear = number * LINEARS, width = (shape_.heads + 2 * shape_.kv_heads) * shape_.head_size;
    const size_t row_of_crew = seat.crew.first;
    float* normed = scratch_[seat.part].normed.data();
    for (int row = 0; row < seat.crew.count(); row++) {
        norm(&residual_[(row_of_crew + row) * shape_.hidden], layer.attention_norm, normed);
        take_in(row, normed, shape_.hidden, linear + Q, 3, seat, true);
    }
    if (!seat.crew.adapted.empty()) seat.meet();
    foresee(linear + Q, 3, 1, seat, seat.crew.count() < BUSY_ROWS ? -1 : number);
    for (int which = Q, at = 0; which <= V; at += layer.linears[which++].outputs)
        project(linear + which, which, &qkv_[row_of_crew * width + at], width, false, seat, which == V);
    seat.meet();
    rotate_and_write(batch, number, seat);
}

// The second half of a layer, from attention on, for the crew's rows: adds to `residual` [all crews' rows, hidden].
void Model::finish_layer(const Batch& batch, int number, float* residual, const Seat& seat) {
    const Layer& layer = weights_.layers[number];
    const int linear = number * LINEARS, heads = shape_.heads * shape_.head_size, count = seat.crew.count();
    const size_t row_of_crew = seat.crew.first;
    const float* attended = attended_.data() + row_of_crew * heads;
    float *gate = gate_.data() + row_of_crew * shape_.intermediate, *up = up_.data() + row_of_crew * shape_.intermediate;
    residual += row_of_crew * shape_.hidden;
    const auto [first_up, last_up] = panels(linear + GATE, seat);
    float* normed = scratch_[seat.part].normed.data();
    attend_all(batch, number, seat);
    seat.meet();

    for (int row = 0; row < count; row++)
        take_in(row, attended + static_cast<size_t>(row) * heads, heads, linear + O, 1, seat);
    if (!seat.crew.adapted.empty()) seat.meet();
    foresee(linear + O, 1, 2, seat);
    project(linear + O, 0, residual, shape_.hidden, true, seat);
    seat.meet();

    for (int row = 0; row < count; row++) {
        norm(residual + static_cast<size_t>(row) * shape_.hidden, layer.mlp_norm, normed);
        take_in(row, normed, shape_.hidden, linear + GATE, 2, seat);
    }
    if (!seat.crew.adapted.empty()) seat.meet();
    foresee(linear + GATE, 1, 0, seat);
    project(linear + GATE, 0, gate, shape_.intermediate, false, seat);
    foresee(linear + UP, 1, 1, seat);
    project(linear + UP, 1, up, shape_.intermediate, false, seat);
    activate(gate, up, count, first_up * LANES, last_up * LANES);
    seat.meet();

    for (int row = 0; row < count; row++)
        take_in(row, gate + static_cast<size_t>(row) * shape_.intermediate, shape_.intermediate, linear + DOWN, 1, seat);
    if (!seat.crew.adapted.empty()) seat.meet();
    foresee(linear + DOWN, 1, number + 1 < shape_.layers ? 3 : 1, seat);
    project(linear + DOWN, 0, residual, shape_.hidden, true, seat);
}

// Split by rows.
void Model::embed(const Batch& batch, const Seat& seat) {
    const int half = shape_.head_size / 2;
    const auto [first, last] = seat.share(seat.crew.count());
    for (int row = seat.crew.first + first; row < seat.crew.first + last; row++) {
        weights_.embedding.dequantise(batch.token_ids[row], &residual_[static_cast<size_t>(row) * shape_.hidden]);
        const int position = batch.positions[row];
        for (int i = 0; i < half; i++) {
            const float angle = static_cast<float>(position) * rotary_[i];
            cosines_[static_cast<size_t>(row) * half + i] = std::cos(angle) * shape_.rotary_scale;
            sines_[static_cast<size_t>(row) * half + i] = std::sin(angle) * shape_.rotary_scale;
        }
    }
}

void Model::norm(const float* values, const float* weight, float* normed) const {
    Floats squares = all(0.0f);
    for (int i = 0; i < shape_.hidden; i += LANES) squares = fma(load(values + i), load(values + i), squares);
    const Floats scale = all(1.0f / std::sqrt(total(squares) / static_cast<float>(shape_.hidden) + shape_.epsilon));
    for (int i = 0; i < shape_.hidden; i += LANES) store(normed + i, mul(mul(load(values + i), scale), load(weight + i)));
}

// Quantises a row of the crew for the next `linears` linears, from `linear` on, and lets the row's adapter go down there.
// What is `is_fine` is taken in two pieces; it must be as wide as the residual.
void Model::take_in(int row, const float* values, int inputs, int linear, int linears, const Seat& seat, bool is_fine) {
    const Crew& crew = seat.crew;
    PartScratch& scratch = scratch_[seat.part];
    float* rounded = is_fine ? scratch.rounded.data() : nullptr;
    scratch.taken.set(row, values, inputs, rounded);
    if (is_fine) scratch.rest.set(row, rounded, inputs);
    const int adapter = crew.adapters[row];
    const auto [first, last] = seat.share(crew.count());
    if (adapter < 0 || row < first || row >= last) return;
    for (int which = 0; which < linears; which++) {
        const LowRank *low = low_rank(adapter, linear + which), *next = nullptr;
        if (which + 1 < linears)
            next = low_rank(adapter, linear + which + 1);
        else if (row + 1 < crew.count() && crew.adapters[row + 1] >= 0)
            next = low_rank(crew.adapters[row + 1], linear);
        if (low) low->go_down(scratch.taken, row, middle(crew, row, which), next);
    }
}

// y [the crew's rows, stride] = (or +=) a linear of what was taken in, with what the rows' adapters add, for the thread's
// panels.
void Model::project(int linear, int which, float* y, size_t stride, bool add, const Seat& seat, bool is_fine) {
    const auto [first, last] = panels(linear, seat);
    PartScratch& scratch = scratch_[seat.part];
    multiply(weights_.linear(linear), scratch.taken, is_fine ? &scratch.rest : nullptr, 0, seat.crew.count(), first, last,
             {y, stride, add}, next_read(linear, seat), &scratch.ahead, scratch.panel.data());
    add_adapters(linear, which, first, last, y, stride, seat);
}

// What the rows' adapters add to a linear, for the outputs of panels `first` to before `last`.
void Model::add_adapters(int linear, int which, int first, int last, float* y, size_t stride, const Seat& seat) {
    const Crew& crew = seat.crew;
    for (int row : crew.adapted)
        if (const LowRank* low = low_rank(crew.adapters[row], linear))
            low->go_up(middle(crew, row, which), first, last, y + row * stride + first * LANES);
}

// While the thread multiplies with `linears` linears from `linear` on it asks for what adapters add to them, and for what
// it needs to take rows in for the `next_linears` behind them, and for keys and values if it attends in `layer` before
// these: none of that is in a cache.
void Model::foresee(int linear, int linears, int next_linears, const Seat& seat, int layer) {
    const Crew& crew = seat.crew;
    Ahead& ahead = scratch_[seat.part].ahead;
    ahead.clear();
    if (crew.adapted.empty() && layer < 0) return;
    int groups = 0;
    for (int next = linear; next < linear + linears; next++) {
        const auto [first, last] = panels(next, seat);
        groups += (last - first) * weights_.linear(next).groups();
        for (int last_adapter = -1; int row : crew.adapted)
            if (const int adapter = crew.adapters[row]; adapter != std::exchange(last_adapter, adapter))
                if (const LowRank* low = low_rank(adapter, next)) low->foresee_up(ahead, first, last);
    }
    const auto [first_row, last_row] = seat.share(crew.count());
    for (int row = first_row, last_adapter = -1; row < last_row; row++)
        if (const int adapter = crew.adapters[row]; adapter != std::exchange(last_adapter, adapter) && adapter >= 0)
            for (int next = linear + linears; next < linear + linears + next_linears; next++)
                if (const LowRank* low = low_rank(adapter, next)) low->foresee_down(ahead);
    const int runs = static_cast<int>(crew.runs.size()), tasks = layer < 0 ? 0 : runs * shape_.kv_heads;
    for (int task = seat.member(); task < tasks; task += crew.threads) {  // as attend_all has them
        const Run& run = crew.runs[task % runs];
        // Of a prompt's rows the first ask, and the others find it in the cache.
        if (task % runs == 0 || crew.runs[task % runs - 1].slot != run.slot)
            pages_->foresee({layer, run.slot, task / runs, run.positions}, ahead);
    }
    ahead.spread(groups);
}

// Split by rows.
void Model::rotate_and_write(const Batch& batch, int layer, const Seat& seat) {
    const int size = shape_.head_size, half = size / 2, width = (shape_.heads + 2 * shape_.kv_heads) * size;
    const auto [first, behind] = seat.share(seat.crew.count());
    const int last = seat.crew.first + behind;
    for (int row = seat.crew.first + first; row < last; row++) {
        float* q = &qkv_[static_cast<size_t>(row) * width];
        const float *keys = q + shape_.heads * size, *values = keys + shape_.kv_heads * size;
        if (row + 1 < last && batch.slots[row + 1] != batch.slots[row])
            for (int head = 0; head < shape_.kv_heads; head++)
                pages_->expect(layer, batch.slots[row + 1], head, batch.positions[row + 1]);
        for (int head = 0; head < shape_.heads + shape_.kv_heads; head++)  // keys stand behind the queries
            rotate(q + head * size, q + head * size + half, &cosines_[static_cast<size_t>(row) * half],
                   &sines_[static_cast<size_t>(row) * half], half);
        for (int head = 0; head < shape_.kv_heads; head++)
            pages_->write(layer, batch.slots[row], head, batch.positions[row], keys + head * size, values + head * size);
    }
}

// Split by (kv head, rows that are taken together) in turns, since later rows of a prompt have more to attend to; one
// head after the other, so that a prompt's rows find its keys and values in the cache.
void Model::attend_all(const Batch& batch, int layer, const Seat& seat) {
    const Crew& crew = seat.crew;
    const int size = shape_.head_size, width = (shape_.heads + 2 * shape_.kv_heads) * size;
    const int group = shape_.heads / shape_.kv_heads, runs = static_cast<int>(crew.runs.size());
    AttentionScratch& scratch = scratch_[seat.part].attention;
    const auto span = [&](int task) {
        const Run& run = crew.runs[task % runs];
        return Span{layer, run.slot, task / runs, run.positions};
    };
    for (int task = seat.member(); task < runs * shape_.kv_heads; task += crew.threads) {
        const Run& run = crew.runs[task % runs];
        int count = 0;
        for (int row = run.first; row < run.last; row++)
            for (int head = task / runs * group; head < (task / runs + 1) * group; head++, count++)
                scratch.queries[count] = {&qkv_[static_cast<size_t>(crew.places[row]) * width + head * size],
                                          batch.positions[crew.places[row]] + 1,
                                          &attended_[(static_cast<size_t>(crew.first + row) * shape_.heads + head) * size]};
        const int next = task + crew.threads < runs * shape_.kv_heads ? task + crew.threads : task;
        attend(*pages_, span(task), span(next), scratch.queries.data(), count, size, scratch);
    }
}

// gate = silu(gate) * up, [rows, intermediate], for outputs `first` to before `last` of every row.
void Model::activate(float* gate, const float* up, int rows, int first, int last) const {
    for (int row = 0; row < rows; row++, gate += shape_.intermediate, up += shape_.intermediate)
        for (int i = first; i < last; i += LANES) {
            const Floats x = load(gate + i);
            const Floats silu = div(x, add(all(1.0f), exp(sub(all(0.0f), x))));
            store(gate + i, mul(silu, load(up + i)));
        }
}

// The thread's panels of a linear. Those of q, k and v are split as if they were one matrix; those of v count twice, as
// they are multiplied twice.
std::pair<int, int> Model::panels(int linear, const Seat& seat) const {
    if (linear == shape_.layers * LINEARS) return seat.share(weights_.head.common.count());
    const int which = linear % LINEARS, count = weights_.linear(linear).count();
    if (which > V) return seat.share(count);
    const int q = weights_.linear(linear - which).count(), kv = weights_.linear(linear - which + K).count();
    const auto [first, last] = seat.share(q + kv + 2 * kv);
    const int before = which == Q ? 0 : which == K ? q : q + kv, cost = which == V ? 2 : 1;
    return {std::clamp((first - before) / cost, 0, count), std::clamp((last - before) / cost, 0, count)};
}

// Where the thread reads on after its panels of a linear: at the next that it has some of.
const uint8_t* Model::next_read(int linear, const Seat& seat) const {
    const Matrix& rough = weights_.rough;
    if (linear == shape_.layers * LINEARS && rough.count() > 0) return rough.panel(seat.share(rough.count()).first);
    for (int tries = 0; tries < LINEARS; tries++) {
        linear = linear < shape_.layers * LINEARS ? linear + 1 : 0;
        if (const auto [first, last] = panels(linear, seat); first < last) return weights_.linear(linear).panel(first);
    }
    return weights_.linear(linear).panels;
}

}  // namespace parley
