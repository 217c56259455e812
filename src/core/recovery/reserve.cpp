#include "core/recovery/reserve.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/model/wording.hpp"
#include "core/placement/admission.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {
namespace {

// Without its XML, which nobody asks for here.
Resource to_place(const View& view, const Resource& resource) {
  Resource slim;
  slim.name = resource.name;
  slim.cpu = resource.cpu;
  slim.memory = resource.memory;
  slim.state = desired_state(view, resource);
  slim.priority = resource.priority;
  slim.hosts = resource.hosts;
  slim.tolerate_host = resource.tolerate_host;
  for (const Refusal& refusal : fit_refusals(view, resource.name)) slim.hosts.never.push_back(refusal.host);
  return slim;
}

// The file, as far as its hosts can take anything now.
Spec in_service(const View& view, const std::set<HostName>& leaving) {
  Spec left;
  left.cluster = view.spec()->cluster;
  left.rules = view.spec()->rules;
  for (const Host& host : view.spec()->hosts) {
    if (leaving.contains(host.name) || !placing_refusal(view, host).empty()) continue;
    const Footprint others = others_on(view, host.name);
    left.hosts.push_back(host);
    left.hosts.back().keep_memory += others.memory;
    left.hosts.back().keep_cpu +=
        Vcpu{std::llround(std::floor(static_cast<double>(others.cpu.count) / left.cluster.cpu_overcommit))};
  }
  for (const Resource& resource : view.spec()->resources) left.resources.push_back(to_place(view, resource));
  return left;
}

std::string losses_in_words(int reserve) {
  return reserve == 1 ? "after one more loss" : "after " + std::to_string(reserve) + " more losses";
}

std::string wording(const std::vector<ResourceName>& names, const Admission& without, int reserve) {
  if (!without.exact)
    return "whether everything would still run " + losses_in_words(reserve) + " could not be tried out in full";
  std::vector<std::string> words;
  for (const ResourceName& name : names) words.push_back(name.str());
  std::string text = listed(words) + " would stay down " + losses_in_words(reserve) + ": ";
  const std::size_t told = std::min(without.reasons.size(), kReserveReasons);
  for (std::size_t i = 0; i < told; ++i) text += (i > 0 ? "; " : "") + without.reasons[i];
  if (told < without.reasons.size()) text += "; " + std::to_string(without.reasons.size() - told) + " more likewise";
  return text;
}

}  // namespace

ReserveWithout reserve_without(const View& view, const std::set<HostName>& leaving, std::int64_t steps) {
  ReserveWithout result;
  const int reserve = view.spec()->cluster.reserve;
  const Spec after = in_service(view, leaving);
  if (reserve <= 0 || after.hosts.empty()) return result;  // nothing is promised, or nobody could keep it
  const Admission without = check_reserve(after, steps);
  if (without.admitted) return result;
  const Admission with = check_reserve(in_service(view, {}), steps);
  const auto named = [](const std::vector<ResourceName>& names, const ResourceName& name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  std::vector<ResourceName> down;
  for (const ResourceName& name : without.unprotected) {
    const bool accepted = view.roster().resource(name)->unprotected;
    if (!accepted) down.push_back(name);
    if (!accepted && !named(with.unprotected, name) && with.exact) result.exposed.push_back(name);
  }
  if (!down.empty() || !without.exact)
    result.words = wording(result.exposed.empty() ? down : result.exposed, without, reserve);
  return result;
}

}  // namespace haven
