#include <algorithm>
#include <optional>
#include <tuple>

#include "core/placement/ledger.hpp"

namespace haven {

std::string Placement::remedy(const ResourceName& resource, const std::vector<Refusal>& avoid,
                              Occasion occasion) const {
  const auto& ledger = *ledger_;
  const auto r = ledger.resource(resource);
  if (!r) return {};
  const auto query = ledger.query(*r, avoid, occasion);
  std::optional<std::tuple<std::int64_t, std::int64_t, std::size_t>> nearest;  // what is missing, and where
  std::optional<std::size_t> back;
  for (std::size_t place = 0; place < ledger.topology.hosts(); ++place) {
    const auto h = ledger.topology.host_by_name(place);
    if (!ledger.listed_for(query, h) || !ledger.rules_kept(query, h)) continue;
    const auto free = ledger.free_for(*r, h, occasion);
    const auto lacks = [](std::int64_t needed, std::int64_t room) { return room < needed ? needed - room : 0; };
    const auto memory = lacks(query.needed.memory_mib, free.memory.count);
    const auto vcpus = lacks(query.needed.vcpus, free.cpu.count);
    const bool fits = memory == 0 && vcpus == 0;
    if (!ledger.open_to(query, h)) {
      if (fits && !back) back = h;
    } else if (!fits) {
      nearest = std::min(nearest.value_or(std::tuple(memory, vcpus, h)), std::tuple(memory, vcpus, h));
    }
  }
  std::string text;
  if (nearest) {
    const auto& [memory, vcpus, host] = *nearest;
    if (memory > 0) text = std::to_string(memory) + " MiB";
    if (vcpus > 0) text += (text.empty() ? "" : " and ") + std::to_string(vcpus) + " vCPU";
    text += " more on " + ledger.topology.name(host).str();
  }
  if (back) text += (text.empty() ? "" : ", or ") + ledger.topology.name(*back).str() + " in service again";
  return text.empty() ? text : text + " would do";
}

}  // namespace haven
