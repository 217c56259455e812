// The checks of one havend's guests: core/recovery/rounds says when, the world answers.
#include <utility>

#include "sim/havend.hpp"

namespace haven::sim {
namespace {

// havend asks so many at once (daemon/rounds): here nothing is in the way of all of them.
constexpr std::size_t kAtOnce = 1024;

}  // namespace

void Havend::perform_one(CallId, AttendGuest& action) {
  rounds_->attend(action, machine_.clock().mono);
  tell_health();
}

void Havend::perform_one(CallId call, TreatGuest& action) {
  const Applications::Treated treated = callbacks_.treat(action);
  const Duration takes = treated.result == CallResult::unknown ? kMessage : kGuestCommand;
  later(takes, [this, call, treated] { tell(CallDone{call, treated.result, treated.message}); });
}

// What the node has to do with it is told when it has done what it was doing.
void Havend::tell_health() {
  for (HealthSeen& seen : rounds_->news()) later(kMessage, [this, told = std::move(seen)] { tell(told); });
  arm_rounds();
}

void Havend::know_checks() {
  const auto spec = node_->view().shared_spec();
  if (spec == known_spec_) return;
  known_spec_ = spec;
  rounds_->know(spec, machine_.clock().mono);
  tell_health();
}

void Havend::arm_rounds() {
  const Instant next = machine_.to_world(rounds_->next());
  if (next == kNever || next >= rounds_armed_) return;
  rounds_armed_ = std::max(next, queue_.now());
  later(rounds_armed_ - queue_.now(), [this, at = rounds_armed_] {
    if (at != rounds_armed_) return;
    rounds_armed_ = kNever;
    ask_guests();
    arm_rounds();
  });
}

void Havend::ask_guests() {
  for (CheckCall& call : rounds_->take_due(machine_.clock().mono, kAtOnce)) {
    CheckAnswer answer = callbacks_.check(call.resource, call.check);
    const Duration takes = answer.silent ? call.check.timeout : kGuestAnswers;
    later(takes, [this, number = call.number, answer = std::move(answer)] {
      rounds_->answer(number, answer, machine_.clock().mono);
      tell_health();
    });
  }
}

}  // namespace haven::sim
