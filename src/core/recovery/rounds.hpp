// Whose checks a host runs, and when. It lives beside the brain, as hearing does: the executor says whom to attend
// (AttendGuest), and is told when what the checks say changes (HealthSeen); in between it need not turn. havend asks
// by its port (daemon/rounds), the simulator by its world.
//
// What is attended stays so through every change of the file: a guest whose checks are others from now on begins anew
// with them, one that left the file is asked nothing until it is back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/spec.hpp"
#include "core/recovery/checkup.hpp"

namespace haven {

// One question. It is answered, or dropped, by its number.
struct CheckCall {
  std::uint64_t number = 0;
  ResourceName resource;
  GuestCheck check;
  Instant due;  // the guest's first question that was
};

class Rounds {
 public:
  explicit Rounds(std::uint64_t seed) : chance_(seed) {}

  // Each may change what is known of a guest: news() tells.
  void know(std::shared_ptr<const Spec> spec, Instant now);
  void attend(const AttendGuest& order, Instant now);
  void answer(std::uint64_t number, const CheckAnswer& answer, Instant now);
  // Nobody could ask it.
  void drop(std::uint64_t number, Instant now);

  [[nodiscard]] Instant next() const { return due_.empty() ? kNever : due_.begin()->first; }
  // Of those that are due, the longest waiting first, until there are `room` of them; those of one guest go together.
  [[nodiscard]] std::vector<CheckCall> take_due(Instant now, std::size_t room);
  // What changed since this was asked last.
  [[nodiscard]] std::vector<HealthSeen> news() { return std::exchange(news_, {}); }
  [[nodiscard]] std::size_t attended() const { return wards_.size(); }

 private:
  struct Ward {
    std::uint64_t life = 0;
    Attendance how = Attendance::full;
    std::optional<Checkup> checkup;  // none: the file has no checks for it
    std::set<std::uint64_t> under_way;
    Instant due = kNever;
    std::optional<HealthSeen> told;
  };
  struct Asked {
    ResourceName resource;
    std::size_t check = 0;
  };
  void begin(const ResourceName& name, Ward& ward, Instant now);
  void settle(const ResourceName& name, Ward& ward);
  void forget_calls(Ward& ward);

  std::shared_ptr<const Spec> spec_;
  std::map<ResourceName, const Resource*> by_name_;
  std::map<ResourceName, Ward> wards_;
  std::map<std::uint64_t, Asked> asked_;
  std::set<std::pair<Instant, ResourceName>> due_;
  std::vector<HealthSeen> news_;
  std::uint64_t chance_;
  std::uint64_t last_ = 0;
};

}  // namespace haven
