// What haven's own planner decides in the month, and what each decision costs it. Nothing of it is imitated: choices
// and arrangements are Placement's, as the controller asks for them (recovery/claim_desk.cpp, lifecycle.cpp,
// maintenance.cpp), moves for balance are balance()'s, the reserve is admission's.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "core/placement/balance.hpp"
#include "month_pool.hpp"

namespace haven::month {

enum class Decision {
  first_places,  // of everything
  failover,      // of all that one failure left down
  retry,         // of what no host could take
  maintenance,   // whether a host may go out of service: where all would go
  move,          // of one guest off a host in maintenance, or back, or of what is bound together
  balance,
};
inline constexpr std::size_t kDecisions = 6;
inline constexpr std::array<const char*, kDecisions> kDecisionNames{"first_places", "failover", "retry",
                                                                    "maintenance",  "move",     "balance"};

class Planner {
 public:
  // `pool` must outlive this; its books are as they were after each call.
  explicit Planner(Pool& pool) : pool_(pool) {}

  // Hosts for those that are booked nowhere, which it puts into the order in which they are served; nullopt: none.
  std::vector<std::optional<std::size_t>> places(std::vector<std::size_t>& guests, Decision decision);
  // Whether everything that stands there would find a place elsewhere.
  bool may_leave(std::size_t host);
  // Where these, which stand on one host, go from there: to one host. nullopt: they stay.
  std::optional<std::size_t> elsewhere(const std::vector<std::size_t>& guests);
  // Whether these, which stand on one host, may go to this one.
  bool may_go(const std::vector<std::size_t>& guests, std::size_t host);
  BalanceAdvice advise(const BalanceQuestion& question);

  // Processor time of each decision, milliseconds, in the order they were made.
  [[nodiscard]] const std::vector<double>& took(Decision decision) const {
    return took_[static_cast<std::size_t>(decision)];
  }

 private:
  template <class Work>
  auto timed(Decision decision, Work work);
  std::vector<std::optional<std::size_t>> places_now(const std::vector<std::size_t>& guests, Occasion occasion);
  std::vector<std::optional<std::size_t>> choose_all(const std::vector<std::size_t>& guests, Occasion occasion,
                                                     const std::vector<std::optional<HostName>>& arranged);
  [[nodiscard]] std::optional<std::size_t> index(const std::optional<HostName>& host) const;

  Pool& pool_;
  std::array<std::vector<double>, kDecisions> took_;
};

}  // namespace haven::month
