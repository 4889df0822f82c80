// 16 lanes in one AVX-512 register; included by lanes.h. Needs F, BW, VL and VNNI; BF16 where the CPU has it.
#pragma once

namespace parley {

using Floats = __m512;
using Ints = __m512i;
using Bytes = __m512i;
using Pairs = __m512i;

// Rows of a matrix product that share the unpacked weights: 16 sums, 8 registers of weights and some to work with.
constexpr int MAX_ROWS = 16;
// What `dot` takes weights for: bytes from 0 to 255, of which the packed ones mean 128 less.
constexpr float BYTE_OFFSET = -128.0f;

inline Floats all(float value) { return _mm512_set1_ps(value); }
inline Floats load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Floats value) { _mm512_storeu_ps(to, value); }
inline Floats load_halves(const uint16_t* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
inline Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats div(Floats a, Floats b) { return _mm512_div_ps(a, b); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats absolute(Floats a) { return _mm512_abs_ps(a); }
// `low` in the first half of the lanes, `high` in the second.
inline Floats halves_of(float low, float high) { return _mm512_insertf32x8(all(low), _mm256_set1_ps(high), 1); }
// Where `other` is higher than `best` it takes its place, and `index` that in `where`.
inline void keep_higher(Floats& best, Ints& where, Floats other, int32_t index) {
    const __mmask16 higher = _mm512_cmp_ps_mask(other, best, _CMP_GT_OQ);
    best = _mm512_mask_mov_ps(best, higher, other);
    where = _mm512_mask_mov_epi32(where, higher, _mm512_set1_epi32(index));
}
inline float highest(Floats a) { return _mm512_reduce_max_ps(a); }
inline float total(Floats a) { return _mm512_reduce_add_ps(a); }
// A bit for each lane that is at least that of `least`.
inline uint32_t reaching(Floats a, Floats least) { return _mm512_cmp_ps_mask(a, least, _CMP_GE_OQ); }
inline Floats first_lanes(Floats a, int count, float otherwise) {
    return _mm512_mask_blend_ps(static_cast<__mmask16>((1u << count) - 1), all(otherwise), a);
}

inline Ints no_ints() { return _mm512_setzero_si512(); }
inline Ints all_ints(int32_t value) { return _mm512_set1_epi32(value); }
inline Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints rounded(Floats a) { return _mm512_cvtps_epi32(a); }
inline void store(int32_t* to, Ints a) { _mm512_storeu_si512(to, a); }
inline Floats floats(Ints a) { return _mm512_cvtepi32_ps(a); }
inline int total(Ints a) { return _mm512_reduce_add_epi32(a); }
inline void store_bytes(int8_t* to, Ints a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(a));
}
// To whole numbers.
inline Floats nearest(Floats a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// a * 2^whole, for a from 1/2 to below 2.
inline Floats times_power_of_two(Floats a, Floats whole) { return _mm512_scalef_ps(a, whole); }

inline Bytes load_bytes(const uint8_t* from) { return _mm512_loadu_si512(from); }
inline void store_bytes(uint8_t* to, Bytes bytes) { _mm512_storeu_si512(to, bytes); }
inline Bytes low_nibbles(Bytes a) { return _mm512_and_si512(a, _mm512_set1_epi8(15)); }
inline Bytes high_nibbles(Bytes a) { return low_nibbles(_mm512_srli_epi16(a, 4)); }
// sum[lane] += the lane's four weights times the four signed bytes of `x`. FROM_MEMORY the instruction takes x itself, which
// g++ cannot be told otherwise: many rows are a thirtieth faster than with a load for each product, a single one is slower.
template <bool FROM_MEMORY = false>
inline Ints dot_nibbles(Ints sum, Bytes weights, const Four& x) {
    if constexpr (!FROM_MEMORY) return _mm512_dpbusd_epi32(sum, weights, all_ints(x));
    asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weights), "m"(x));
    return sum;
}
template <bool FROM_MEMORY = false>
inline Ints dot_bytes(Ints sum, Bytes weights, const Four& x) {
    return dot_nibbles<FROM_MEMORY>(sum, weights, x);
}
// The same with another four of x for each lane.
inline Ints dot_bytes(Ints sum, Bytes weights, Bytes x) { return _mm512_dpbusd_epi32(sum, weights, x); }
// What such sums of bytes begin with, where `eights` is -8 times the sum of `x`: the 128 that weights are too large.
inline Ints byte_offset(int32_t eights) { return _mm512_slli_epi32(all_ints(eights), 4); }

// Two sums of each lane, both within 16 bits, beside each other.
inline Ints beside(Ints first, Ints second) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, first, _mm512_slli_epi32(second, 16));
}
// a * b / 2^15 of 16 bits each, rounded.
inline Ints scaled(Ints a, Ints b) { return _mm512_mulhrs_epi16(a, b); }
inline Ints add_words(Ints a, Ints b) { return _mm512_add_epi16(a, b); }
// Of each lane the low word, or the high one, in both its words.
inline Ints low_words(Ints a) { return beside(a, a); }
inline Ints high_words(Ints a) { return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(a, 16), a); }
// Of each word the low byte, or the high one, times 2^7, without a sign.
inline Ints low_bytes(Bytes a) { return _mm512_and_si512(_mm512_slli_epi16(a, 7), _mm512_set1_epi16(0x7f80)); }
inline Ints high_bytes(Bytes a) { return _mm512_and_si512(_mm512_srli_epi16(a, 1), _mm512_set1_epi16(0x7f80)); }
// sum[lane] += the lane's two words times the two of `x`.
template <bool FROM_MEMORY>
inline Ints dot_words(Ints sum, Ints words, const Four& x) {
    if constexpr (!FROM_MEMORY) return _mm512_dpwssd_epi32(sum, words, all_ints(x));
    asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(words), "m"(x));
    return sum;
}

inline Pairs load_pairs(const uint16_t* from) {
    Pairs pairs = _mm512_loadu_si512(from);
    asm("" : "+v"(pairs));  // stays in a register: g++ would load it again for every product
    return pairs;
}
// With 0 instead of the seconds.
inline Pairs firsts_of(Pairs pairs) { return _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff)); }
#if defined(__AVX512BF16__)
// sum[lane] += the lane's pair times `pair`.
inline Floats dot_pairs(Floats sum, Pairs pairs, uint32_t pair) {
    return _mm512_dpbf16_ps(sum, (__m512bh)pairs, (__m512bh)_mm512_set1_epi32(static_cast<int>(pair)));
}
#else
inline Floats dot_pairs(Floats sum, Pairs pairs, uint32_t pair) {
    const Floats firsts = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    const Floats seconds = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
    sum = fma(firsts, all(std::bit_cast<float>(pair << 16)), sum);
    return fma(seconds, all(std::bit_cast<float>(pair & 0xffff0000)), sum);
}
#endif

}  // namespace parley
