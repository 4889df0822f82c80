#include "crew.h"

#include <algorithm>

namespace parley {

namespace {

// With fewer rows for each, crews lose more by reading all weights than they gain by not meeting.
constexpr int FEWEST_ROWS = 4;
// A row takes as long as attending to so many positions.
constexpr int64_t ROW_POSITIONS = 2000;

}  // namespace

void Crews::divide(const std::vector<int32_t>& places, const Batch& batch, int most_together) {
    const int threads = static_cast<int>(crews_.size()), rows = static_cast<int>(places.size());
    count_ = std::clamp(rows / FEWEST_ROWS, 1, threads);
    share_slots_ = false;
    int64_t work = 0, done = 0;
    for (int place : places) work += ROW_POSITIONS + batch.positions[place];
    for (int number = 0, first = 0; number < count_; number++) {
        Crew& crew = crews_[number];
        const int behind = threads * (number + 1) / count_;  // the first thread of the next crew
        crew.first_thread = threads * number / count_;
        crew.threads = behind - crew.first_thread;
        int last = first;
        while (last < rows && (number + 1 == count_ || done * threads < work * behind))
            done += ROW_POSITIONS + batch.positions[places[last++]];
        if (first > 0 && first < last && batch.slots[places[first - 1]] == batch.slots[places[first]])
            share_slots_ = true;
        crew.first = first;
        crew.set(places.data() + first, last - first, batch, most_together);
        first = last;
    }
}

Seat Crews::seat(int part) {
    int number = 0;
    while (part >= crews_[number].first_thread + crews_[number].threads) number++;
    return {crews_[number], part};
}

void Crew::set(const int32_t* new_places, int count, const Batch& batch, int most_together) {
    places.assign(new_places, new_places + count);
    adapters.clear();
    adapted.clear();
    runs.clear();
    for (int row = 0; row < count; row++) {
        const int place = places[row], slot = batch.slots[place], positions = batch.positions[place] + 1;
        adapters.push_back(batch.adapters[place]);
        if (adapters[row] >= 0) adapted.push_back(row);
        if (runs.empty() || runs.back().slot != slot || row - runs.back().first == most_together)
            runs.push_back({slot, row, row, positions});
        runs.back().last = row + 1;
        runs.back().positions = std::max(runs.back().positions, positions);
    }
    std::stable_sort(adapted.begin(), adapted.end(), [&](int a, int b) { return adapters[a] < adapters[b]; });
}

}  // namespace parley
