// Threads that go through one piece of work together. Knows nothing of what it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace parley {

class Team {
  public:
    // `threads` counts the one that calls `run`. Throws std::system_error where the system gives no more threads.
    explicit Team(int threads);
    ~Team();
    Team(const Team&) = delete;

    int size() const { return size_; }
    // Calls work(0) … work(size - 1), each in a thread of its own, and returns when all have ended. `work` must not throw.
    void run(const std::function<void(int)>& work);
    // For `work` alone: returns when all threads of the run have come here.
    void meet();

  private:
    // Waits while `value` is `old`: awake for some microseconds, since the others are mostly about to come, then asleep,
    // since a core that waits awake is taken from whoever it waits for.
    static void await_change(std::atomic<uint32_t>& value, uint32_t old);
    void help(int part);
    void stop();

    int size_;
    std::atomic<uint32_t> runs_{0}, meetings_{0}, arrived_{0};
    const std::function<void(int)>* work_ = nullptr;  // none: the threads shall end
    std::vector<std::thread> helpers_;
};

}  // namespace parley
