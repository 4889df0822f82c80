// Products of panels and rows. An inner loop is as fast as a core multiplies vectors; what stands between two panels is
// not, and a panel of 576 inputs is over in 800 cycles for four rows. So a call goes through all panels of its rows, knows
// at compile time how many rows those are, and keeps their sums in registers until they are written.
#include <array>
#include <utility>

#include "quantised.h"

namespace parley {

namespace {

// How many groups ahead of their use weights are asked of memory, into the second cache: the first takes fewer requests
// at a time, and products wait longer for these to be taken than for the second cache.
constexpr int AHEAD = 24;

// From so many rows on a panel is unpacked once, into memory, and not for every MAX_ROWS of them.
constexpr int MANY_ROWS = 64;

// From so many rows on products take x from memory themselves (lanes_avx512.h).
constexpr int FROM_MEMORY = 4;

// How a product reads: to `end` and then on at `next`; beside it `others` are asked for, if any.
struct Reading {
    const uint8_t *end, *next;
    Ahead* others;

    // What is to be asked for when the product is at `line`.
    const uint8_t* ahead_of(const uint8_t* line, int bytes) const {
        const uint8_t* ahead = line + bytes;
        return ahead < end ? ahead : next + (ahead - end);
    }
    // Asks for what `groups` groups hold. Best behind a group's own reading: in front of it or among it one row takes a
    // twelfth longer.
    void ask(const uint8_t*& ahead, int bytes, int groups) const {
        expect(ahead, bytes);
        ahead += bytes;
        if (const size_t over = ahead - end; over < static_cast<size_t>(bytes)) {
            expect(next, static_cast<int>(over));
            ahead = next + over;
        }
        if (others)
            for (int group = 0; group < groups; group++) others->ask();
    }

  private:
    static void expect(const uint8_t* memory, int bytes) {
        for (int at = 0; at < bytes; at += LINE)
            _mm_prefetch(reinterpret_cast<const char*>(memory) + at, _MM_HINT_T1);
    }
};

inline void unpack(const uint8_t* quants, Bytes (&weights)[8]) {
    for (int j = 0; j < 4; j++) {
        const Bytes both = load_bytes(quants + 64 * j);
        weights[j] = low_nibbles(both);
        weights[j + 4] = high_nibbles(both);
    }
}

// d' and m' of both groups of a pair.
struct Scales {
    Ints d, m;
};

// Panels in 8 bits as they lie in memory, one after the other.
class BytePanels {
  public:
    BytePanels(const uint8_t* line, const Reading& reading)
        : line_(line), ahead_(reading.ahead_of(line, AHEAD / 2 * pair_bytes(8))), reading_(reading) {}
    const uint8_t* pair() const { return line_; }
    void ask() { reading_.ask(ahead_, pair_bytes(8) / 2, 1); }
    void go_on() { line_ += pair_bytes(8); }

  private:
    const uint8_t *line_, *ahead_;
    const Reading& reading_;
};

// The same in 4 bits: a panel is begun, then its pairs are gone through, then it is ended.
class NibblePanels {
  public:
    NibblePanels(const uint8_t* line, const Reading& reading)
        : line_(line), ahead_(reading.ahead_of(line, AHEAD / 2 * pair_bytes(4))), reading_(reading) {}
    void begin() {
        const Ints of_d = load_bytes(line_), of_m = load_bytes(line_ + SCALE_BYTES);
        least_d_ = low_words(of_d), step_d_ = high_words(of_d);
        least_m_ = low_words(of_m), step_m_ = high_words(of_m);
        line_ += 2 * SCALE_BYTES;
    }
    void group(int which, Bytes (&weights)[8]) const { unpack(line_ + which * group_bytes(4), weights); }
    Scales scales() const {
        const Bytes both = load_bytes(line_ + 2 * group_bytes(4));
        return {add_words(least_d_, scaled(low_bytes(both), step_d_)), add_words(least_m_, scaled(high_bytes(both), step_m_))};
    }
    void go_on() {
        line_ += pair_bytes(4);
        reading_.ask(ahead_, pair_bytes(4), 2);
    }
    // Returns D, behind the last pair.
    Floats end() {
        reading_.ask(ahead_, 3 * SCALE_BYTES, 0);
        line_ += SCALE_BYTES;
        return load(reinterpret_cast<const float*>(line_ - SCALE_BYTES));
    }

  private:
    const uint8_t *line_, *ahead_;
    const Reading& reading_;
    Ints least_d_, step_d_, least_m_, step_m_;
};

// One of these, unpacked for many rows: each pair's bytes and words, then D.
class UnpackedPanel {
  public:
    UnpackedPanel(NibblePanels panels, int pairs, uint8_t* room) : line_(room) {
        panels.begin();
        for (int pair = 0; pair < pairs; pair++, room += UNPACKED_PAIR_BYTES) {
            for (int which = 0; which < 2; which++) {
                Bytes weights[8];
                panels.group(which, weights);
                for (int j = 0; j < 8; j++) store_bytes(room + (8 * which + j) * LINE, weights[j]);
            }
            const auto [d, m] = panels.scales();
            store_bytes(room + 16 * LINE, d);
            store_bytes(room + 17 * LINE, m);
            panels.go_on();
        }
        whole_ = panels.end();
    }
    void begin() {}
    void group(int which, Bytes (&weights)[8]) const {
        for (int j = 0; j < 8; j++) weights[j] = load_bytes(line_ + (8 * which + j) * LINE);
    }
    Scales scales() const { return {load_bytes(line_ + 16 * LINE), load_bytes(line_ + 17 * LINE)}; }
    void go_on() { line_ += UNPACKED_PAIR_BYTES; }
    Floats end() const { return whole_; }

  private:
    const uint8_t* line_;
    Floats whole_;
};

// The sum of a group's quants times x's, for each output.
template <int ROWS>
inline Ints dot_group(const Bytes (&weights)[8], const int8_t* q, int32_t eights) {
    const Four* four = reinterpret_cast<const Four*>(q);
    Ints low = all_ints(eights);
    for (int j = 0; j < 8; j++) low = dot_nibbles<ROWS >= FROM_MEMORY>(low, weights[j], four[j]);
    return low;
}

// ROWS rows of x, from `row` on, times one panel. Each group's weights are unpacked once, for all rows.
template <int ROWS>
inline void multiply_panel(BytePanels& panels, const Matrix& matrix, const QuantisedRows& x, int row,
                           Floats (&sums)[ROWS]) {
    size_t at = QuantisedRows::place(row, matrix.inputs);
    for (Floats& sum : sums) sum = all(0.0f);
    for (int pair = 0; pair < matrix.pairs(); pair++) {
        const uint8_t *scales = panels.pair(), *quants = scales + SCALE_BYTES;
        for (int which = 0; which < 2; which++, quants += group_bytes(8), at += QuantisedRows::TOGETHER) {
            const Floats d = load_halves(reinterpret_cast<const uint16_t*>(scales) + which * LANES);
            Bytes weights[8];
            for (int j = 0; j < 8; j++) weights[j] = load_bytes(quants + 64 * j);
#pragma GCC unroll 16
            for (int r = 0; r < ROWS; r++) {
                const Four* four = reinterpret_cast<const Four*>(x.quants.data() + (at + r) * GROUP);
                Ints sum = byte_offset(x.eights[at + r]);
                for (int j = 0; j < 8; j++) sum = dot_bytes<ROWS >= FROM_MEMORY>(sum, weights[j], four[j]);
                sums[r] = fma(floats(sum), mul(d, all(x.scales[at + r])), sums[r]);
            }
            panels.ask();
        }
        panels.go_on();
    }
}

// The same in 4 bits, two groups at a time:
//
//   the sums of each group's quants times x's, within 16 bits     first | second    (of an output, in one lane)
//   times their d', rounded to 16 bits                            first | second
//   both times x's factors, and m' times x's sums                 total, int32: in units of D times x's unit
//
// 8 * 127 * 32 is the most that a group's sum can be, and that times D the most that it is with d' (_of_whole in
// quantising.py); totals fit since factors are the smaller the more groups there are.
template <int ROWS, class Panels>
inline void multiply_panel(Panels& panels, const Matrix& matrix, const QuantisedRows& x, int row, Floats (&sums)[ROWS]) {
    constexpr int TOGETHER = QuantisedRows::TOGETHER;
    constexpr bool is_from_memory = ROWS >= FROM_MEMORY;
    const size_t place = QuantisedRows::place(row, matrix.inputs);
    const size_t pair_place = QuantisedRows::pair_place(row, matrix.inputs);
    const int8_t* q = x.quants.data() + place * GROUP;
    const int32_t* eights = x.eights.data() + place;
    const Four* factors = reinterpret_cast<const Four*>(x.factors.data()) + pair_place;
    const Four* x_sums = reinterpret_cast<const Four*>(x.sums.data()) + pair_place;
    const float* units = x.units.data() + row;
    Ints totals[ROWS];
    for (Ints& total : totals) total = no_ints();
    panels.begin();
    for (int pair = 0; pair < matrix.pairs(); pair++) {
        Bytes group[8];
        Ints firsts[ROWS];
        panels.group(0, group);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) firsts[r] = dot_group<ROWS>(group, q + r * GROUP, eights[r]);
        q += TOGETHER * GROUP;
        eights += TOGETHER;
        panels.group(1, group);
        const auto [d, m] = panels.scales();
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            const Ints both = beside(firsts[r], dot_group<ROWS>(group, q + r * GROUP, eights[r]));
            totals[r] = dot_words<is_from_memory>(totals[r], m, x_sums[r]);
            totals[r] = dot_words<is_from_memory>(totals[r], scaled(both, d), factors[r]);
        }
        panels.go_on();
        q += TOGETHER * GROUP;
        eights += TOGETHER;
        factors += TOGETHER;
        x_sums += TOGETHER;
    }
    const Floats whole = panels.end();
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) sums[r] = mul(floats(totals[r]), mul(whole, all(units[r])));
}

// The matrix times x, for rows `row` to before `rows` and panels `first` to before `last`.
struct Product {
    Matrix matrix;
    const QuantisedRows& x;
    int row, rows, first, last;
    Target target;
};

template <int ROWS>
inline void put_all(float* y, size_t stride, const Floats (&sums)[ROWS], bool add_to) {
    if (add_to) {
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) store(y + r * stride, add(load(y + r * stride), sums[r]));
    } else {
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) store(y + r * stride, sums[r]);
    }
}

// ROWS rows at a time; `panels` begin with the first one.
template <int ROWS, class Panels>
void multiply_rows(const Product& product, const Panels& panels) {
    // Copies, since for all that a compiler knows what is written to y could be the product's own numbers.
    const auto [matrix, x, row, rows, first, last, target] = product;
    for (int at = row; at < rows; at += ROWS) {
        Panels each = panels;
        float* y = target.y + at * target.stride + first * LANES;
        for (int index = first; index < last; index++, y += LANES) {
            Floats sums[ROWS];
            multiply_panel<ROWS>(each, matrix, x, at, sums);
            if (const int count = matrix.outputs - index * LANES; count >= LANES) [[likely]]
                put_all(y, target.stride, sums, target.add);
            else
                for (int r = 0; r < ROWS; r++) put(y + r * target.stride, sums[r], count, target.add);
            if (target.peaks)
                for (int r = 0; r < ROWS; r++) target.peak(at, index)[r] = highest(sums[r]);
        }
    }
}

// The same by how many at a time, from 1 on.
template <class Panels, int... BEFORE>
constexpr auto all_multiply_rows(std::integer_sequence<int, BEFORE...>) {
    return std::array{multiply_rows<BEFORE + 1, Panels>...};
}

template <class Panels>
void multiply_blocks(const Product& product, const Panels& panels) {
    static constexpr auto by_rows = all_multiply_rows<Panels>(std::make_integer_sequence<int, MAX_ROWS>{});
    const int left = (product.rows - product.row) % MAX_ROWS;
    Product whole = product, end = product;
    whole.rows = end.row = product.rows - left;
    if (whole.row < whole.rows) by_rows[MAX_ROWS - 1](whole, panels);
    if (left > 0) by_rows[left - 1](end, panels);
}

}  // namespace

void multiply(const Matrix& matrix, const QuantisedRows& x, const QuantisedRows* rest, int row, int rows, int first,
              int last, const Target& target, const uint8_t* next, Ahead* ahead, uint8_t* room) {
    const Reading reading{matrix.panel(last), next, ahead};
    // A panel that is needed more than once is so while it is in the cache.
    const int together = rest || rows - row > MAX_ROWS ? 1 : last - first;
    const bool is_unpacked = matrix.bits == 4 && room && rows - row >= MANY_ROWS;
    for (int index = first; index < last; index += together) {
        const auto multiply_all = [&](const auto& panels) {
            multiply_blocks({matrix, x, row, rows, index, index + together, target}, panels);
            if (rest) multiply_blocks({matrix, *rest, row, rows, index, index + together, {target.y, target.stride, true}}, panels);
        };
        if (matrix.bits == 8)
            multiply_all(BytePanels(matrix.panel(index), reading));
        else if (is_unpacked)
            multiply_all(UnpackedPanel(NibblePanels(matrix.panel(index), reading), matrix.pairs(), room));
        else
            multiply_all(NibblePanels(matrix.panel(index), reading));
    }
}

}  // namespace parley
