#include "team.h"

namespace parley {

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
