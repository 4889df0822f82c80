// Threads that go through one piece of work together. Knows nothing of what it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "meeting.h"

namespace parley {

class Team {
  public:
    // `threads` counts the one that calls `run`. Throws std::system_error where the system gives no more threads.
    explicit Team(int threads);
    ~Team();
    Team(const Team&) = delete;

    // Calls work(0) … work(threads - 1), each in a thread of its own, and returns when all have ended. `work` must not
    // throw.
    void run(const std::function<void(int)>& work);
    // For `work` alone: returns when all threads of the run have come here.
    void meet() { meeting_.meet(size_); }

  private:
    void help(int part);
    void stop();

    int size_;
    std::atomic<uint32_t> runs_{0};
    const std::function<void(int)>* work_ = nullptr;  // none: the threads shall end
    Meeting meeting_;
    std::vector<std::thread> helpers_;
};

}  // namespace parley
