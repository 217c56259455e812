#include "core/placement/reserve_check.hpp"

#include <algorithm>

namespace haven {
namespace {

// More than kMostLosses is told as that and one.
std::size_t choices(std::size_t of, std::size_t count) {
  std::size_t all = 1;
  for (std::size_t i = 0; i < count; ++i) {
    all = all * (of - i) / (i + 1);
    if (all > kMostLosses) return kMostLosses + 1;
  }
  return all;
}

void erase_one(std::vector<std::size_t>& list, std::size_t value) {
  const auto it = std::find(list.begin(), list.end(), value);
  if (it != list.end()) list.erase(it);
}

}  // namespace

ReserveCheck::ReserveCheck(const Roster& roster, Placement& books, std::vector<std::string> refusals)
    : roster_(roster),
      books_(books),
      refusals_(std::move(refusals)),
      at_(roster.spec->resources.size()),
      residents_(roster.spec->hosts.size()) {}

void ReserveCheck::stands(std::size_t resource, std::size_t host) {
  at_[resource].push_back(host);
  residents_[host].push_back(resource);
}

void ReserveCheck::follow(std::size_t resource, std::size_t from, std::size_t to) {
  erase_one(at_[resource], from);
  erase_one(residents_[from], resource);
  stands(resource, to);
}

void ReserveCheck::moved(std::size_t resource, std::size_t from, std::size_t to) {
  follow(resource, from, to);
  before_.clear();
}

std::vector<ReserveCheck::Loss> ReserveCheck::losses(std::size_t to) const {
  const auto level = roster_.spec->cluster.reserve_domain;
  const auto domains = roster_.topology.domains(level);
  const auto reserve = std::min(static_cast<std::size_t>(std::max(roster_.spec->cluster.reserve, 0)), domains);
  const auto target = roster_.topology.domain(level, to);
  if (reserve == 0) return {};
  const auto count = choices(domains, reserve) <= kMostLosses ? reserve : std::size_t{1};
  if (choices(domains, count) > kMostLosses) return {{target}};
  std::vector<Loss> all;
  Loss loss(count);
  for (std::size_t i = 0; i < count; ++i) loss[i] = i;
  while (true) {
    all.push_back(loss);
    auto i = count;
    while (i > 0 && loss[i - 1] == domains - count + i - 1) --i;
    if (i == 0) break;
    ++loss[i - 1];
    for (auto k = i; k < count; ++k) loss[k] = loss[k - 1] + 1;
  }
  // The loss of where it would stand is the likeliest to be worse: asked first.
  std::stable_partition(all.begin(), all.end(),
                        [&](const Loss& l) { return std::find(l.begin(), l.end(), target) != l.end(); });
  return all;
}

void ReserveCheck::try_out(std::size_t resource, std::size_t from, std::size_t to) {
  const auto& name = roster_.spec->resources[resource].name;
  books_.book(name, roster_.topology.name(to));
  books_.release(name, roster_.topology.name(from));
  follow(resource, from, to);
}

std::optional<ReserveCheck::Down> ReserveCheck::down_after(const Loss& loss) {
  const auto& spec = *roster_.spec;
  std::vector<std::size_t> hosts, homeless;
  for (const auto domain : loss) {
    const auto& lost = roster_.topology.hosts_in(spec.cluster.reserve_domain, domain);
    hosts.insert(hosts.end(), lost.begin(), lost.end());
  }
  const auto is_lost = [&](std::size_t h) { return std::find(hosts.begin(), hosts.end(), h) != hosts.end(); };
  books_.begin_trial();
  for (const auto h : hosts) {
    books_.set_refusal(roster_.topology.name(h), "lost");
    for (const auto r : residents_[h]) {
      books_.release(spec.resources[r].name, roster_.topology.name(h));
      const auto& resource = spec.resources[r];
      const bool wanted = resource.tolerate_host && resource.state == DesiredState::started && !resource.unprotected;
      if (wanted && std::all_of(at_[r].begin(), at_[r].end(), is_lost)) homeless.push_back(r);
    }
  }
  std::sort(homeless.begin(), homeless.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(roster_.set_of[a], roster_.rank[a]) < std::pair(roster_.set_of[b], roster_.rank[b]);
  });
  homeless.erase(std::unique(homeless.begin(), homeless.end()), homeless.end());
  std::vector<Wanted> wanted;
  wanted.reserve(homeless.size());
  for (const auto r : homeless) wanted.push_back({spec.resources[r].name, {}, Occasion::recovery});
  const auto places = books_.arrange(wanted);
  books_.end_trial();
  for (const auto h : hosts) books_.set_refusal(roster_.topology.name(h), refusals_[h]);
  Down down;
  for (std::size_t i = 0; i < homeless.size(); ++i)
    if (!places[i]) {
      ++down.count;
      down.highest = std::max(down.highest, spec.resources[homeless[i]].priority);
    }
  if (down.count > 0 && --searches_ < 0) return std::nullopt;
  return down;
}

std::optional<ReserveCheck::Down> ReserveCheck::down_on_the_way(std::size_t resource, std::size_t to,
                                                                const Loss& loss) {
  const auto& name = roster_.spec->resources[resource].name;
  books_.book(name, roster_.topology.name(to));
  stands(resource, to);
  const auto down = down_after(loss);
  books_.release(name, roster_.topology.name(to));
  erase_one(at_[resource], to);
  erase_one(residents_[to], resource);
  return down;
}

bool ReserveCheck::worsened_by(std::size_t resource, std::size_t from, std::size_t to) {
  if (searches_ < 0) return true;
  for (const auto& loss : losses(to)) {
    try_out(resource, from, to);
    const auto after = down_after(loss);
    try_out(resource, to, from);
    const auto between = down_on_the_way(resource, to, loss);
    if (!after || !between) return true;
    if (after->count == 0 && between->count == 0) continue;
    const auto [known, fresh] = before_.try_emplace(loss);
    if (fresh) known->second = down_after(loss);
    if (!known->second || after->worse_than(*known->second) || between->worse_than(*known->second)) return true;
  }
  return false;
}

}  // namespace haven
