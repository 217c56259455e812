#include "adapter/fence_agent/fence_agents.hpp"

#include "adapter/fence_agent/loop.hpp"
#include "adapter/fence_agent/secret.hpp"

namespace haven::adapter {

FenceAgents::FenceAgents(std::string folder, port::FenceSink sink)
    : loop_(std::make_unique<Loop>(std::move(folder), std::move(sink))) {}

FenceAgents::~FenceAgents() = default;

void FenceAgents::run(CallId call, const port::FenceDeviceConfig& device, port::FenceVerb verb, Duration timeout) {
  loop_->run(call, device, verb, timeout);
}

void FenceAgents::probe(CallId call, const port::FenceDeviceConfig& device, Duration timeout) {
  loop_->probe(call, device, timeout);
}

void FenceAgents::cancel(CallId call) { loop_->cancel(call); }

std::vector<std::string> FenceAgents::validate(const port::FenceDeviceConfig& device, Duration timeout) {
  const auto path = agent_path(loop_->folder(), device.agent);
  if (!path) return {path.error()};
  auto asked = loop_->metadata(device.agent, timeout);
  if (asked.wait_for(timeout) != std::future_status::ready) {
    return {device.agent + " does not tell its metadata within its time"};
  }
  const MetadataResult metadata = asked.get();
  if (!metadata) return {metadata.error()};
  std::vector<std::string> faults = faults_of(*metadata, device.agent, device.options);
  for (const auto& [key, value] : device.options) {
    if (secret_of(*metadata, key).empty()) continue;
    const auto secret = read_secret(value);
    if (!secret) faults.push_back(secret.error());
  }
  return faults;
}

}  // namespace haven::adapter
