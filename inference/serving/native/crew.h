// Who takes which rows through a forward: threads are divided into crews, and a batch's rows among these.
//
// Members of a crew multiply the same rows, each with panels of outputs of its own. So they read what the others wrote
// and meet after every step, which costs the more the farther apart their cores are. Crews meet only where one reads
// keys or values of another. But each crew reads all weights, so there are no more of them than have rows enough to be
// busy meanwhile: with few rows all threads are one crew.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "meeting.h"

namespace parley {

// n tokens: of any slots, a slot's tokens beside each other in the order of their positions; adapter -1 is none.
struct Batch {
    int count;
    const int32_t *token_ids, *slots, *positions, *adapters;
    int outputs;
    const int32_t* output_rows;
};

// Rows of one slot beside each other, as many as attention takes together; the most positions that one of them sees.
struct Run {
    int slot, first, last, positions;
};

struct Crew {
    int first_thread = 0, threads = 0;
    Meeting meeting;

    // Its rows are `first` and those behind it among all that are divided; below they are numbered from 0. Where each
    // stands in the batch, its adapter, those that have one, one adapter's beside each other, and all of them in runs.
    int first = 0;
    std::vector<int32_t> places, adapters;
    std::vector<int> adapted;
    std::vector<Run> runs;

    int count() const { return static_cast<int>(places.size()); }
    // It gets `count` rows, which stand at `places` in the batch.
    void set(const int32_t* places, int count, const Batch& batch, int most_together);
};

// A thread: by its number in the team, and as a member of a crew.
struct Seat {
    Crew& crew;
    int part;

    int member() const { return part - crew.first_thread; }
    // Its share of `count` things: the first, and the one behind the last.
    std::pair<int, int> share(int count) const {
        const int64_t size = crew.threads;
        return {static_cast<int>(count * member() / size), static_cast<int>(count * (member() + 1) / size)};
    }
    // Returns when all of the crew have come here.
    void meet() const { crew.meeting.meet(crew.threads); }
};

class Crews {
  public:
    explicit Crews(int threads) : crews_(threads) {}

    // Divides the rows that stand at `places` in the batch; attention takes up to `most_together` of a slot's.
    void divide(const std::vector<int32_t>& places, const Batch& batch, int most_together);
    Seat seat(int part);
    // Whether a slot has rows in more than one crew.
    bool share_slots() const { return share_slots_; }

  private:
    std::vector<Crew> crews_;  // as many as there are threads, of which `count_` have rows
    int count_ = 1;
    bool share_slots_ = false;
};

}  // namespace parley
