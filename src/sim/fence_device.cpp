#include "sim/fence_device.hpp"

#include <algorithm>

namespace haven::sim {

using port::AgentAnswer;
using port::AgentDone;
using port::FenceVerb;

void FenceDeviceState::run(CallId call, const port::FenceDeviceConfig& device, FenceVerb verb, Duration timeout,
                           Instant now) {
  Agent agent{call, device, verb, now + timeout};
  // A process that hangs goes on hanging, whatever becomes of its device.
  agent.hangs = world_.mode(device) == DeviceMode::hanging;
  const Instant end = agent.hangs ? agent.deadline : std::min(agent.deadline, now + takes_);
  agenda_.emplace(std::pair(end, ++last_order_), std::move(agent));
}

void FenceDeviceState::cancel(CallId call, Instant now) {
  const auto found =
      std::find_if(agenda_.begin(), agenda_.end(), [&](const auto& entry) { return entry.second.call == call; });
  if (found == agenda_.end()) return;
  auto node = agenda_.extract(found);
  // Its end may be due already: then it had ended before.
  if (node.key().first > now) node.mapped().cancelled = true;
  node.key().first = std::min(node.key().first, now);
  agenda_.insert(std::move(node));
}

Instant FenceDeviceState::next_due() const { return agenda_.empty() ? kNever : agenda_.begin()->first.first; }

std::vector<AgentDone> FenceDeviceState::advance(Instant now) {
  std::vector<AgentDone> done;
  while (!agenda_.empty() && agenda_.begin()->first.first <= now) {
    const auto node = agenda_.extract(agenda_.begin());
    const Agent& agent = node.mapped();
    if (agent.cancelled) {
      done.push_back({agent.call, AgentAnswer::killed, ""});
      continue;
    }
    const DeviceMode mode = world_.mode(agent.device);
    const bool too_late = agent.hangs || node.key().first >= agent.deadline;
    // What hangs only now holds its agent until the timeout.
    if (!too_late && mode == DeviceMode::hanging) {
      Agent held = agent;
      held.hangs = true;
      agenda_.emplace(std::pair(held.deadline, ++last_order_), std::move(held));
      continue;
    }
    done.push_back(too_late ? AgentDone{agent.call, AgentAnswer::timed_out, "no answer within its time"}
                            : carry_out(agent));
  }
  return done;
}

AgentDone FenceDeviceState::carry_out(const Agent& agent) {
  const DeviceMode mode = world_.mode(agent.device);
  if (mode == DeviceMode::broken) return {agent.call, AgentAnswer::failed, "the device does not answer"};
  switch (agent.verb) {
    case FenceVerb::status:
      return {agent.call, world_.is_on(agent.device) ? AgentAnswer::is_on : AgentAnswer::is_off, ""};
    case FenceVerb::off:
      if (mode != DeviceMode::lying) world_.set_power(agent.device, false);
      return {agent.call, AgentAnswer::done, ""};
    case FenceVerb::on:
      world_.set_power(agent.device, true);
      return {agent.call, AgentAnswer::done, ""};
  }
  return {agent.call, AgentAnswer::failed, ""};
}

}  // namespace haven::sim
