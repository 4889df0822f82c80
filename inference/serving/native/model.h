// A Llama-type network on pages of keys and values, and one forward of it. Knows nothing of files, requests or text.
//
// Linears are numbered layer * 7 + {q, k, v, o, gate, up, down}; behind them stands the head.
#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "attention.h"
#include "crew.h"
#include "lora.h"
#include "quantised.h"
#include "singles.h"
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

// So many rare tokens are multiplied one after the other (head.cpp).
constexpr int RARE_TOGETHER = 64;

enum Linear { Q, K, V, O, GATE, UP, DOWN, LINEARS };

struct Layer {
    const float *attention_norm, *mlp_norm;
    Matrix linears[LINEARS];
};

// An output for each token. Common tokens come first, in panels; behind them are rare ones, of which there may be none.
struct Tokens {
    Matrix common;
    Singles rare;

    // The token's embedding, [inputs].
    void dequantise(int token, float* values) const {
        if (token < common.outputs)
            parley::dequantise(common, token, values);
        else
            parley::dequantise(rare, token - common.outputs, values);
    }
};

struct Weights {
    std::vector<Layer> layers;
    const float* norm;
    Tokens embedding, head;
    Matrix rough;  // the head's rare tokens once more, in 4 bits (head.cpp)

    // By its number; of the head its common tokens.
    const Matrix& linear(int number) const {
        const size_t layer = static_cast<size_t>(number / LINEARS);
        return layer < layers.size() ? layers[layer].linears[number % LINEARS] : head.common;
    }
};

class Model {
  public:
    Model(const Shape& shape, Weights weights, int threads);

    void reserve(int pages, int slots);
    void set_pages(int slot, const int32_t* pages, int count);
    void put_low_rank(int adapter, int linear, int rank, const float* a, const float* b);
    void complete_adapter(int adapter);
    void drop_adapter(int adapter);
    // logits is [batch.outputs, vocabulary], and likeliest [batch.outputs] the first of the highest in each row.
    void forward(const Batch& batch, float* logits, int32_t* likeliest);

    // One call at a time: held by api.cpp, so that a second caller is refused and not answered wrongly.
    std::mutex in_use;

  private:
    struct alignas(LINE) PartScratch {
        QuantisedRows taken, rest;           // what linears multiply: the crew's rows, and what rounding took from them
        std::vector<float> normed, rounded;  // of a row
        std::vector<float> tops;             // the highest logit of each output among the thread's panels
        std::vector<float> highest;          // the highest of all threads'
        std::vector<float> best;             // the same when all is exact that shall be, and which token's it is
        std::vector<int32_t> best_token;
        std::vector<std::pair<int, int>> again;  // panels of the head that are multiplied once more, and for which output
        std::vector<std::pair<int, int>> rare;   // rare tokens that are, a few at a time
        std::vector<SingleRow> taken_singly, rest_singly;  // the outputs' rows for these
        std::vector<uint8_t, OnLines<uint8_t>> panel;  // unpacked
        AttentionScratch attention;
        Ahead ahead;
    };

    void check(const Batch& batch) const;
    int32_t likeliest_of(int output) const;
    void make_room(const Batch& batch);
    // The steps of a forward, each in all threads: what they split among them is said where they are defined.
    void forward_part(const Batch& batch, float* logits, int part);
    void embed(const Batch& batch, const Seat& seat);
    void read_positions(const Batch& batch, int number, const Seat& seat);
    void finish_layer(const Batch& batch, int number, float* residual, const Seat& seat);
    void predict(float* logits, const Seat& seat);
    void survey(const Target& target, int first, int last, const Seat& seat);
    void look_again(const Target& target, const Seat& seat);
    template <class Call>
    void for_near(int index, float reach, const Target& target, const Seat& seat, Call call) const;
    void note_rare(int index, int output, const Target& target, const Seat& seat);
    void predict_again(const Target& target, const Seat& seat);
    void predict_rare(const Target& target, const Seat& seat);
    void renew_peak(int index, int output, const Target& target) const;
    void find_likeliest(const Target& target, const Seat& seat);
    void rotate_and_write(const Batch& batch, int layer, const Seat& seat);
    void attend_all(const Batch& batch, int layer, const Seat& seat);
    void activate(float* gate, const float* up, int rows, int first, int last) const;
    void take_in(int row, const float* values, int inputs, int linear, int linears, const Seat& seat,
                 bool is_fine = false);
    void norm(const float* values, const float* weight, float* normed) const;
    void project(int linear, int which, float* y, size_t stride, bool add, const Seat& seat, bool is_fine = false);
    void add_adapters(int linear, int which, int first, int last, float* y, size_t stride, const Seat& seat);
    void foresee(int linear, int linears, int next_linears, const Seat& seat, int layer = -1);

    bool has_adapter(int adapter) const;
    const LowRank* low_rank(int adapter, int linear) const;
    Middle& middle(const Crew& crew, int row, int which) {
        return middle_[static_cast<size_t>(crew.first + row) * 3 + which];
    }
    std::pair<int, int> panels(int linear, const Seat& seat) const;
    const uint8_t* next_read(int linear, const Seat& seat) const;

    Shape shape_;
    Weights weights_;
    std::vector<float> rotary_;
    Team team_;
    std::unique_ptr<Pages> pages_;
    std::vector<std::unique_ptr<Adapter>> adapters_;

    // Of the forward that runs: who takes all rows through layers, and who those of outputs to their logits. Rows are the
    // batch's, in `asked_` those of its outputs.
    Crews crews_;
    Crew output_crew_;
    std::vector<float, OnLines<float>> residual_, asked_, qkv_, attended_, gate_, up_;
    std::vector<float, OnLines<float>> peaks_;  // the highest logit of each panel of the head, as Target has them
    std::vector<float> cosines_, sines_;
    std::vector<Middle> middle_;  // of up to three linears, [rows][3]
    std::vector<PartScratch> scratch_;
};

}  // namespace parley
