// Simulated time: what is to happen, in order of its moment; at one moment, in the order in which it was asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/model/units.hpp"
#include "sim/task.hpp"

namespace haven::sim {

class Queue {
 public:
  [[nodiscard]] Instant now() const { return now_; }
  // Not before now.
  void at(Instant when, Task task) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(tasks_.size());
      tasks_.push_back(std::move(task));
    } else {
      slot = free_.back();
      free_.pop_back();
      tasks_[slot] = std::move(task);
    }
    heap_.push_back({std::max(when, now_), ++asked_, slot});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  void after(Duration delay, Task task) { at(now_ + delay, std::move(task)); }

  // Lets everything happen that is due before or at `end`; then it is `end`.
  void run_until(Instant end) {
    while (!heap_.empty() && heap_.front().when <= end) run_one();
    now_ = std::max(now_, end);
  }

 private:
  struct Due {
    Instant when;
    std::uint64_t asked;
    std::uint32_t slot;
  };
  static bool later(const Due& a, const Due& b) { return a.when != b.when ? a.when > b.when : a.asked > b.asked; }
  void run_one() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Due due = heap_.back();
    heap_.pop_back();
    now_ = due.when;
    Task task = std::move(tasks_[due.slot]);
    free_.push_back(due.slot);
    task();
  }

  Instant now_;
  std::uint64_t asked_ = 0;
  std::vector<Due> heap_;
  std::vector<Task> tasks_;
  std::vector<std::uint32_t> free_;
};

}  // namespace haven::sim
