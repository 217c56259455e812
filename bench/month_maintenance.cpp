// Every host goes out of service once: as ClaimDesk::mend and maintenance.cpp have it.
#include <algorithm>
#include <iterator>

#include "month_inside.hpp"

namespace haven::month {

void Running::work_due(std::size_t host) {
  ++month_.windows.asked;
  if (pool_.hosts()[host].service != Service::in || !planner_.may_leave(host)) {
    ++month_.windows.later;
    return foresee(kAskedAgain, What::work_due, host);
  }
  pool_.serve(host, Service::draining);
  pool_.remember(host);
  returning_.erase(host);
  draining_.emplace(host, now_);
  step_lane();
}

void Running::work_over(std::size_t host) {
  ++month_.windows.done;
  pool_.serve(host, Service::in);
  returning_.insert(host);
  retry();
  step_lane();
}

void Running::see_who_is_drained() {
  for (auto next = draining_.begin(); next != draining_.end();) {
    const auto [host, since] = *next;
    const bool empty = pool_.hosts()[host].booked.empty();
    const bool too_long = now_ - since > kDrainTakes;
    if (empty || too_long)
      next = draining_.erase(next);
    else
      ++next;
    if (empty) {
      month_.windows.drained.push_back(now_ - since);
      pool_.serve(host, Service::out);
      foresee(kWork, What::work_over, host, host_lives_[host]);
    } else if (too_long) {
      ++month_.windows.given_up;
      pool_.serve(host, Service::in);
      returning_.insert(host);
      foresee(kAskedAgain, What::work_due, host);
    }
  }
}

// What is bound to it and is not down moves with it.
std::vector<std::size_t> Running::set_of(std::size_t guest) const {
  const Roster& roster = pool_.roster();
  std::vector<std::size_t> set;
  for (const Resource* member : roster.sets[roster.set_of[guest]]) {
    const auto g = static_cast<std::size_t>(member - pool_.spec().resources.data());
    if (pool_.guests()[g].stand != Stand::waiting) set.push_back(g);
  }
  return set;
}

bool Running::try_to_move(std::size_t guest) {
  if (pool_.guests()[guest].stand != Stand::running) return false;
  const auto set = set_of(guest);
  const auto host = pool_.guests()[guest].host;
  const bool all_run = std::all_of(set.begin(), set.end(), [&](std::size_t g) {
    return pool_.guests()[g].stand == Stand::running && pool_.guests()[g].host == host;
  });
  if (!all_run) return false;
  if (draining_.contains(host)) {
    const auto to = planner_.elsewhere(set);
    if (to) begin_move(set, *to, Reason::maintenance);
    return to.has_value();
  }
  for (const auto home : returning_) {
    const auto& list = pool_.hosts()[home].returning;
    if (home == host || !std::binary_search(list.begin(), list.end(), guest)) continue;
    if (!planner_.may_go(set, home)) return false;
    begin_move(set, home, Reason::comes_back);
    return true;
  }
  return false;
}

// One move at a time, the least important first, as ClaimDesk::mend.
void Running::step_lane() {
  see_who_is_drained();
  if (pool_.open_moves(Reason::maintenance) + pool_.open_moves(Reason::comes_back) > 0) return;
  std::vector<std::size_t> restless;
  for (const auto& [host, since] : draining_) {
    const auto& there = pool_.hosts()[host].booked;
    restless.insert(restless.end(), there.begin(), there.end());
  }
  for (auto next = returning_.begin(); next != returning_.end();) {
    pool_.tidy_returning(*next);
    const auto& list = pool_.hosts()[*next].returning;
    restless.insert(restless.end(), list.begin(), list.end());
    next = list.empty() ? returning_.erase(next) : std::next(next);
  }
  std::sort(restless.begin(), restless.end(),
            [&](std::size_t a, std::size_t b) { return pool_.roster().rank[a] > pool_.roster().rank[b]; });
  for (const auto g : restless)
    if (try_to_move(g)) return;
}

}  // namespace haven::month
