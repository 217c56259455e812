// What ports answer, in the words of the core's events: havend and the simulated one say it alike.
#pragma once

#include <optional>

#include "core/model/event.hpp"
#include "port/engine.hpp"
#include "port/hypervisor.hpp"

namespace haven::port {

[[nodiscard]] inline CommitOutcome to_event(Outcome outcome) {
  switch (outcome) {
    case Outcome::committed:
      return CommitOutcome::committed;
    case Outcome::conflict:
      return CommitOutcome::conflict;
    case Outcome::refused:
      return CommitOutcome::refused;
    case Outcome::unknown:
      return CommitOutcome::unknown;
  }
  return CommitOutcome::unknown;
}

[[nodiscard]] inline haven::CallResult to_event(CallResult result) {
  switch (result) {
    case CallResult::done:
      return haven::CallResult::done;
    case CallResult::failed:
      return haven::CallResult::failed;
    case CallResult::unknown:
      return haven::CallResult::unknown;
  }
  return haven::CallResult::unknown;
}

// nullopt: there is nothing to tell of it.
[[nodiscard]] inline std::optional<DomainCondition> to_event(DomainState state) {
  switch (state) {
    case DomainState::running:
      return DomainCondition::running;
    case DomainState::starting:
      return DomainCondition::starting;
    case DomainState::in_migration:
      return DomainCondition::in_migration;
    case DomainState::paused:
      return DomainCondition::paused;
    case DomainState::paused_io_error:
      return DomainCondition::paused_io_error;
    case DomainState::crashed:
      return DomainCondition::crashed;
    case DomainState::absent:
      return std::nullopt;
  }
  return std::nullopt;
}

[[nodiscard]] inline HintKind to_event(LifecycleKind kind) {
  switch (kind) {
    case LifecycleKind::powered_off:
      return HintKind::powered_off;
    case LifecycleKind::migrated:
      return HintKind::migrated;
    case LifecycleKind::crashed:
    case LifecycleKind::failed:
      return HintKind::crashed;
    case LifecycleKind::started:
    case LifecycleKind::resumed:
    case LifecycleKind::paused:
    case LifecycleKind::paused_io_error:
    case LifecycleKind::destroyed:
      return HintKind::changed;
  }
  return HintKind::changed;
}

}  // namespace haven::port
