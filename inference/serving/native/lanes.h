// Vectors of 16 lanes, the one width that all kernels are written in. Knows nothing of models.
//
// Floats: 16 float32. Ints: 16 int32. Bytes: 64 bytes, four beside each other for each lane. Pairs: 32 bfloat16, two
// for each lane. Which instructions make them is decided when the library is compiled for this CPU (build.py).
#pragma once

#include <immintrin.h>

#include <bit>
#include <cstdint>
#include <cstring>

namespace parley {

// Four quants of a row, or two of its scales or sums, as what one instruction multiplies all outputs' weights with.
using Four [[gnu::may_alias]] = int32_t;

}  // namespace parley

#if defined(__AVX512VNNI__)
#include "lanes_avx512.h"
#else
#include "lanes_avx2.h"
#endif

namespace parley {

constexpr int LANES = 16;

// e^x for |x| below 10^6, relative error below 4e-6: what it is used for is rounded to 8 bits. 2^-g by the polynomial of
// degree 4 that is nearest to it for g from -1/2 to 1/2, relatively (Remez).
inline Floats exp(Floats x) {
    constexpr float LOG2_E = 1.44269504088896341f;
    const Floats whole = nearest(mul(x, all(LOG2_E))), g = fma(x, all(-LOG2_E), whole);
    Floats p = all(9.570102207e-3f);
    p = fma(p, g, all(-5.591785908e-2f));
    p = fma(p, g, all(2.4024744332e-1f));
    p = fma(p, g, all(-6.9312179089e-1f));
    p = fma(p, g, all(9.9999928474e-1f));
    return times_power_of_two(p, whole);
}

// float32 to the nearest bfloat16, ties to even.
inline uint16_t to_bfloat16(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;  // NaN stays NaN
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Two neighbours as one broadcastable pair: the first in the low half.
inline uint32_t to_pair(float first, float second) {
    return to_bfloat16(first) | static_cast<uint32_t>(to_bfloat16(second)) << 16;
}

// `count` floats, a multiple of 16, times `scale` as pairs of neighbours.
inline void to_pairs(const float* values, int count, float scale, uint32_t* pairs) {
    for (int i = 0; i < count; i += LANES) {
#if defined(__AVX512BF16__)
        const __m256bh halves = _mm512_cvtneps_pbh(mul(load(values + i), all(scale)));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(pairs + i / 2), (__m256i)halves);
#else
        for (int pair = i; pair < i + LANES; pair += 2)
            pairs[pair / 2] = to_pair(values[pair] * scale, values[pair + 1] * scale);
#endif
    }
}

// 16 floats as the first or `second` halves of 16 pairs; the other halves are not touched, another thread may write them.
inline void store_halves(uint16_t* pairs, bool second, Floats values) {
#if defined(__AVX512BF16__)
    const __m512i bits = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(values));
    if (second)
        _mm512_mask_storeu_epi16(pairs, 0xaaaaaaaa, _mm512_slli_epi32(bits, 16));
    else
        _mm512_mask_storeu_epi16(pairs, 0x55555555, bits);
#else
    alignas(64) float lanes[LANES];
    store(lanes, values);
    for (int i = 0; i < LANES; i++) pairs[2 * i + second] = to_bfloat16(lanes[i]);
#endif
}

}  // namespace parley
