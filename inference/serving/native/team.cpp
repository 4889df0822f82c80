#include "team.h"

#include <immintrin.h>

namespace parley {

namespace {
constexpr int SPINS = 2000;
}

Team::Team(int threads) : size_(threads) {
    try {
        for (int part = 1; part < size_; part++) helpers_.emplace_back([this, part] { help(part); });
    } catch (...) {
        stop();
        throw;
    }
}

Team::~Team() { stop(); }

void Team::run(const std::function<void(int)>& work) {
    if (size_ == 1) return work(0);
    work_ = &work;
    runs_.fetch_add(1, std::memory_order_release);
    runs_.notify_all();
    work(0);
    meet();
}

void Team::meet() {
    if (size_ == 1) return;
    const uint32_t meeting = meetings_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == static_cast<uint32_t>(size_) - 1) {
        arrived_.store(0, std::memory_order_relaxed);
        meetings_.store(meeting + 1, std::memory_order_release);
        meetings_.notify_all();
    } else {
        await_change(meetings_, meeting);
    }
}

void Team::await_change(std::atomic<uint32_t>& value, uint32_t old) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (value.load(std::memory_order_acquire) != old) return;
        _mm_pause();
    }
    value.wait(old, std::memory_order_acquire);
}

void Team::help(int part) {
    for (uint32_t seen = 0;; seen++) {
        await_change(runs_, seen);
        if (!work_) return;
        (*work_)(part);
        meet();
    }
}

void Team::stop() {
    work_ = nullptr;
    runs_.fetch_add(1, std::memory_order_release);
    runs_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
}

}  // namespace parley
