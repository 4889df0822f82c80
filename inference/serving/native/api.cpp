// What Python calls (library.py), by the C conventions. Everything that comes in is checked; nothing is thrown out.
#include <cstdio>
#include <exception>
#include <string>

#include "model.h"

using namespace parley;

namespace {

constexpr int ERROR_BYTES = 256;

// A tensor inside the packed weights; `bits` 32 is float32 [inputs], 4 and 8 are panels (quantised.h), or 8 single outputs
// (singles.h).
struct PackedTensor {
    int32_t bits, outputs, inputs, is_single;
    uint64_t offset;
};

class PackedWeights {
  public:
    PackedWeights(const uint8_t* data, uint64_t bytes, const PackedTensor* tensors, int32_t count)
        : data_(data), bytes_(bytes), tensors_(tensors), count_(count) {}

    const float* vector(int size) {
        const PackedTensor& tensor = next();
        if (tensor.bits != 32 || tensor.inputs != size) throw Refused("A packed vector does not fit the model.");
        return reinterpret_cast<const float*>(place(tensor, static_cast<uint64_t>(size) * sizeof(float)));
    }

    Matrix matrix(int outputs, int inputs) {
        const PackedTensor& tensor = next();
        if ((tensor.bits != 4 && tensor.bits != 8) || tensor.is_single || tensor.outputs != outputs || tensor.inputs != inputs)
            throw Refused("A packed matrix does not fit the model.");
        Matrix matrix{tensor.bits, outputs, inputs, nullptr};
        matrix.panels = place(tensor, matrix.bytes());
        return matrix;
    }

    // A matrix with an output for each token; behind one that has fewer follow the others.
    Tokens tokens(int outputs, int inputs) {
        const int common = is_at_end() ? outputs : tensors_[at_].outputs;
        if (common == outputs) return {matrix(outputs, inputs), {0, inputs, nullptr}};
        if (common < LANES || common > outputs || common % LANES) throw Refused("A packed matrix does not fit the model.");
        Tokens tokens{matrix(common, inputs), {outputs - common, inputs, nullptr}};
        const PackedTensor& tensor = next();
        if (tensor.bits != 8 || !tensor.is_single || tensor.outputs != tokens.rare.outputs || tensor.inputs != inputs)
            throw Refused("A packed matrix does not fit the model.");
        tokens.rare.data = place(tensor, tokens.rare.bytes());
        return tokens;
    }

    // Once more in 4 bits.
    Matrix rough(const Singles& rare) {
        if (!rare.outputs) return {4, 0, rare.inputs, nullptr};
        if (!is_at_end() && tensors_[at_].bits != 4) throw Refused("A packed matrix does not fit the model.");
        return matrix(rare.outputs, rare.inputs);
    }

    bool is_at_end() const { return at_ == count_; }

  private:
    const PackedTensor& next() {
        if (at_ == count_) throw Refused("The packed weights lack tensors.");
        return tensors_[at_++];
    }

    const uint8_t* place(const PackedTensor& tensor, uint64_t size) const {
        if (tensor.offset % 64 || tensor.offset > bytes_ || size > bytes_ - tensor.offset)
            throw Refused("The packed weights are cut short.");
        return data_ + tensor.offset;
    }

    const uint8_t* data_;
    uint64_t bytes_;
    const PackedTensor* tensors_;
    int32_t count_, at_ = 0;
};

void check(const Shape& s) {
    if (s.layers < 1 || s.hidden < 1 || s.intermediate < 1 || s.heads < 1 || s.kv_heads < 1 || s.head_size < 1 ||
        s.vocabulary < 1 || s.max_context < 1)
        throw Refused("A model has no size below 1.");
    if (s.hidden % GROUP || s.intermediate % GROUP || s.heads * s.head_size % GROUP || s.head_size % LANES ||
        s.heads % s.kv_heads)
        throw Refused("The sizes of the model are no multiples of what the kernel takes at once.");
}

// Runs `call`; 0, or 1 with the reason in `error`.
template <class Call>
int guarded(char* error, Call call) {
    try {
        call();
        return 0;
    } catch (const std::bad_alloc&) {
        std::snprintf(error, ERROR_BYTES, "There is not enough memory.");
    } catch (const std::exception& exception) {
        std::snprintf(error, ERROR_BYTES, "%s", exception.what());
    }
    return 1;
}

template <class Call>
int guarded(Model* model, char* error, Call call) {
    return guarded(error, [&] {
        if (!model) throw Refused("The model has been closed.");
        const std::unique_lock<std::mutex> lock(model->in_use, std::try_to_lock);
        if (!lock) throw Refused("Another thread is using the model.");
        call();
    });
}

}  // namespace

extern "C" {

// `tensors` are, for each layer, the attention norm, q, k, v, o, the norm of the MLP, gate, up, down; then the last norm,
// the embedding, the head, and its rare tokens in 4 bits, if it has such. `data` must stay as it is until parley_close.
int parley_open(const Shape* shape, const uint8_t* data, uint64_t bytes, const PackedTensor* tensors, int32_t count,
                int32_t threads, Model** model, char* error) {
    return guarded(error, [&] {
        check(*shape);
        if (threads < 1 || threads > 1024) throw Refused("There must be from 1 to 1024 threads.");
        const int heads = shape->heads * shape->head_size, kv = shape->kv_heads * shape->head_size;
        PackedWeights packed(data, bytes, tensors, count);
        Weights weights;
        for (int number = 0; number < shape->layers; number++) {
            Layer layer;
            layer.attention_norm = packed.vector(shape->hidden);
            layer.linears[Q] = packed.matrix(heads, shape->hidden);
            layer.linears[K] = packed.matrix(kv, shape->hidden);
            layer.linears[V] = packed.matrix(kv, shape->hidden);
            layer.linears[O] = packed.matrix(shape->hidden, heads);
            layer.mlp_norm = packed.vector(shape->hidden);
            layer.linears[GATE] = packed.matrix(shape->intermediate, shape->hidden);
            layer.linears[UP] = packed.matrix(shape->intermediate, shape->hidden);
            layer.linears[DOWN] = packed.matrix(shape->hidden, shape->intermediate);
            weights.layers.push_back(layer);
        }
        weights.norm = packed.vector(shape->hidden);
        weights.embedding = packed.tokens(shape->vocabulary, shape->hidden);
        weights.head = packed.tokens(shape->vocabulary, shape->hidden);
        weights.rough = packed.rough(weights.head.rare);
        if (!packed.is_at_end()) throw Refused("The packed weights hold more than the model has.");
        *model = new Model(*shape, std::move(weights), threads);
    });
}

void parley_close(Model* model) { delete model; }

int parley_reserve(Model* model, int32_t pages, int32_t slots, char* error) {
    return guarded(model, error, [&] { model->reserve(pages, slots); });
}

int parley_set_pages(Model* model, int32_t slot, const int32_t* pages, int32_t count, char* error) {
    return guarded(model, error, [&] { model->set_pages(slot, pages, count); });
}

int parley_put_low_rank(Model* model, int32_t adapter, int32_t linear, int32_t rank, const float* a, const float* b,
                        char* error) {
    return guarded(model, error, [&] { model->put_low_rank(adapter, linear, rank, a, b); });
}

int parley_complete_adapter(Model* model, int32_t adapter, char* error) {
    return guarded(model, error, [&] { model->complete_adapter(adapter); });
}

int parley_drop_adapter(Model* model, int32_t adapter, char* error) {
    return guarded(model, error, [&] { model->drop_adapter(adapter); });
}

// Arrays of [count] tokens and [outputs] rows; logits [outputs, vocabulary], likeliest [outputs].
int parley_forward(Model* model, int32_t count, const int32_t* token_ids, const int32_t* slots, const int32_t* positions,
                   const int32_t* adapters, int32_t outputs, const int32_t* output_rows, float* logits, int32_t* likeliest,
                   char* error) {
    return guarded(model, error, [&] {
        model->forward({count, token_ids, slots, positions, adapters, outputs, output_rows}, logits, likeliest);
    });
}

}  // extern "C"
