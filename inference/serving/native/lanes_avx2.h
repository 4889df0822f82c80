// 16 lanes in two AVX2 registers; included by lanes.h. Needs AVX2, FMA and F16C.
#pragma once

namespace parley {

struct Floats {
    __m256 low, high;
};
struct Ints {
    __m256i low, high;
};
using Bytes = Ints;
using Pairs = Ints;

// There are half as many registers, of half the width.
constexpr int MAX_ROWS = 4;
// `dot_bytes` takes the offset of the packed weights away itself.
constexpr float BYTE_OFFSET = 0.0f;

inline Floats all(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
inline Floats load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
inline void store(float* to, Floats value) {
    _mm256_storeu_ps(to, value.low);
    _mm256_storeu_ps(to + 8, value.high);
}
inline Floats load_halves(const uint16_t* from) {
    const __m128i* halves = reinterpret_cast<const __m128i*>(from);
    return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}
inline Floats add(Floats a, Floats b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Floats sub(Floats a, Floats b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Floats mul(Floats a, Floats b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Floats div(Floats a, Floats b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
inline Floats fma(Floats a, Floats b, Floats c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Floats min(Floats a, Floats b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline Floats max(Floats a, Floats b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline Floats absolute(Floats a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
inline Floats halves_of(float low, float high) { return {_mm256_set1_ps(low), _mm256_set1_ps(high)}; }
inline void keep_higher(__m256& best, __m256i& where, __m256 other, int32_t index) {
    const __m256 higher = _mm256_cmp_ps(other, best, _CMP_GT_OQ);
    best = _mm256_blendv_ps(best, other, higher);
    where = _mm256_blendv_epi8(where, _mm256_set1_epi32(index), _mm256_castps_si256(higher));
}
inline void keep_higher(Floats& best, Ints& where, Floats other, int32_t index) {
    keep_higher(best.low, where.low, other.low, index);
    keep_higher(best.high, where.high, other.high, index);
}
inline float highest(Floats a) {
    alignas(32) float lanes[8];
    _mm256_store_ps(lanes, _mm256_max_ps(a.low, a.high));
    float result = lanes[0];
    for (float lane : lanes) result = lane > result ? lane : result;
    return result;
}
inline uint32_t reaching(Floats a, Floats least) {
    const int low = _mm256_movemask_ps(_mm256_cmp_ps(a.low, least.low, _CMP_GE_OQ));
    const int high = _mm256_movemask_ps(_mm256_cmp_ps(a.high, least.high, _CMP_GE_OQ));
    return static_cast<uint32_t>(low | high << 8);
}
inline float total(Floats a) {
    alignas(32) float lanes[8];
    _mm256_store_ps(lanes, _mm256_add_ps(a.low, a.high));
    float result = 0;
    for (float lane : lanes) result += lane;
    return result;
}
inline Floats first_lanes(Floats a, int count, float otherwise) {
    alignas(32) float lanes[16];
    store(lanes, a);
    for (int i = count; i < 16; i++) lanes[i] = otherwise;
    return load(lanes);
}

inline Ints no_ints() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline Ints all_ints(int32_t value) { return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)}; }
inline Ints add(Ints a, Ints b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
inline Ints rounded(Floats a) { return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
inline void store(int32_t* to, Ints a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a.low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), a.high);
}
inline Floats floats(Ints a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
inline int total(Ints a) {
    alignas(32) int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi32(a.low, a.high));
    int result = 0;
    for (int lane : lanes) result += lane;
    return result;
}
inline void store_bytes(int8_t* to, Ints a) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0b11011000);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
}
inline __m256 nearest(__m256 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Floats nearest(Floats a) { return {nearest(a.low), nearest(a.high)}; }
// a * 2^whole, for a from 1/2 to below 2; no smaller and no larger than normal numbers are.
inline __m256 times_power_of_two(__m256 a, __m256 whole) {
    const __m256 within = _mm256_max_ps(_mm256_min_ps(whole, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-125.0f));
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_cvtps_epi32(within), 23)));
}
inline Floats times_power_of_two(Floats a, Floats whole) {
    return {times_power_of_two(a.low, whole.low), times_power_of_two(a.high, whole.high)};
}

inline Bytes load_bytes(const uint8_t* from) {
    const __m256i* halves = reinterpret_cast<const __m256i*>(from);
    return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
inline void store_bytes(uint8_t* to, Bytes bytes) {
    __m256i* halves = reinterpret_cast<__m256i*>(to);
    _mm256_storeu_si256(halves, bytes.low);
    _mm256_storeu_si256(halves + 1, bytes.high);
}
inline Bytes low_nibbles(Bytes a) {
    const __m256i mask = _mm256_set1_epi8(15);
    return {_mm256_and_si256(a.low, mask), _mm256_and_si256(a.high, mask)};
}
inline Bytes high_nibbles(Bytes a) { return low_nibbles({_mm256_srli_epi16(a.low, 4), _mm256_srli_epi16(a.high, 4)}); }

// Products of bytes are added up in 16 bits: 2 * 15 * 127 fits.
inline __m256i dot_nibbles(__m256i sum, __m256i weights, __m256i x) {
    const __m256i words = _mm256_maddubs_epi16(weights, x);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
}
template <bool FROM_MEMORY = false>
inline Ints dot_nibbles(Ints sum, Bytes weights, const Four& x) {
    const __m256i four = _mm256_set1_epi32(x);
    return {dot_nibbles(sum.low, weights.low, four), dot_nibbles(sum.high, weights.high, four)};
}
// 2 * 255 * 127 would not fit, so the weights are made signed and their sign is moved to x: 2 * 127 * 127 does.
inline __m256i dot_bytes(__m256i sum, __m256i weights, __m256i x) {
    const __m256i with_sign = _mm256_xor_si256(weights, _mm256_set1_epi8(static_cast<char>(0x80)));
    return dot_nibbles(sum, _mm256_abs_epi8(with_sign), _mm256_sign_epi8(x, with_sign));
}
template <bool FROM_MEMORY = false>
inline Ints dot_bytes(Ints sum, Bytes weights, const Four& x) {
    const __m256i four = _mm256_set1_epi32(x);
    return {dot_bytes(sum.low, weights.low, four), dot_bytes(sum.high, weights.high, four)};
}
inline Ints dot_bytes(Ints sum, Bytes weights, Bytes x) {
    return {dot_bytes(sum.low, weights.low, x.low), dot_bytes(sum.high, weights.high, x.high)};
}
inline Ints byte_offset(int32_t) { return no_ints(); }

// Two sums of each lane, both within 16 bits, beside each other.
inline Ints beside(Ints first, Ints second) {
    return {_mm256_blend_epi16(first.low, _mm256_slli_epi32(second.low, 16), 0xaa),
            _mm256_blend_epi16(first.high, _mm256_slli_epi32(second.high, 16), 0xaa)};
}
// a * b / 2^15 of 16 bits each, rounded.
inline Ints scaled(Ints a, Ints b) { return {_mm256_mulhrs_epi16(a.low, b.low), _mm256_mulhrs_epi16(a.high, b.high)}; }
inline Ints add_words(Ints a, Ints b) { return {_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)}; }
// Of each lane the low word, or the high one, in both its words.
inline Ints low_words(Ints a) { return beside(a, a); }
inline Ints high_words(Ints a) {
    const Ints down = {_mm256_srli_epi32(a.low, 16), _mm256_srli_epi32(a.high, 16)};
    return beside(down, down);
}
// Of each word the low byte, or the high one, times 2^7, without a sign.
inline Ints low_bytes(Bytes a) {
    const __m256i mask = _mm256_set1_epi16(0x7f80);
    return {_mm256_and_si256(_mm256_slli_epi16(a.low, 7), mask), _mm256_and_si256(_mm256_slli_epi16(a.high, 7), mask)};
}
inline Ints high_bytes(Bytes a) {
    const __m256i mask = _mm256_set1_epi16(0x7f80);
    return {_mm256_and_si256(_mm256_srli_epi16(a.low, 1), mask), _mm256_and_si256(_mm256_srli_epi16(a.high, 1), mask)};
}
// sum[lane] += the lane's two words times the two of `x`.
template <bool FROM_MEMORY>
inline Ints dot_words(Ints sum, Ints words, const Four& x) {
    const __m256i two = _mm256_set1_epi32(x);
    return add(sum, {_mm256_madd_epi16(words.low, two), _mm256_madd_epi16(words.high, two)});
}

inline Pairs load_pairs(const uint16_t* from) { return load_bytes(reinterpret_cast<const uint8_t*>(from)); }
// With 0 instead of the seconds.
inline Pairs firsts_of(Pairs pairs) {
    const __m256i mask = _mm256_set1_epi32(0xffff);
    return {_mm256_and_si256(pairs.low, mask), _mm256_and_si256(pairs.high, mask)};
}
inline __m256 dot_pairs(__m256 sum, __m256i pairs, float first, float second) {
    const __m256 firsts = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    const __m256i upper = _mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000)));
    sum = _mm256_fmadd_ps(firsts, _mm256_set1_ps(first), sum);
    return _mm256_fmadd_ps(_mm256_castsi256_ps(upper), _mm256_set1_ps(second), sum);
}
// sum[lane] += the lane's pair times `pair`.
inline Floats dot_pairs(Floats sum, Pairs pairs, uint32_t pair) {
    const float first = std::bit_cast<float>(pair << 16), second = std::bit_cast<float>(pair & 0xffff0000);
    return {dot_pairs(sum.low, pairs.low, first, second), dot_pairs(sum.high, pairs.high, first, second)};
}

}  // namespace parley
