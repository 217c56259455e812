#include "core/placement/admission.hpp"

#include <algorithm>
#include <optional>

#include "core/placement/losses.hpp"
#include "core/placement/outcome.hpp"

namespace haven {
namespace {

class Check {
 public:
  explicit Check(const Spec& spec) : spec_(spec), repacking_(spec), losses_(repacking_.losses()) {}

  Admission run();

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

Admission Check::run() {
  Admission answer;
  const auto reserve = std::min(static_cast<std::size_t>(std::max(spec_.cluster.reserve, 0)), losses_.domains());
  const bool fits_now = repacking_.all_fit({});
  const bool survived = reserve == 0 ? fits_now : survives_every(reserve);
  answer.admitted = fits_now && survived;
  if (fits_now) answer.max_losses = max_losses(reserve, survived);
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
  if (!answer.exact)
    answer.reasons.push_back(
        "some packings were too many or too hard to try out in full: more may fit than is said here");
  return answer;
}

}  // namespace

Admission check_admission(const Spec& spec) { return Check(spec).run(); }

}  // namespace haven
