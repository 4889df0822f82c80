#include "model.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace parley {

namespace {

// So many rows of each thread at most: a prompt of 500 took 411 ms on one thread whole, 395 by 250, 384 by 100 to 167.
constexpr int PIECE_ROWS = 128;

void require(bool condition, const char* sentence) {
    if (!condition) throw Refused(sentence);
}

void grow(auto& vector, size_t size) {
    if (vector.size() < size) vector.resize(size);
}

}  // namespace

Model::Model(const Shape& shape, Weights weights, int threads)
    : shape_(shape), weights_(std::move(weights)), rotary_(shape.rotary, shape.rotary + shape.head_size / 2),
      team_(threads), crews_(threads), scratch_(threads) {
    output_crew_.threads = threads;
    shape_.rotary = nullptr;  // the caller's
}

void Model::reserve(int pages, int slots) {
    require(pages > 0 && slots > 0, "There must be pages and slots.");
    pages_.reset();  // before there are others, so that both need not fit
    pages_ = std::make_unique<Pages>(shape_.layers, shape_.kv_heads, shape_.head_size, pages, slots);
}

void Model::set_pages(int slot, const int32_t* pages, int count) {
    require(pages_ != nullptr, "No pages have been reserved.");
    require(slot >= 0 && slot < pages_->slots(), "There is no such slot.");
    for (int i = 0; i < count; i++) require(pages[i] >= 0 && pages[i] < pages_->count(), "There is no such page.");
    pages_->set(slot, pages, count);
}

void Model::put_low_rank(int adapter, int linear, int rank, const float* a, const float* b) {
    require(adapter >= 0 && adapter < (1 << 16), "Adapters are numbered from 0 on.");
    require(linear >= 0 && linear <= shape_.layers * LINEARS, "There is no such linear.");
    require(rank >= 1 && rank <= MAX_RANK, "The rank must be from 1 to 256.");
    if (static_cast<int>(adapters_.size()) <= adapter) adapters_.resize(adapter + 1);
    std::unique_ptr<Adapter>& place = adapters_[adapter];
    require(!place || !place->is_complete, "The adapter that has this number must be dropped first.");
    if (!place) place = std::make_unique<Adapter>();
    place->linears.resize(shape_.layers * LINEARS + 1);
    const Matrix& matrix = weights_.linear(linear);
    const int outputs = linear == shape_.layers * LINEARS ? shape_.vocabulary : matrix.outputs;
    place->linears[linear] = std::make_unique<LowRank>(place->memory, rank, matrix.inputs, outputs, a, b);
}

void Model::complete_adapter(int adapter) {
    require(adapter >= 0 && adapter < static_cast<int>(adapters_.size()) && adapters_[adapter],
            "The adapter has no low-rank weights yet.");
    adapters_[adapter]->is_complete = true;
}

void Model::drop_adapter(int adapter) {
    if (adapter >= 0 && adapter < static_cast<int>(adapters_.size())) adapters_[adapter].reset();
}

const LowRank* Model::low_rank(int adapter, int linear) const { return adapters_[adapter]->linears[linear].get(); }

// Many rows are taken in pieces: what one's steps write is in the caches still when the next step reads it. Each piece
// reads all weights, which takes less time than it computes.
void Model::forward(const Batch& batch, float* logits, int32_t* likeliest) {
    check(batch);
    std::vector<int32_t> outputs(batch.output_rows, batch.output_rows + batch.outputs);
    const int threads = static_cast<int>(scratch_.size()), whole = QuantisedRows::TOGETHER * threads;
    const bool can_be_cut = std::is_sorted(outputs.begin(), outputs.end());
    const int times = can_be_cut ? (batch.count - 1) / (PIECE_ROWS * threads) + 1 : 1;
    const int most = ((batch.count - 1) / (times * whole) + 1) * whole;
    auto output = outputs.begin();
    for (int first = 0; first < batch.count; first += most) {
        const int count = std::min(batch.count - first, most);
        const auto behind = can_be_cut ? std::lower_bound(output, outputs.end(), first + count) : outputs.end();
        std::for_each(output, behind, [&](int32_t& row) { row -= first; });
        const Batch piece{count, batch.token_ids + first, batch.slots + first, batch.positions + first,
                          batch.adapters + first, static_cast<int>(behind - output), outputs.data() + (output - outputs.begin())};
        make_room(piece);
        team_.run([&](int part) { forward_part(piece, logits, part); });
        logits += static_cast<size_t>(piece.outputs) * shape_.vocabulary;
        for (int row = 0; row < piece.outputs; row++) *likeliest++ = likeliest_of(row);
        output = behind;
    }
}

// What the threads have found for an output, together.
int32_t Model::likeliest_of(int output) const {
    const PartScratch* found = &scratch_[0];
    for (const PartScratch& scratch : scratch_) {
        const float best = found->best[output], other = scratch.best[output];
        if (other > best || (other == best && scratch.best_token[output] < found->best_token[output])) found = &scratch;
    }
    return found->best_token[output];
}

void Model::check(const Batch& batch) const {
    require(pages_ != nullptr, "No pages have been reserved.");
    require(batch.count > 0, "There are no tokens.");
    require(batch.outputs >= 0, "There cannot be fewer than no outputs.");
    std::vector<int> reached(pages_->slots(), -1);
    for (int row = 0; row < batch.count; row++) {
        const int token = batch.token_ids[row], slot = batch.slots[row], position = batch.positions[row];
        const int adapter = batch.adapters[row];
        const auto refuse = [&](const std::string& sentence) {
            throw Refused("Row " + std::to_string(row) + ": " + sentence);
        };
        if (token < 0 || token >= shape_.vocabulary) refuse("there is no token " + std::to_string(token) + ".");
        if (slot < 0 || slot >= pages_->slots()) refuse("there is no slot " + std::to_string(slot) + ".");
        if (position < 0 || position >= shape_.max_context || position >= pages_->room(slot))
            refuse("slot " + std::to_string(slot) + " has no page for position " + std::to_string(position) + ".");
        if (position <= reached[slot]) refuse("a slot's tokens must be in the order of their positions.");
        reached[slot] = position;
        if (adapter != -1 && !has_adapter(adapter)) refuse("there is no adapter " + std::to_string(adapter) + ".");
    }
    for (int output = 0; output < batch.outputs; output++)
        if (batch.output_rows[output] < 0 || batch.output_rows[output] >= batch.count)
            throw Refused("There is no row " + std::to_string(batch.output_rows[output]) + " to give logits of.");
}

bool Model::has_adapter(int adapter) const {
    return adapter >= 0 && adapter < static_cast<int>(adapters_.size()) && adapters_[adapter] &&
           adapters_[adapter]->is_complete;
}

// Everything that a forward needs is there before its threads begin, so that they cannot run out of memory.
void Model::make_room(const Batch& batch) {
    const size_t rows = std::max(batch.count, batch.outputs), half = shape_.head_size / 2;
    const int heads = shape_.heads * shape_.head_size, kv = shape_.kv_heads * shape_.head_size;
    const int widest = std::max({shape_.hidden, shape_.intermediate, heads});
    std::vector<int32_t> places(batch.count);
    std::iota(places.begin(), places.end(), 0);
    const int group = shape_.heads / shape_.kv_heads, together = std::max(MAX_QUERIES / group, 1);
    crews_.divide(places, batch, together);
    output_crew_.set(batch.output_rows, batch.outputs, batch, together);
    const size_t outputs = (batch.outputs + LANES - 1) / LANES * LANES;
    grow(peaks_, outputs * ((shape_.vocabulary + LANES - 1) / LANES));
    grow(residual_, rows * shape_.hidden);
    grow(asked_, static_cast<size_t>(batch.outputs) * shape_.hidden);
    grow(qkv_, rows * (heads + 2 * kv));
    grow(attended_, rows * heads);
    grow(gate_, rows * shape_.intermediate);
    grow(up_, rows * shape_.intermediate);
    grow(cosines_, rows * half);
    grow(sines_, rows * half);
    if (std::any_of(batch.adapters, batch.adapters + batch.count, [](int adapter) { return adapter >= 0; }))
        grow(middle_, rows * 3);
    const int positions = *std::max_element(batch.positions, batch.positions + batch.count) + 1;
    for (int part = 0; PartScratch& scratch : scratch_) {
        const int rows = std::max(crews_.seat(part++).crew.count(), batch.outputs);
        grow(scratch.normed, shape_.hidden);
        grow(scratch.rounded, shape_.hidden);
        scratch.taken.reserve(rows, widest);
        scratch.rest.reserve(rows, shape_.hidden);
        grow(scratch.tops, outputs);
        grow(scratch.highest, outputs);
        grow(scratch.best, outputs);
        grow(scratch.best_token, outputs);
        scratch.again.reserve((weights_.head.common.count() / scratch_.size() + 1) * batch.outputs);
        scratch.rare.reserve(RARE_TOGETHER + LANES);
        grow(scratch.taken_singly, batch.outputs);
        grow(scratch.rest_singly, batch.outputs);
        for (SingleRow& row : scratch.taken_singly) row.reserve(shape_.hidden);
        for (SingleRow& row : scratch.rest_singly) row.reserve(shape_.hidden);
        grow(scratch.panel, static_cast<size_t>(QuantisedRows::pairs(widest)) * UNPACKED_PAIR_BYTES);
        scratch.attention.resize(group, shape_.head_size, positions);
    }
}

}  // namespace parley
