// Looks at every host once a minute: how busy it is, who stands out, and what is to be asked of the balancer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "core/placement/balance.hpp"
#include "month_load.hpp"
#include "month_pool.hpp"

namespace haven::month {

// Over the hosts that run guests, each minute; by hour the mean. Shares of their CPUs, as wanted.
struct Hour {
  double median = 0, p99 = 0, busiest = 0;
  friend bool operator==(const Hour&, const Hour&) = default;
};

struct Busy {
  std::int64_t host_minutes = 0;         // of hosts that run guests
  std::int64_t host_minutes_over = 0;    // of these, above kBusy
  std::int64_t milli_cpu_minutes = 0;    // that guests wanted and their host did not have
  std::vector<std::int64_t> times_over;  // how many minutes each time that a host was above kBusy lasted
  std::vector<Hour> hours;
  friend bool operator==(const Busy&, const Busy&) = default;
};

class Watch {
 public:
  // Both must outlive this.
  Watch(const Pool& pool, const Load& load);

  void look(Duration now);
  // Whether the balancer has anything to do: it does nothing for hosts that do not stand out, nor beyond its bound on
  // moves. After an answer without a move it is asked again when another host stands out, or its outlook is over.
  [[nodiscard]] bool due(Duration now) const;
  [[nodiscard]] BalanceQuestion question(Duration now);
  void answered(const BalanceAdvice& advice, Duration now);
  void moved(const Transfer& transfer, Duration now);
  // The end.
  [[nodiscard]] Busy busy() const;

 private:
  struct Past {
    PastMove move;
    Duration ended;
  };
  [[nodiscard]] bool open(std::size_t host) const { return pool_.hosts()[host].service == Service::in; }
  void measure(Duration now);
  void count();
  void find_those_that_stand_out();

  const Pool& pool_;
  const Load& load_;
  std::vector<std::int64_t> guest_cpu_, host_cpu_, host_memory_;  // thousandths of a CPU, MiB
  std::vector<std::int64_t> minutes_over_;                        // by host, since it is above kBusy
  std::set<std::size_t> stand_out_, left_;                        // left_: at the last answer without a move
  Duration left_at_{};
  std::vector<Past> past_;
  std::size_t minutes_ = 0;
  Busy busy_;
};

}  // namespace haven::month
