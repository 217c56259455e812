#include "core/placement/roster.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/recovery/importance.hpp"
#include "core/recovery/sets.hpp"

namespace haven {
namespace {

std::string template_of(const ResourceName& name) {
  const auto hash = name.str().find('#');
  return hash == std::string::npos ? std::string{} : name.str().substr(0, hash);
}

std::vector<std::vector<std::size_t>> siblings_of(const Spec& spec) {
  std::unordered_map<std::string, std::vector<std::size_t>> instances;
  for (std::size_t r = 0; r < spec.resources.size(); ++r)
    if (const auto name = template_of(spec.resources[r].name); !name.empty()) instances[name].push_back(r);
  std::vector<std::vector<std::size_t>> siblings(spec.resources.size());
  for (std::size_t r = 0; r < spec.resources.size(); ++r) {
    if (const auto name = template_of(spec.resources[r].name); !name.empty()) siblings[r] = instances[name];
    std::erase(siblings[r], r);
  }
  return siblings;
}

}  // namespace

Roster::Roster(std::shared_ptr<const Spec> of)
    : spec(std::move(of)),
      topology(*spec),
      order(by_importance(*spec)),
      rank(spec->resources.size()),
      sets(sets_of(*spec)),
      set_of(spec->resources.size()),
      weight(spec->resources.size()),
      members(members_of_rules(*spec)),
      rules(spec->resources.size()),
      templates(siblings_of(*spec)),
      partner(spec->resources.size()) {
  for (std::size_t r = 0; r < spec->resources.size(); ++r) indexes.emplace(spec->resources[r].name, r);
  for (std::size_t r = 0; r < spec->resources.size(); ++r) partner[r] = r;
  for (std::size_t r = 0; r < spec->resources.size(); ++r) {
    const auto& succession = spec->resources[r].succession;
    const auto predecessor = succession ? index(succession->predecessor) : std::nullopt;
    if (!predecessor || *predecessor == r || partner[*predecessor] != *predecessor) continue;
    successors.push_back(r);
    partner[r] = *predecessor;
    partner[*predecessor] = r;
  }
  for (std::size_t rule = 0; rule < members.size(); ++rule)
    for (const auto r : members[rule]) rules[r].push_back(rule);
  const auto place_of = [this](const Resource* r) { return static_cast<std::size_t>(r - spec->resources.data()); };
  for (std::size_t place = 0; place < order.size(); ++place) rank[place_of(order[place])] = place;
  for (std::size_t set = 0; set < sets.size(); ++set)
    for (const Resource* member : sets[set]) set_of[place_of(member)] = set;
  for (const Resource& resource : spec->resources)
    for (const auto& name : resource.after)
      if (const auto before = index(name)) awaited.push_back(*before);
  std::sort(awaited.begin(), awaited.end());
  awaited.erase(std::unique(awaited.begin(), awaited.end()), awaited.end());
  weigh();
}

void Roster::weigh() {
  std::vector<std::size_t> heavier;
  for (std::size_t r = 0; r < weight.size(); ++r) {
    weight[r] = sets[set_of[r]].front()->priority;
    if (!spec->resources[r].after.empty()) heavier.push_back(r);
  }
  while (!heavier.empty()) {
    const auto r = heavier.back();
    heavier.pop_back();
    for (const auto& name : spec->resources[r].after)
      if (const auto before = index(name); before && weight[*before] < weight[r]) {
        weight[*before] = weight[r];
        heavier.push_back(*before);
      }
  }
}

std::optional<std::size_t> Roster::index(const ResourceName& name) const {
  const auto it = indexes.find(name);
  if (it == indexes.end()) return std::nullopt;
  return it->second;
}

const Resource* Roster::resource(const ResourceName& name) const {
  const auto it = indexes.find(name);
  return it == indexes.end() ? nullptr : &spec->resources[it->second];
}

const Host* Roster::host(const HostName& name) const {
  const auto it = topology.find(name);
  return it ? &spec->hosts[*it] : nullptr;
}

}  // namespace haven
