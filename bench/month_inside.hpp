// The inside of a month: its events, and what happens at each. For month.cpp and month_maintenance.cpp alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <tuple>
#include <vector>

#include "month.hpp"

namespace haven::month {

enum class What { host_fails, rack_fails, proved, repaired, work_due, work_over, started, moved, climbs, minute };

struct Event {
  Duration at{};
  std::uint64_t order = 0;
  What what = What::minute;
  std::size_t subject = 0;
  std::uint64_t life = 0;  // of the subject when it was foreseen; another one since: it does not happen
  friend bool operator>(const Event& a, const Event& b) { return std::tie(a.at, a.order) > std::tie(b.at, b.order); }
};

class Running {
 public:
  explicit Running(const Options& options)
      : options_(options),
        pool_(std::make_shared<const Roster>(pool_spec(options))),
        planner_(pool_),
        load_(pool_.spec(), options.seed + 1),
        watch_(pool_, load_),
        failures_(options.seed + 2),
        climbs_(options.seed + 3),
        host_lives_(pool_.hosts().size()),
        guest_lives_(pool_.guests().size()),
        end_(options.days * 24h) {
    month_.days.resize(static_cast<std::size_t>(options.days));
  }

  Month run();

 private:
  void foresee(Duration in, What what, std::size_t subject, std::uint64_t life = 0) {
    events_.push({now_ + in, ++order_, what, subject, life});
  }
  bool begin();
  void happen(const Event& event);
  void audit_now();

  void host_fails(std::size_t host);
  void rack_fails(std::size_t first_host);
  void lose(const std::vector<std::size_t>& hosts, double repair_hours);
  void proved(std::size_t failure);
  void repaired(std::size_t host);
  void place(std::vector<std::size_t> guests, Decision decision);
  void retry();
  void end_of_move(std::size_t transfer);
  void begin_move(const std::vector<std::size_t>& guests, std::size_t to, Reason reason);

  void work_due(std::size_t host);
  void work_over(std::size_t host);
  void see_who_is_drained();
  void step_lane();
  bool try_to_move(std::size_t guest);
  [[nodiscard]] std::vector<std::size_t> set_of(std::size_t guest) const;

  void climb();
  void begin_balance(std::size_t guest, std::size_t to);
  void minute();

  [[nodiscard]] Day& today() { return month_.days[static_cast<std::size_t>(now_ / 24h)]; }

  const Options options_;
  Pool pool_;
  Planner planner_;
  Load load_;
  Watch watch_;
  sim::Random failures_, climbs_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  std::vector<std::vector<std::size_t>> failed_together_;
  std::vector<std::uint64_t> host_lives_, guest_lives_;
  std::map<std::size_t, Duration> draining_;  // since when
  std::set<std::size_t> returning_;           // hosts in service to which somebody is to come back
  Duration now_{};
  const Duration end_;
  Month month_;
};

}  // namespace haven::month
