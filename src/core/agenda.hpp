// Which resources a pass has to look at. Events mark what they touch; a resource that wanted something is looked at in
// every pass until it wants nothing any more (level, not edge), and once more when time alone would change the answer.
// Losing an agenda costs one pass over everything and nothing else: mark_all() is right whenever in doubt.
//
// Rejected: to keep the answers themselves and to ask which of them an event makes wrong. A mark too many costs a
// microsecond; an answer too old is a decision that nobody takes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "core/model/units.hpp"
#include "core/placement/roster.hpp"

namespace haven {

class Agenda {
 public:
  void mark_all() { all_ = true; }
  // Unknown names are passed over. `roster`: the one that the next take() gets; a new one needs mark_all().
  void mark(const Roster& roster, const ResourceName& name) {
    if (const auto index = roster.index(name)) mark_place(roster.rank[*index]);
  }
  void mark_place(std::size_t place) {
    if (!all_) marked_.push_back(place);
  }
  [[nodiscard]] bool everything() const { return all_; }
  [[nodiscard]] Instant wake() const { return by_wake_.empty() ? kNever : by_wake_.begin()->first; }

  // The places in roster.order to look at, in that order. Each is to be answered by looked().
  [[nodiscard]] std::vector<std::size_t> take(const Roster& roster, Instant now) {
    std::vector<std::size_t> places = std::exchange(marked_, {});
    if (std::exchange(all_, false)) {
      wanting_.clear();
      by_wake_.clear();
      wakes_.assign(roster.order.size(), kNever);
      places.resize(roster.order.size());
      for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
      return places;
    }
    places.insert(places.end(), wanting_.begin(), wanting_.end());
    wanting_.clear();
    for (auto it = by_wake_.begin(); it != by_wake_.end() && it->first <= now; ++it) places.push_back(it->second);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    // What is not looked at after all is marked again, and its deadline is not to hide later ones.
    for (const std::size_t place : places) set_wake(place, kNever);
    return places;
  }
  void looked(std::size_t place, bool wants, Instant wake) {
    if (wants) wanting_.push_back(place);
    set_wake(place, wake);
  }

 private:
  void set_wake(std::size_t place, Instant wake) {
    if (wakes_[place] == wake) return;
    if (wakes_[place] != kNever) by_wake_.erase({wakes_[place], place});
    wakes_[place] = wake;
    if (wake != kNever) by_wake_.insert({wake, place});
  }

  bool all_ = true;
  std::vector<std::size_t> marked_, wanting_;
  std::vector<Instant> wakes_;  // by place
  std::set<std::pair<Instant, std::size_t>> by_wake_;
};

}  // namespace haven
