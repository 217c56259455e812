// What the answers to one guest's checks say of it, and when each check is to be asked next.
//
// A check that fails `failures` times in a row makes the guest ill; the first time it passes, that is over. Until a
// check has passed once its failures are only counted: they make the guest ill once its `grace` is over. Well is who
// passed all of them and is not ill; before that nothing is known.
//
// A wrong answer is an answer. Silence may be a guest that is busy: it is asked of the hypervisor, which counts what
// the guest's processors have had and which requests of its disks are done. While these go on, a silent answer weighs a
// kBusyPatience-th of a wrong one. While they stand still, it weighs as much, and the guest is called hung as well.
//
// Rejected: to call a guest hung by the counters alone. An idle guest and a hung one differ by nothing there; and one
// that spins with its interrupts off looks busy for ever. So silence always becomes an illness in the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/event.hpp"
#include "core/model/health.hpp"

namespace haven {

// A busy guest that answers nothing is ill after so many times `failures`.
inline constexpr int kBusyPatience = 4;
// Two looks at the counters less far apart say nothing.
inline constexpr Duration kPulseApart = 1s;
// So much of one processor's time it takes to be called busy, percent: an idle guest's clock takes less.
inline constexpr int kBusyShare = 10;
// A check is asked so much earlier or later than its interval says, percent: else hundreds that began together go on
// together.
inline constexpr int kJitter = 10;

class Checkup {
 public:
  // `chance`: from one seed; spreads the first round over the intervals.
  Checkup(std::vector<GuestCheck> checks, Instant began, std::uint64_t chance);

  [[nodiscard]] const std::vector<GuestCheck>& checks() const { return checks_; }
  // kNever: all of them are being asked, or stand still.
  [[nodiscard]] Instant next() const;
  // Those to be asked now; each is then under way until fold() or drop().
  [[nodiscard]] std::vector<std::size_t> take_due(Instant now);
  void fold(std::size_t check, const CheckAnswer& answer, Instant now);
  // It was not asked, for whoever should ask it could not: it is, soon.
  void drop(std::size_t check, Instant now);
  // Checks that ask by the network stand still. Afterwards they begin anew, but for having passed once.
  void set_network(bool asked, Instant now);

  struct Verdict {
    Health state = Health::unknown;
    bool hung = false;
    bool by_network = false;
    std::string why{};
  };
  [[nodiscard]] Verdict verdict() const;

 private:
  struct Course {
    Instant next;
    Instant asked;
    bool under_way = false;
    bool still = false;   // not asked: the network is out
    bool passed = false;  // once
    int weight = 0;       // of the failures in a row
    bool ill = false;
    bool silent = false;  // the last answer
    std::string said{};
    std::optional<GuestPulse> pulse{};  // the last one that this check saw
  };
  struct Heard {
    bool passed = false;
    bool silent = false;
    std::string said;
  };
  [[nodiscard]] Heard judged(const GuestCheck& check, const Course& course, const CheckAnswer& answer) const;
  void watch(const CheckAnswer& answer, Instant now);
  [[nodiscard]] Duration jittered(Duration interval);

  std::vector<GuestCheck> checks_;
  std::vector<Course> courses_;
  Instant began_;
  std::uint64_t chance_;
  std::optional<GuestPulse> pulse_;
  Instant pulse_at_;
  enum class Beat { unknown, busy, idle } beat_ = Beat::unknown;
};

// As the cluster file spells it.
[[nodiscard]] const char* word(CheckKind kind);
// "http http://10.0.0.5/", "tcp 5432": how people are told of a check.
[[nodiscard]] std::string called(const GuestCheck& check);

}  // namespace haven
