// What a thread is going to read next, asked of memory while it computes: what reads waits, and what computes leaves
// memory idle. Knows nothing of what lies there.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace parley {

constexpr int LINE = 64;  // bytes that memory gives at once

class Ahead {
  public:
    void clear() { runs_ = at_ = per_call_ = 0, lines_ = 0; }
    // These bytes too, behind those that were added before. What the second cache would not keep until then is left out.
    void add(const uint8_t* memory, size_t bytes) {
        const size_t lines = (bytes + LINE - 1) / LINE;
        if (runs_ == MOST_RUNS || lines_ + lines > MOST_LINES) return;
        run_[runs_++] = {memory, memory + lines * LINE};
        lines_ += lines;
    }
    // `ask` is about to be called so many times, and shall be through with everything then.
    void spread(int calls) { per_call_ = calls > 0 ? static_cast<int>((lines_ + calls - 1) / calls) : 0; }
    void ask() {
        if (at_ < runs_) ask_some();
    }

  private:
    static constexpr int MOST_RUNS = 256;
    static constexpr size_t MOST_LINES = (768 << 10) / LINE;  // three quarters of such a cache
    struct Run {
        const uint8_t *next, *end;
    };

    void ask_some() {
        Run& run = run_[at_];
        for (int line = 0; line < per_call_; line++, run.next += LINE)
            _mm_prefetch(reinterpret_cast<const char*>(run.next), _MM_HINT_T1);
        if (run.next >= run.end) at_++;
    }

    Run run_[MOST_RUNS];
    int runs_ = 0, at_ = 0, per_call_ = 0;
    size_t lines_ = 0;
};

}  // namespace parley
