// Memory for what every step reads from end to end, in huge pages where the system has them: with small ones a step
// spends a good part of its time on translating addresses, most of all on virtual machines.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace parley {

constexpr size_t HUGE_PAGE = 2 << 20;

using Memory = std::unique_ptr<uint8_t[], void (*)(void*)>;

// Not touched, so what is never used is never taken from the system. Throws std::bad_alloc.
inline Memory huge_memory(size_t bytes) {
    const size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void* memory = std::aligned_alloc(HUGE_PAGE, whole);
    if (!memory) throw std::bad_alloc();
    madvise(memory, whole, MADV_HUGEPAGE);
    return {static_cast<uint8_t*>(memory), std::free};
}

// Begins at a whole line of memory, so that no vector of 16 lanes lies across two; what is large, in huge pages: a product
// writes 16 outputs of each row, and rows that lie in as many small pages take a tenth of its time for their addresses.
template <typename T>
struct OnLines {
    using value_type = T;
    static constexpr size_t LINE = 64, LARGE = HUGE_PAGE / 8;
    OnLines() = default;
    template <typename U>
    OnLines(const OnLines<U>&) {}
    T* allocate(size_t count) {
        const size_t bytes = (count * sizeof(T) + LINE - 1) / LINE * LINE;
        if (bytes >= LARGE) return reinterpret_cast<T*>(huge_memory(bytes).release());
        void* memory = std::aligned_alloc(LINE, bytes);
        if (!memory) throw std::bad_alloc();
        return static_cast<T*>(memory);
    }
    void deallocate(T* array, size_t) { std::free(array); }
    bool operator==(const OnLines&) const = default;
};

// Small arrays one behind the other, in the order in which they are asked for; given back together.
class Arena {
  public:
    // Zeros, at a multiple of 64 bytes.
    uint8_t* zeros(size_t count) {
        const size_t bytes = (count + 63) / 64 * 64;
        if (bytes > left_) {
            left_ = bytes > HUGE_PAGE ? bytes : HUGE_PAGE;
            blocks_.push_back(huge_memory(left_));
            next_ = blocks_.back().get();
        }
        uint8_t* array = new (next_) uint8_t[bytes]();
        next_ += bytes;
        left_ -= bytes;
        return array;
    }

  private:
    std::vector<Memory> blocks_;
    uint8_t* next_ = nullptr;
    size_t left_ = 0;
};

}  // namespace parley
