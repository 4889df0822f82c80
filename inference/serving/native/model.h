// A Llama-type network on pages of keys and values, and one forward of it. Knows nothing of files, requests or text.
//
// Linears are numbered layer * 7 + {q, k, v, o, gate, up, down}; behind them stands the head.
#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "attention.h"
#include "lora.h"
#include "quantised.h"
#include "team.h"

namespace parley {

// What a caller did wrong, as a sentence.
struct Refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Shape {
    int32_t layers, hidden, intermediate, heads, kv_heads, head_size, vocabulary, max_context;
    float epsilon;        // of the norms
    float rotary_scale;   // what cosines and sines are multiplied with; 1 for most models
    const float* rotary;  // [head_size / 2] angles per position
};

enum Linear { Q, K, V, O, GATE, UP, DOWN, LINEARS };

struct Layer {
    const float *attention_norm, *mlp_norm;
    Matrix linears[LINEARS];
};

struct Weights {
    std::vector<Layer> layers;
    const float* norm;
    Matrix embedding, head;
};

// n tokens: of any slots, a slot's tokens in the order of their positions; adapter -1 is none.
struct Batch {
    int count;
    const int32_t *token_ids, *slots, *positions, *adapters;
    int outputs;
    const int32_t* output_rows;
};

class Model {
  public:
    Model(const Shape& shape, Weights weights, int threads);

    void reserve(int pages, int slots);
    void set_pages(int slot, const int32_t* pages, int count);
    void put_low_rank(int adapter, int linear, int rank, const float* a, const float* b);
    void complete_adapter(int adapter);
    void drop_adapter(int adapter);
    // logits is [batch.outputs, vocabulary].
    void forward(const Batch& batch, float* logits);

    // One call at a time: held by api.cpp, so that a second caller is refused and not answered wrongly.
    std::mutex in_use;

  private:
    // The rows that go through a linear, and of them those that have an adapter, one adapter's beside each other.
    struct Rows {
        std::vector<int32_t> adapters;
        std::vector<int> adapted;
        int count() const { return static_cast<int>(adapters.size()); }
        void set(std::vector<int32_t> new_adapters);
    };
    struct PartScratch {
        std::vector<float> normed, rest;
        AttentionScratch attention;
    };

    void check(const Batch& batch) const;
    void make_room(const Batch& batch);
    // The steps of a forward, each in all threads: what they split among them is said where they are defined.
    void forward_part(const Batch& batch, float* logits, int part);
    void embed(const Batch& batch, int part);
    void rotate_and_write(const Batch& batch, int layer, int part);
    void attend_all(const Batch& batch, int layer, int part);
    void activate(int rows, int first, int last);
    void take_in(const Rows& rows, int row, const float* values, int inputs, int linear, int linears, int part,
                 bool is_fine = false);
    void norm(const float* values, const float* weight, float* normed) const;
    void project(const Rows& rows, const Matrix& matrix, int linear, int which, int first, int last, float* y,
                 size_t stride, bool add, bool is_fine = false);

    bool has_adapter(int adapter) const;
    const LowRank* low_rank(int adapter, int linear) const;
    Middle& middle(int row, int which) { return middle_[static_cast<size_t>(row) * 3 + which]; }
    std::pair<int, int> share(int count, int part) const;

    Shape shape_;
    Weights weights_;
    std::vector<float> rotary_;
    Team team_;
    std::unique_ptr<Pages> pages_;
    std::vector<std::unique_ptr<Adapter>> adapters_;

    // Of the forward that runs; rows are the batch's.
    Rows all_rows_, output_rows_;
    std::vector<float> residual_, qkv_, attended_, gate_, up_, cosines_, sines_;
    std::vector<Middle> middle_;  // of up to three linears, [rows][3]
    QuantisedRows taken_, rest_;
    std::vector<PartScratch> scratch_;
};

}  // namespace parley
