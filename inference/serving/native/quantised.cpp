#include "quantised.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

namespace parley {

void QuantisedRows::reserve(int rows, int inputs) {
    const size_t whole = static_cast<size_t>(rows + TOGETHER - 1) / TOGETHER * TOGETHER;
    const size_t groups = whole * 2 * pairs(inputs);
    if (scales.size() < groups) {
        quants.resize(groups * GROUP);
        scales.resize(groups);
        eights.resize(groups);
        factors.resize(groups);
        sums.resize(groups);
    }
    if (units.size() < whole) units.resize(whole);
}

// No group waits for another one: what is needed of all of them, the largest value, is found first.
void QuantisedRows::set(int row, const float* values, int inputs, float* rest) {
    const int groups = inputs / GROUP;
    const size_t at = place(row, inputs), pair_at = pair_place(row, inputs);
    float* group_scales = scales.data() + at;
    Floats row_largest = all(0.0f);
    for (int group = 0; group < groups; group++) {
        const float* low = values + group * GROUP;
        const Floats largest = max(absolute(load(low)), absolute(load(low + LANES)));
        group_scales[group * TOGETHER] = highest(largest) / 127.0f;
        row_largest = max(row_largest, largest);
    }
    // So many units at most that a product of the row, 8 * 127 * 32 * factor for each group, fits into 31 bits.
    const int most = std::min(2047, 65535 / groups);
    const float unit = highest(row_largest) / 127.0f / static_cast<float>(most);
    const float per_unit = unit > 0 ? 1.0f / unit : 0.0f;
    units[row] = unit;
    for (int group = 0; group < groups; group++) {
        const float units_up = group_scales[group * TOGETHER] * per_unit + 0.999f;  // no number where values are none
        const int factor = static_cast<int>(std::min(std::max(1.0f, units_up), static_cast<float>(most)));
        const float scale = unit * static_cast<float>(factor);
        const Floats low = load(values + group * GROUP), high = load(values + group * GROUP + LANES);
        const Floats inverse = all(scale > 0 ? 1.0f / scale : 0.0f);
        const Ints low_q = rounded(mul(low, inverse)), high_q = rounded(mul(high, inverse));
        int8_t* q = quants.data() + (at + group * TOGETHER) * GROUP;
        store_bytes(q, low_q);
        store_bytes(q + LANES, high_q);
        if (rest) {
            store(rest + group * GROUP, fma(floats(low_q), all(-scale), low));
            store(rest + group * GROUP + LANES, fma(floats(high_q), all(-scale), high));
        }
        const int sum = total(add(low_q, high_q));
        const size_t half = (pair_at + group / 2 * TOGETHER) * 2 + group % 2;
        group_scales[group * TOGETHER] = scale;
        eights[at + group * TOGETHER] = -8 * sum;
        factors[half] = static_cast<int16_t>(factor);
        sums[half] = static_cast<int16_t>((factor * sum + 128) >> 8);
    }
    if (groups % 2) {  // nothing is what stands beside the last one
        const size_t half = (pair_at + groups / 2 * TOGETHER) * 2 + 1;
        group_scales[groups * TOGETHER] = 0;
        factors[half] = sums[half] = 0;
    }
}

// The least float16 from `value` on, or the largest that there is.
static uint16_t half_above(float value) { return _cvtss_sh(std::min(value, 65504.0f), _MM_FROUND_TO_POS_INF); }

void pack(const Matrix& matrix, const float* values, uint8_t* panels) {
    for (int output = 0; output < matrix.outputs; output++) {
        const int lane = output % LANES;
        uint8_t* panel = panels + matrix.panel_bytes() * (output / LANES);
        for (int group = 0; group < matrix.groups(); group++, values += GROUP) {
            uint8_t* pair = panel + group / 2 * pair_bytes(8);
            uint8_t* quants = pair + SCALE_BYTES + group % 2 * group_bytes(8) + lane * 4;
            float largest = 0;
            for (int i = 0; i < GROUP; i++) largest = std::max(largest, std::abs(values[i]));
            const uint16_t half = half_above(largest / 127.0f);
            reinterpret_cast<uint16_t*>(pair)[group % 2 * LANES + lane] = half;
            const float d = _cvtsh_ss(half);
            for (int i = 0; i < GROUP; i++)
                quants[i / 4 * 64 + i % 4] = quant(std::clamp(values[i], -127 * d, 127 * d), d);
        }
    }
}

// What a panel's `line` of least values and steps makes of a d or m.
static float stepped(const uint8_t* line, int lane, uint8_t count) {
    const int16_t* row = reinterpret_cast<const int16_t*>(line) + 2 * lane;
    return static_cast<float>(row[0] + ((count * row[1] + 128) >> 8));
}

void dequantise(const Matrix& matrix, int output, float* values) {
    const int lane = output % LANES;
    const uint8_t* panel = matrix.panel(output / LANES);
    for (int group = 0; group < matrix.groups(); group++, values += GROUP) {
        const uint8_t* pair = panel + (matrix.bits == 4 ? 2 * SCALE_BYTES : 0) + group / 2 * pair_bytes(matrix.bits);
        const uint8_t* quants = pair + group % 2 * group_bytes(matrix.bits) + lane * 4;
        if (matrix.bits == 4) {
            const uint8_t* scales = pair + 2 * group_bytes(4) + (lane * 2 + group % 2) * 2;
            const float whole = reinterpret_cast<const float*>(panel + matrix.panel_bytes() - SCALE_BYTES)[lane];
            const float d = stepped(panel, lane, scales[0]) * (whole / WHOLE_D);
            const float m = stepped(panel + SCALE_BYTES, lane, scales[1]) * (whole / WHOLE_M);
            for (int i = 0; i < GROUP; i++) {
                const int both = quants[i % 16 / 4 * 64 + i % 4], q = i < 16 ? both & 15 : both >> 4;
                values[i] = d * static_cast<float>(q - 8) + m;
            }
        } else {
            quants += SCALE_BYTES;
            const float d = _cvtsh_ss(reinterpret_cast<const uint16_t*>(pair)[group % 2 * LANES + lane]);
            for (int i = 0; i < GROUP; i++) values[i] = d * static_cast<float>(quants[i / 4 * 64 + i % 4] - 128);
        }
    }
}

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

// ROWS rows of x times one panel. Each group's weights are unpacked once, for all rows.
template <int ROWS>
void multiply_bytes(const Matrix& matrix, int index, const QuantisedRows& x, int row, const Reading& reading,
                    Floats (&sums)[ROWS]) {
    const uint8_t* line = matrix.panel(index);
    const uint8_t *scales = line, *ahead = reading.ahead_of(line, AHEAD / 2 * pair_bytes(8));
    size_t at = QuantisedRows::place(row, matrix.inputs);
    for (Floats& sum : sums) sum = all(0.0f);
    for (int group = 0; group < 2 * matrix.pairs(); group++, at += QuantisedRows::TOGETHER) {
        if (group % 2 == 0) scales = std::exchange(line, line + SCALE_BYTES);
        const Floats d = load_halves(reinterpret_cast<const uint16_t*>(scales) + group % 2 * LANES);
        Bytes weights[8];
        for (int j = 0; j < 8; j++) weights[j] = load_bytes(line + 64 * j);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            const Four* four = reinterpret_cast<const Four*>(x.quants.data() + (at + r) * GROUP);
            Ints sum = byte_offset(x.eights[at + r]);
            for (int j = 0; j < 8; j++) sum = dot_bytes<ROWS >= FROM_MEMORY>(sum, weights[j], four[j]);
            sums[r] = fma(floats(sum), mul(d, all(x.scales[at + r])), sums[r]);
        }
        line += group_bytes(8);
        reading.ask(ahead, pair_bytes(8) / 2, 1);
    }
}

inline void unpack(const uint8_t* quants, Bytes (&weights)[8]) {
    for (int j = 0; j < 4; j++) {
        const Bytes both = load_bytes(quants + 64 * j);
        weights[j] = low_nibbles(both);
        weights[j + 4] = high_nibbles(both);
    }
}

// The sum of a group's quants times x's, for each output.
template <int ROWS>
inline Ints dot_group(const Bytes (&weights)[8], const int8_t* q, int32_t eights) {
    const Four* four = reinterpret_cast<const Four*>(q);
    Ints low = all_ints(eights);
    for (int j = 0; j < 8; j++) low = dot_nibbles<ROWS >= FROM_MEMORY>(low, weights[j], four[j]);
    return low;
}

// The same in 4 bits, two groups at a time:
//
//   the sums of each group's quants times x's, within 16 bits     first | second    (of an output, in one lane)
//   times their d', rounded to 16 bits                            first | second
//   both times x's factors, and m' times x's sums                 total, int32: in units of D times x's unit
//
// 8 * 127 * 32 is the most that a group's sum can be, and that times D the most that it is with d' (_of_whole in
// quantising.py); totals fit since factors are the smaller the more groups there are.
template <int ROWS, class Weights>
void multiply_nibbles(const Matrix& matrix, Weights weights, const QuantisedRows& x, int row, Floats (&sums)[ROWS]) {
    constexpr int TOGETHER = QuantisedRows::TOGETHER;
    constexpr bool is_from_memory = ROWS >= FROM_MEMORY;
    const size_t place = QuantisedRows::place(row, matrix.inputs);
    const size_t pair_place = QuantisedRows::pair_place(row, matrix.inputs);
    const int8_t* q = x.quants.data() + place * GROUP;
    const int32_t* eights = x.eights.data() + place;
    const Four* factors = reinterpret_cast<const Four*>(x.factors.data()) + pair_place;
    const Four* x_sums = reinterpret_cast<const Four*>(x.sums.data()) + pair_place;
    Ints totals[ROWS];
    for (Ints& total : totals) total = no_ints();
    for (int pair = 0; pair < matrix.pairs(); pair++) {
        Bytes group[8];
        Ints firsts[ROWS];
        weights.group(0, group);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) firsts[r] = dot_group<ROWS>(group, q + r * GROUP, eights[r]);
        q += TOGETHER * GROUP;
        eights += TOGETHER;
        weights.group(1, group);
        const auto [d, m] = weights.scales();
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            const Ints both = beside(firsts[r], dot_group<ROWS>(group, q + r * GROUP, eights[r]));
            totals[r] = dot_words<is_from_memory>(totals[r], m, x_sums[r]);
            totals[r] = dot_words<is_from_memory>(totals[r], scaled(both, d), factors[r]);
        }
        weights.go_on();
        q += TOGETHER * GROUP;
        eights += TOGETHER;
        factors += TOGETHER;
        x_sums += TOGETHER;
    }
    const Floats whole = weights.whole();
    for (int r = 0; r < ROWS; r++) sums[r] = mul(floats(totals[r]), mul(whole, all(x.units[row + r])));
}

// d' and m' of both groups of a pair.
struct Scales {
    Ints d, m;
};

// A panel in 4 bits as it lies in memory, pair by pair.
class Panel {
  public:
    Panel(const Matrix& matrix, int index, const Reading& reading)
        : line_(matrix.panel(index)), ahead_(reading.ahead_of(line_, AHEAD / 2 * pair_bytes(4))), reading_(reading) {
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
    // D, behind the last pair.
    Floats whole() {
        reading_.ask(ahead_, 3 * SCALE_BYTES, 0);
        return load(reinterpret_cast<const float*>(line_));
    }

  private:
    const uint8_t *line_, *ahead_;
    const Reading& reading_;
    Ints least_d_, step_d_, least_m_, step_m_;
};

// The same, unpacked once for many rows: each pair's bytes and words, then D.
class UnpackedPanel {
  public:
    UnpackedPanel(const Matrix& matrix, Panel panel, uint8_t* room) : line_(room) {
        for (int pair = 0; pair < matrix.pairs(); pair++, room += UNPACKED_PAIR_BYTES) {
            for (int which = 0; which < 2; which++) {
                Bytes weights[8];
                panel.group(which, weights);
                for (int j = 0; j < 8; j++) store_bytes(room + (8 * which + j) * LINE, weights[j]);
            }
            const auto [d, m] = panel.scales();
            store_bytes(room + 16 * LINE, d);
            store_bytes(room + 17 * LINE, m);
            panel.go_on();
        }
        whole_ = panel.whole();
    }
    void group(int which, Bytes (&weights)[8]) const {
        for (int j = 0; j < 8; j++) weights[j] = load_bytes(line_ + (8 * which + j) * LINE);
    }
    Scales scales() const { return {load_bytes(line_ + 16 * LINE), load_bytes(line_ + 17 * LINE)}; }
    void go_on() { line_ += UNPACKED_PAIR_BYTES; }
    Floats whole() const { return whole_; }

  private:
    const uint8_t* line_;
    Floats whole_;
};

// One panel times rows `row` to before `rows`, ROWS at a time; it is read by `source`, or has been unpacked.
template <int BITS, int ROWS, class Source>
void multiply_rows(const Matrix& matrix, int index, const Source& source, const QuantisedRows& x, int rows, int row,
                   float* y, size_t stride, bool add) {
    const int count = std::min(LANES, matrix.outputs - index * LANES);
    for (; row < rows; row += ROWS) {
        Floats sums[ROWS];
        if constexpr (BITS == 8)
            multiply_bytes<ROWS>(matrix, index, x, row, source, sums);
        else if constexpr (std::is_same_v<Source, Reading>)
            multiply_nibbles<ROWS>(matrix, Panel(matrix, index, source), x, row, sums);
        else
            multiply_nibbles<ROWS>(matrix, source, x, row, sums);
        for (int r = 0; r < ROWS; r++) put(y + (row + r) * stride + index * LANES, sums[r], count, add);
    }
}

// The same by how many at a time, from 1 on.
template <int BITS, class Source, int... BEFORE>
constexpr auto all_multiply_rows(std::integer_sequence<int, BEFORE...>) {
    return std::array{multiply_rows<BITS, BEFORE + 1, Source>...};
}

}  // namespace

void multiply(const Matrix& matrix, const QuantisedRows& x, const QuantisedRows* rest, int row, int rows, int first,
              int last, float* y, size_t stride, bool add, const uint8_t* next, Ahead* ahead, uint8_t* room) {
    const Reading reading{matrix.panel(last), next, ahead};
    static constexpr std::make_integer_sequence<int, MAX_ROWS> before;
    const int left = (rows - row) % MAX_ROWS, whole = rows - left;
    // With a panel all rows are multiplied, and those of `rest` while it is in the cache still.
    const auto multiply_all = [&](const auto& multiply_some, int index, const auto& source) {
        const auto multiply_each = [&](const QuantisedRows& all, bool adds) {
            if (row < whole) multiply_some[MAX_ROWS - 1](matrix, index, source, all, whole, row, y, stride, adds);
            if (left > 0) multiply_some[left - 1](matrix, index, source, all, rows, whole, y, stride, adds);
        };
        multiply_each(x, add);
        if (rest) multiply_each(*rest, true);
    };
    static constexpr auto bytes = all_multiply_rows<8, Reading>(before);
    static constexpr auto nibbles = all_multiply_rows<4, Reading>(before);
    static constexpr auto unpacked = all_multiply_rows<4, UnpackedPanel>(before);
    const bool is_unpacked = matrix.bits == 4 && room && rows - row >= MANY_ROWS;
    const auto& as_it_lies = matrix.bits == 4 ? nibbles : bytes;
    for (int index = first; index < last; index++)
        if (is_unpacked)
            multiply_all(unpacked, index, UnpackedPanel(matrix, Panel(matrix, index, reading), room));
        else
            multiply_all(as_it_lies, index, reading);
}

}  // namespace parley
