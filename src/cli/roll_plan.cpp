#include "cli/roll_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace haven::cli {
namespace {

bool is_out(const Json& host) {
  const auto maintenance = host.find("maintenance");
  return maintenance != host.end() && maintenance->is_object() && is_true(*maintenance, "on");
}

std::string state_of(const Json& thing) {
  const std::string why = text(thing, "why");
  return "is " + text(thing, "state") + (why.empty() ? "" : ": " + why);
}

const Json* member_in(const Json& cluster, const std::string& host) {
  if (!is_true(cluster, "managed")) return nullptr;
  for (const Json& member : list(cluster, "members"))
    if (text(member, "name") == host) return &member;
  return nullptr;
}

// Why a roll does not begin with it; empty: it may.
std::string obstacle(const Json& status, const std::string& name, bool by_name) {
  const Json* host = host_in(status, name);
  if (host == nullptr) return "there is no host " + name;
  const auto frozen = status.find("frozen_names");
  if (frozen != status.end() && frozen->is_object() && frozen->contains(name))
    return name + " is frozen: haven freeze off " + name;
  if (is_out(*host) && !by_name)
    return name + " is out of service already, by " + text(host->at("maintenance"), "by") +
           ": name it with --hosts to take it over, or say haven maintenance " + name + " off";
  if (!is_out(*host) && !is_true(*host, "ready"))
    return name + " " + state_of(*host) + "; let it be well first, or leave it out with --hosts";
  return "";
}

}  // namespace

const Json* host_in(const Json& status, const std::string& host) {
  for (const Json& one : list(status, "hosts"))
    if (text(one, "name") == host) return &one;
  return nullptr;
}

tl::expected<std::vector<std::string>, std::string> hosts_to_roll(const Json& status,
                                                                  const std::vector<std::string>& named) {
  std::vector<std::string> hosts = named;
  if (named.empty())
    for (const Json& host : list(status, "hosts")) hosts.push_back(text(host, "name"));
  if (hosts.empty()) return tl::unexpected(std::string("no cluster file is applied yet"));
  if (is_true(status, "frozen")) return tl::unexpected(std::string("the cluster is frozen: haven freeze off"));
  std::set<std::string> seen;
  for (const std::string& host : hosts) {
    if (!seen.insert(host).second) return tl::unexpected(host + " is named twice");
    if (std::string why = obstacle(status, host, !named.empty()); !why.empty()) return tl::unexpected(std::move(why));
  }
  return hosts;
}

std::vector<std::string> in_order(const Json& status, std::vector<std::string> hosts, const std::string& here) {
  const std::string controller = text(status, "controller");
  std::vector<std::string> order;
  for (const Json& host : list(status, "hosts"))
    if (std::find(hosts.begin(), hosts.end(), text(host, "name")) != hosts.end()) order.push_back(text(host, "name"));
  const auto weight = [&](const std::string& host) { return host == controller ? 2 : host == here ? 1 : 0; };
  std::stable_sort(order.begin(), order.end(),
                   [&](const std::string& a, const std::string& b) { return weight(a) < weight(b); });
  return order;
}

std::map<std::string, std::string> unsettled(const Json& status) {
  std::map<std::string, std::string> troubles;
  for (const Json& resource : list(status, "resources")) {
    const std::string state = text(resource, "state");
    const std::string to = text(resource, "moving_to");
    const bool rests = state == "running" || state == "stopped" || state == "ignored";
    if (!rests) troubles[text(resource, "name")] = state_of(resource);
    if (rests && !to.empty()) troubles[text(resource, "name")] = "is being moved to " + to;
  }
  return troubles;
}

std::vector<std::string> still_on(const Json& status, const std::string& host) {
  std::vector<std::string> names;
  const Json* one = host_in(status, host);
  if (one != nullptr && is_out(*one))
    for (const Json& name : list(one->at("maintenance"), "left")) names.push_back(name.get<std::string>());
  for (const Json& resource : list(status, "resources"))
    if (text(resource, "moving_to") == host) names.push_back(text(resource, "name"));
  return names;
}

std::string unwell(const Json& status, const std::string& host, const std::string& boot) {
  const Json* one = host_in(status, host);
  if (one == nullptr) return "has left the cluster file";
  if (!is_true(status, "engine")) return "cannot be judged: the engine is not within reach";
  if (!is_true(*one, "ready")) return state_of(*one);
  if (!boot.empty() && text(*one, "boot") == boot) return "has not booted anew";
  return "";
}

std::string member_unwell(const Json& before, const Json& now, const std::string& host) {
  if (member_in(before, host) == nullptr) return "";
  if (!is_true(now, "managed")) return "is up, but nobody tells how its engine member is";
  const Json* member = member_in(now, host);
  if (member == nullptr) return "is no member of the engine any more";
  if (is_true(*member, "healthy")) return "";
  const std::string trouble = text(*member, "trouble");
  return "is up, but its engine member is not well" + (trouble.empty() ? "" : ": " + trouble);
}

std::string refusal_of(const Json& foreseen, bool unprotected) {
  if (std::string why = text(foreseen, "refused"); !why.empty()) return why;
  return unprotected || list(foreseen, "exposed").empty() ? "" : text(foreseen, "reserve") + " (--unprotected)";
}

std::vector<Round> schedule(std::vector<std::string> order, std::size_t at_once, bool unprotected,
                            const Foresee& foresee) {
  std::vector<Round> rounds;
  while (!order.empty()) {
    auto alone = foresee({order.front()});
    if (!alone) return rounds;
    Round round{{order.front()}, std::move(*alone)};
    const bool possible = refusal_of(round.foreseen, unprotected).empty();
    for (std::size_t i = 1; possible && i < order.size() && round.hosts.size() < at_once; ++i) {
      auto together = round.hosts;
      together.push_back(order[i]);
      auto foreseen = foresee(together);
      if (!foreseen) return rounds;
      if (refusal_of(*foreseen, unprotected).empty()) round = {std::move(together), std::move(*foreseen)};
    }
    std::erase_if(order, [&](const std::string& host) {
      return std::find(round.hosts.begin(), round.hosts.end(), host) != round.hosts.end();
    });
    rounds.push_back(std::move(round));
  }
  return rounds;
}

}  // namespace haven::cli
