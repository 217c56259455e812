#include "daemon/fit_inquiry.hpp"

#include <algorithm>

#include "core/placement/topology.hpp"

namespace haven::daemon {
namespace {

const Unfit* entry_of(const FitRecord& record, const ResourceName& resource) {
  const auto it = std::find_if(record.answer.begin(), record.answer.end(),
                               [&](const Unfit& unfit) { return unfit.resource == resource; });
  return it == record.answer.end() ? nullptr : &*it;
}

}  // namespace

FitJudged judge_fitness(const Spec& spec, const FitAnswers& answers) {
  FitJudged judged;
  const Topology topology(spec);
  for (const Resource& resource : spec.resources) {
    const HostSet eligible = topology.eligible(resource.hosts);
    std::vector<std::pair<HostName, const Unfit*>> out;
    bool fit = false;       // somebody can run it, or has not said
    bool has_home = false;  // and somebody said that he has all of it
    for (std::size_t h = 0; h < topology.hosts(); ++h) {
      if (!eligible.contains(h)) continue;
      const auto answer = answers.by_host.find(topology.name(h));
      const Unfit* entry = answer == answers.by_host.end() ? nullptr : entry_of(answer->second, resource.name);
      if (entry != nullptr) out.emplace_back(topology.name(h), entry);
      fit = fit || entry == nullptr || entry->state;
      has_home = has_home || (answer != answers.by_host.end() && entry == nullptr);
    }
    std::string reasons;
    for (const auto& [host, entry] : out) {
      if (entry->state && !has_home) continue;
      reasons += (reasons.empty() ? "" : "; ") + host.str() + ": " + entry->why;
      if (fit) judged.warnings.push_back(host.str() + " is out for " + resource.name.str() + ": " + entry->why);
    }
    if (!fit && resource.state == DesiredState::started)
      judged.nowhere.push_back(resource.name.str() + " can run on no host: " + reasons);
  }
  for (const HostName& host : answers.silent)
    judged.warnings.push_back(host.str() + " did not say in time what can run there; it will be asked again");
  return judged;
}

}  // namespace haven::daemon
