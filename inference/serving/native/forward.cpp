#include <algorithm>
#include <cmath>
#include <numeric>

#include "model.h"

namespace parley {

// Every thread goes through the same steps and meets the others after each: rows are split where a step works on whole
// rows, panels of outputs where it multiplies.
void Model::forward_part(const Batch& batch, float* logits, int part) {
    const int heads = shape_.heads * shape_.head_size, kv = shape_.kv_heads * shape_.head_size;
    const int width = heads + 2 * kv, rows = batch.count;
    const auto [first_row, last_row] = share(rows, part);
    float* normed = scratch_[part].normed.data();
    embed(batch, part);
    team_.meet();
    for (int number = 0; number < shape_.layers; number++) {
        const Layer& layer = weights_.layers[number];
        const Matrix* linears = layer.linears;
        const int linear = number * LINEARS;

        for (int row = first_row; row < last_row; row++) {
            norm(&residual_[static_cast<size_t>(row) * shape_.hidden], layer.attention_norm, normed);
            take_in(all_rows_, row, normed, shape_.hidden, linear + Q, 3, part, true);
        }
        team_.meet();
        // The panels of q, k and v are split as if they were one matrix.
        const auto [first, last] = share(linears[Q].count() + 2 * linears[K].count(), part);
        for (int which = Q, before = 0, at = 0; which <= V; which++) {
            const int count = linears[which].count();
            project(all_rows_, linears[which], linear + which, which, std::clamp(first - before, 0, count),
                    std::clamp(last - before, 0, count), qkv_.data() + at, width, false, which == V);
            before += count;
            at += linears[which].outputs;
        }
        team_.meet();
        rotate_and_write(batch, number, part);
        team_.meet();
        attend_all(batch, number, part);
        team_.meet();

        for (int row = first_row; row < last_row; row++)
            take_in(all_rows_, row, &attended_[static_cast<size_t>(row) * heads], heads, linear + O, 1, part);
        team_.meet();
        const auto [first_out, last_out] = share(linears[O].count(), part);
        project(all_rows_, linears[O], linear + O, 0, first_out, last_out, residual_.data(), shape_.hidden, true);
        team_.meet();

        for (int row = first_row; row < last_row; row++) {
            norm(&residual_[static_cast<size_t>(row) * shape_.hidden], layer.mlp_norm, normed);
            take_in(all_rows_, row, normed, shape_.hidden, linear + GATE, 2, part);
        }
        team_.meet();
        const auto [first_up, last_up] = share(linears[GATE].count(), part);
        for (int which : {GATE, UP})
            project(all_rows_, linears[which], linear + which, which - GATE, first_up, last_up,
                    which == GATE ? gate_.data() : up_.data(), shape_.intermediate, false);
        activate(rows, first_up * LANES, last_up * LANES);
        team_.meet();

        for (int row = first_row; row < last_row; row++)
            take_in(all_rows_, row, &gate_[static_cast<size_t>(row) * shape_.intermediate], shape_.intermediate,
                    linear + DOWN, 1, part);
        team_.meet();
        project(all_rows_, linears[DOWN], linear + DOWN, 0, first_out, last_out, residual_.data(), shape_.hidden, true);
        team_.meet();
    }
    const int head = shape_.layers * LINEARS;
    const auto [first_output, last_output] = share(batch.outputs, part);
    for (int output = first_output; output < last_output; output++) {
        norm(&residual_[static_cast<size_t>(batch.output_rows[output]) * shape_.hidden], weights_.norm, normed);
        take_in(output_rows_, output, normed, shape_.hidden, head, 1, part, true);
    }
    team_.meet();
    const auto [first_logits, last_logits] = share(weights_.head.count(), part);
    project(output_rows_, weights_.head, head, 0, first_logits, last_logits, logits, shape_.vocabulary, false,
            true);
}

// Split by rows.
void Model::embed(const Batch& batch, int part) {
    const int half = shape_.head_size / 2;
    const auto [first, last] = share(batch.count, part);
    for (int row = first; row < last; row++) {
        dequantise(weights_.embedding, batch.token_ids[row], &residual_[static_cast<size_t>(row) * shape_.hidden]);
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

// Quantises a row for the next `linears` linears, from `linear` on, and lets the row's adapter go down there. What is
// `is_fine` is taken in two pieces; it must be as wide as the residual.
void Model::take_in(const Rows& rows, int row, const float* values, int inputs, int linear, int linears, int part,
                    bool is_fine) {
    float* rest = is_fine ? scratch_[part].rest.data() : nullptr;
    taken_.set(row, values, inputs, rest);
    if (is_fine) rest_.set(row, rest, inputs);
    const int adapter = rows.adapters[row];
    if (adapter < 0) return;
    for (int which = 0; which < linears; which++)
        if (const LowRank* low = low_rank(adapter, linear + which)) low->go_down(taken_, row, middle(row, which));
}

// y = (or +=) a linear of what was taken in, with what the rows' adapters add, for the panels given.
void Model::project(const Rows& rows, const Matrix& matrix, int linear, int which, int first, int last, float* y,
                    size_t stride, bool add, bool is_fine) {
    multiply(matrix, taken_, is_fine ? &rest_ : nullptr, 0, rows.count(), first, last, y, stride, add);
    for (int row : rows.adapted)
        if (const LowRank* low = low_rank(rows.adapters[row], linear))
            low->go_up(middle(row, which), first, last, y + row * stride);
}

// Split by rows. The halves of a head are rotated against each other, as transformers lays weights out.
void Model::rotate_and_write(const Batch& batch, int layer, int part) {
    const int size = shape_.head_size, half = size / 2, width = (shape_.heads + 2 * shape_.kv_heads) * size;
    const auto [first, last] = share(batch.count, part);
    for (int row = first; row < last; row++) {
        float* q = &qkv_[static_cast<size_t>(row) * width];
        const float *cosines = &cosines_[static_cast<size_t>(row) * half], *sines = &sines_[static_cast<size_t>(row) * half];
        for (int head = 0; head < shape_.heads + shape_.kv_heads; head++) {  // keys stand behind the queries
            float* x = q + head * size;
            for (int i = 0; i < half; i++) {
                const float low = x[i], high = x[i + half];
                x[i] = low * cosines[i] - high * sines[i];
                x[i + half] = high * cosines[i] + low * sines[i];
            }
        }
        const float *keys = q + shape_.heads * size, *values = keys + shape_.kv_heads * size;
        for (int head = 0; head < shape_.kv_heads; head++)
            pages_->write(layer, batch.slots[row], head, batch.positions[row], keys + head * size, values + head * size);
    }
}

// Split by (row, kv head) in turns, since later rows of a prompt have more to attend to.
void Model::attend_all(const Batch& batch, int layer, int part) {
    const int size = shape_.head_size, width = (shape_.heads + 2 * shape_.kv_heads) * size;
    const int group = shape_.heads / shape_.kv_heads;
    for (int task = part; task < batch.count * shape_.kv_heads; task += team_.size()) {
        const int row = task / shape_.kv_heads, head = task % shape_.kv_heads;
        attend(*pages_, layer, batch.slots[row], head, batch.positions[row],
               &qkv_[static_cast<size_t>(row) * width + head * group * size], group, size, scratch_[part].attention,
               &attended_[(static_cast<size_t>(row) * shape_.heads + head * group) * size]);
    }
}

// gate = silu(gate) * up, for outputs `first` to before `last` of every row.
void Model::activate(int rows, int first, int last) {
    for (int row = 0; row < rows; row++) {
        float* gate = &gate_[static_cast<size_t>(row) * shape_.intermediate];
        const float* up = &up_[static_cast<size_t>(row) * shape_.intermediate];
        for (int i = first; i < last; i += LANES) {
            const Floats x = load(gate + i);
            const Floats silu = div(x, add(all(1.0f), exp(sub(all(0.0f), x))));
            store(gate + i, mul(silu, load(up + i)));
        }
    }
}

void Model::Rows::set(std::vector<int32_t> new_adapters) {
    adapters = std::move(new_adapters);
    adapted.clear();
    for (int row = 0; row < count(); row++)
        if (adapters[row] >= 0) adapted.push_back(row);
    std::stable_sort(adapted.begin(), adapted.end(), [&](int a, int b) { return adapters[a] < adapters[b]; });
}

std::pair<int, int> Model::share(int count, int part) const {
    const int64_t size = team_.size();
    return {static_cast<int>(count * part / size), static_cast<int>(count * (part + 1) / size)};
}

}  // namespace parley
