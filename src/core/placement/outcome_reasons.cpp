// Why a resource stays down, and what would make it fit.
#include <algorithm>
#include <cmath>

#include "core/model/wording.hpp"
#include "core/placement/admission.hpp"
#include "core/placement/outcome.hpp"

namespace haven {
namespace {

// "h1", "one of h2, h3".
std::string any_of_them(const std::vector<std::string>& names) {
  if (names.size() == 1) return names.front();
  std::string text = "one of ";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i > 0 ? ", " : "") + names[i];
  return text;
}

std::int64_t divided_up(std::int64_t amount, double ratio) {
  return std::llround(std::ceil(static_cast<double>(amount) / ratio - 1e-9));
}

}  // namespace

void Repacking::explain(const Outcome& outcome, std::vector<std::string>& reasons) const {
  const auto shown = std::min(outcome.down.size(), kMaxReasons);
  for (std::size_t i = 0; i < shown; ++i)
    reasons.push_back(when(outcome.loss) + spec_.resources[outcome.down[i]].name.str() +
                      (outcome.loss.empty() ? " does not fit: " : " stays down: ") + remedy(outcome, outcome.down[i]));
  if (shown < outcome.down.size())
    reasons.push_back(when(outcome.loss) + std::to_string(outcome.down.size() - shown) + " more likewise");
}

std::string Repacking::when(const Loss& loss) const {
  if (loss.empty()) return "now, ";
  std::vector<std::string> labels;
  for (const auto domain : loss) labels.push_back(topology_.label(spec_.cluster.reserve_domain, domain));
  return "after the loss of " + listed(labels) + ", ";
}

// A strict rule that keeps the resource off this host while the kept ones stand as they do; empty: none.
std::string Repacking::obstacle(const Outcome& outcome, std::size_t resource, std::size_t host) const {
  for (const auto i : rules_[resource]) {
    const auto& rule = spec_.rules[i];
    const bool apart = rule.kind == RuleKind::apart;
    for (const auto r : members_[i]) {
      const auto at = outcome.host_of[r];
      if (r == resource || at == kNowhere) continue;
      const bool same = topology_.domain(rule.domain, at) == topology_.domain(rule.domain, host);
      if (same == apart) return std::string(apart ? "apart from " : "together with ") + spec_.resources[r].name.str();
    }
  }
  return {};
}

std::string Repacking::remedy(const Outcome& outcome, std::size_t resource) const {
  std::vector<std::size_t> open;
  std::vector<std::string> closed;
  for (std::size_t h = 0; h < topology_.hosts(); ++h) {
    if (lost(outcome.loss, h) || !eligible_[resource].contains(h)) continue;
    const auto why = obstacle(outcome, resource, h);
    if (why.empty())
      open.push_back(h);
    else if (std::find(closed.begin(), closed.end(), why) == closed.end())
      closed.push_back(why);
  }
  if (!open.empty()) return shortage(outcome, resource, open);
  if (!closed.empty())
    return "its rules leave it no host (" + listed(closed) + "): needs one host more that they allow";
  if (outcome.loss.size() == topology_.domains(spec_.cluster.reserve_domain)) return "no host is left";
  return "only and never leave it no host: needs one more that they allow";
}

std::string Repacking::shortage(const Outcome& outcome, std::size_t resource,
                                const std::vector<std::size_t>& hosts) const {
  const auto& free = outcome.free;
  const auto& needs = spec_.resources[resource];
  const auto lack = [&](std::size_t h) {
    return std::pair(std::max<std::int64_t>(0, (needs.memory - free[h].memory).count),
                     std::max<std::int64_t>(0, (needs.cpu - free[h].cpu).count));
  };
  auto least = lack(hosts.front());
  for (const auto h : hosts) least = std::min(least, lack(h));
  std::vector<std::string> names;
  for (const auto h : hosts)
    if (lack(h) == least) names.push_back(topology_.name(h).str());
  std::vector<std::string> amounts;
  const auto overbook = outcome.loss.empty() ? 1.0 : spec_.cluster.overbook;
  if (least.first > 0) amounts.push_back(std::to_string(divided_up(least.first, overbook)) + " MiB");
  if (least.second > 0) {
    const auto cpus = divided_up(least.second, spec_.cluster.cpu_overcommit);
    amounts.push_back(std::to_string(cpus) + (cpus == 1 ? " CPU" : " CPUs"));
  }
  if (amounts.empty()) return "no arrangement was found for it within the steps allowed";
  return "needs " + listed(amounts) + " more on " + any_of_them(names);
}

}  // namespace haven
