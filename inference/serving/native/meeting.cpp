#include "meeting.h"

#include <immintrin.h>

namespace parley {

namespace {
constexpr int SPINS = 2000;
}

void Meeting::meet(int threads) {
    if (threads == 1) return;
    const uint32_t meeting = meetings_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == static_cast<uint32_t>(threads) - 1) {
        arrived_.store(0, std::memory_order_relaxed);
        meetings_.store(meeting + 1, std::memory_order_release);
        meetings_.notify_all();
    } else {
        await_change(meetings_, meeting);
    }
}

void await_change(std::atomic<uint32_t>& value, uint32_t old) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (value.load(std::memory_order_acquire) != old) return;
        _mm_pause();
    }
    value.wait(old, std::memory_order_acquire);
}

}  // namespace parley
