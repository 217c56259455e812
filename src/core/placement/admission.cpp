#include "core/placement/admission.hpp"

#include <algorithm>
#include <optional>

#include "core/placement/losses.hpp"
#include "core/placement/outcome.hpp"

namespace haven {
namespace {

// Steps are counted while packing and looked at between packings: with less than so many looks of every resource at
// every host, the first packing alone would be longer than all that is allowed.
constexpr std::int64_t kPackingsAtLeast = 4;

constexpr const char* kNotInFull =
    "some packings were too many or too hard to try out in full: more may fit than is said here";

Admission not_tried_out() {
  Admission answer;
  answer.exact = false;
  answer.reasons.emplace_back(kNotInFull);
  return answer;
}

class Check {
 public:
  Check(const Spec& spec, std::int64_t steps) : spec_(spec), repacking_(spec, steps), losses_(repacking_.losses()) {}

  Admission run(bool count_losses);

 private:
  bool survives_every(std::size_t losses);
  Outcome worst(std::size_t losses);
  int max_losses(std::size_t reserve, bool reserve_survived);

  const Spec& spec_;
  Repacking repacking_;
  const Losses losses_;
  bool gave_up_ = false;  // choices were left unvisited
};

bool Check::survives_every(std::size_t losses) {
  bool all = true;
  losses_.each(losses, Losses::Which::hardest, [&](const Loss& loss) { return all = repacking_.all_fit(loss); });
  return all;
}

Outcome Check::worst(std::size_t losses) {
  repacking_.refill_steps();
  std::optional<Outcome> worst;
  losses_.each(losses, Losses::Which::distinct, [&](const Loss& loss) {
    if (worst && repacking_.exhausted()) {
      gave_up_ = true;
      return false;
    }
    auto outcome = repacking_.after(loss);
    if (!worst || outcome.down.size() > worst->down.size()) worst = std::move(outcome);
    return true;
  });
  return *worst;
}

// Hosts that are left can only do less with every further loss: the first number that is not survived ends it.
int Check::max_losses(std::size_t reserve, bool reserve_survived) {
  repacking_.refill_steps();
  auto survived = reserve_survived ? reserve : 0;
  const auto end = reserve_survived ? losses_.domains() : reserve - 1;
  while (survived < end && survives_every(survived + 1)) ++survived;
  return static_cast<int>(survived);
}

Admission Check::run(bool count_losses) {
  Admission answer;
  const auto reserve = std::min(static_cast<std::size_t>(std::max(spec_.cluster.reserve, 0)), losses_.domains());
  const bool fits_now = repacking_.all_fit({});
  const bool survived = reserve == 0 ? fits_now : survives_every(reserve);
  answer.admitted = fits_now && survived;
  if (fits_now && count_losses) answer.max_losses = max_losses(reserve, survived);
  if (!answer.admitted) {
    auto outcome = worst(reserve);
    if (!fits_now && reserve > 0) {
      repacking_.refill_steps();
      auto now = repacking_.after({});
      repacking_.explain(now, answer.reasons);
      if (now.down.size() > outcome.down.size()) outcome = std::move(now);
    }
    if (!outcome.loss.empty() || reserve == 0) repacking_.explain(outcome, answer.reasons);
    for (const auto r : outcome.down) answer.unprotected.push_back(spec_.resources[r].name);
    std::sort(answer.unprotected.begin(), answer.unprotected.end());
  }
  answer.exact = !gave_up_ && repacking_.exact();
  if (!answer.exact) answer.reasons.emplace_back(kNotInFull);
  return answer;
}

// A Thursday: calendars repeat by weeks, and their zones' offsets by years.
constexpr WallTime kYearBegins{1'767'225'600'000};  // 2026-01-01
constexpr WallTime kYearEnds{1'798'761'600'000};

using Needed = std::vector<bool>;  // by resource

// What is needed together at some moment of a year, without what is part of a larger one: what is less fits too.
std::vector<Needed> needed_together(const Spec& spec) {
  std::vector<Needed> all;
  for (WallTime at = kYearBegins; at < kYearEnds;) {
    Needed now(spec.resources.size(), true);
    WallTime next = kYearEnds;
    for (std::size_t r = 0; r < spec.resources.size(); ++r) {
      if (!spec.resources[r].when) continue;
      now[r] = is_open(*spec.resources[r].when, at);
      if (const auto change = next_change(*spec.resources[r].when, at)) next = std::min(next, *change);
    }
    if (std::find(all.begin(), all.end(), now) == all.end()) all.push_back(std::move(now));
    if (all.size() > kMaxCalendarStates) return {Needed(spec.resources.size(), true)};
    at = next;
  }
  const auto within = [](const Needed& a, const Needed& b) {
    for (std::size_t r = 0; r < a.size(); ++r)
      if (a[r] && !b[r]) return false;
    return true;
  };
  std::vector<Needed> largest;
  for (const auto& one : all)
    if (std::none_of(all.begin(), all.end(), [&](const Needed& o) { return &o != &one && within(one, o); }))
      largest.push_back(one);
  return largest;
}

// At the worst of these times.
Admission check_by_calendar(const Spec& spec) {
  Admission worst;
  bool first = true;
  for (const auto& needed : needed_together(spec)) {
    Spec then = spec;
    for (std::size_t r = 0; r < then.resources.size(); ++r)
      if (!needed[r]) then.resources[r].state = DesiredState::stopped;
    auto answer = Check(then, kMaxCheckSteps).run(true);
    if (first) {
      worst = std::move(answer);
    } else {
      const bool worse =
          std::pair(!answer.admitted, answer.unprotected.size()) > std::pair(!worst.admitted, worst.unprotected.size());
      const int survived = std::min(worst.max_losses, answer.max_losses);
      const bool exact = worst.exact && answer.exact;
      if (worse) worst = std::move(answer);
      worst.max_losses = survived;
      worst.exact = exact;
    }
    first = false;
  }
  return worst;
}

}  // namespace

Admission check_admission(const Spec& spec) {
  const bool by_calendar = std::any_of(spec.resources.begin(), spec.resources.end(),
                                       [](const Resource& r) { return r.when && r.state == DesiredState::started; });
  return by_calendar ? check_by_calendar(spec) : Check(spec, kMaxCheckSteps).run(true);
}

Admission check_reserve(const Spec& spec, std::int64_t steps) {
  const auto one_packing = static_cast<std::int64_t>(spec.hosts.size() * spec.resources.size());
  if (one_packing > steps / kPackingsAtLeast) return not_tried_out();
  return Check(spec, steps).run(false);
}

}  // namespace haven
