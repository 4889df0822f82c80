// Where threads wait for each other.
#pragma once

#include <atomic>
#include <cstdint>

namespace parley {

// Waits while `value` is `old`: awake for some microseconds, since the others are mostly about to come, then asleep,
// since a core that waits awake is taken from whoever it waits for.
void await_change(std::atomic<uint32_t>& value, uint32_t old);

// In a line of memory of its own, which goes from core to core as threads come.
class alignas(64) Meeting {
  public:
    // Returns when `threads` threads have come here; what each did before, all see.
    void meet(int threads);

  private:
    std::atomic<uint32_t> meetings_{0}, arrived_{0};
};

}  // namespace parley
