#include "core/recovery/gate.hpp"

#include "core/placement/roster.hpp"
#include "core/recovery/illness.hpp"

namespace haven {
namespace {

const RunRecord* running(const View& view, const ResourceName& name) {
  const auto run = view.runs.find(name);
  const auto claim = view.claims.find(name);
  const bool runs = run != view.runs.end() && claim != view.claims.end() &&
                    run->second.value.state == RunState::running && !claim_closed(view, name) &&
                    run->second.value.generation == claim->second.value.generation;
  return runs ? &run->second.value : nullptr;
}

std::string words_about(const View& view, const ResourceName& name) {
  const RunRecord* run = running(view, name);
  const Resource* resource = view.roster().resource(name);
  if (run == nullptr || resource == nullptr) return "waits for " + name.str();
  return "waits for the checks of " + name.str() + ": " + unready_words(*resource, run->health);
}

}  // namespace

bool is_ready(const View& view, const ResourceName& name) {
  const RunRecord* run = running(view, name);
  const Resource* resource = view.roster().resource(name);
  return run != nullptr && (resource == nullptr || is_ready(*resource, run->health));
}

std::optional<Gate> gate_of(const ControllerState& state, const View& view, const Resource& resource, Pass& pass) {
  for (const auto& name : resource.after) {
    if (is_ready(view, name)) continue;
    const auto since = state.unready_since.find(name);
    const bool over = resource.after_timeout > Duration::zero() && since != state.unready_since.end() &&
                      pass.due(since->second + resource.after_timeout);
    if (!over) return Gate{words_about(view, name), false};
    if (resource.on_after_timeout == AfterTimeout::hold)
      return Gate{words_about(view, name) + "; its after_timeout is over, and it is held", true};
  }
  return std::nullopt;
}

std::optional<std::string> gate_words(const View& view, const Resource& resource) {
  for (const auto& name : resource.after)
    if (!is_ready(view, name)) return words_about(view, name);
  return std::nullopt;
}

void fold_gates(ControllerState& state, const View& view, Instant now) {
  for (const std::size_t place : view.roster().awaited) {
    const ResourceName& name = view.spec()->resources[place].name;
    if (is_ready(view, name))
      state.unready_since.erase(name);
    else
      state.unready_since.try_emplace(name, now);
  }
}

}  // namespace haven
