#include "sim/shapes.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "sim/random.hpp"

namespace haven::sim {
namespace {

constexpr std::size_t kMostHosts = 5;

// No other switches the same outlet.
void make_own(FenceDevice& device, const std::string& outlet) {
  device.options["plug"] = outlet;
  device.cuts.clear();
}

// A host like the first physical one, in no failure domain.
void add_host(Spec& spec) {
  const auto like = std::ranges::find_if(spec.hosts, [](const Host& host) { return host.runs_on.empty(); });
  if (like == spec.hosts.end()) return;
  Host host = *like;
  std::string name;
  const auto taken = [&] { return spec.host(HostName{name}) != nullptr || spec.cluster.witness == name; };
  for (std::size_t i = spec.hosts.size() + 1; name.empty() || taken(); ++i) name = "more" + std::to_string(i);
  host.name = HostName{name};
  host.address = name;
  host.links.assign(host.links.size(), name);
  for (std::size_t i = 0; i < host.fence.size(); ++i) make_own(host.fence[i], name + "-" + std::to_string(i + 1));
  host.site = host.room = host.rack = "";
  spec.hosts.push_back(std::move(host));
}

void change_hosts(Spec& spec, Random& random) {
  if (random.once_in(3) && spec.hosts.size() < kMostHosts) add_host(spec);
  if (random.once_in(4) && spec.hosts.size() < kMostHosts) add_host(spec);
  if (random.once_in(5)) {
    Host& host = spec.hosts[random.below(spec.hosts.size())];
    for (FenceDevice& device : host.fence) device.level = 1;
    if (!host.fence.empty()) {
      host.fence.push_back(host.fence.back());             // two power supplies, or
      if (random.once_in(2)) host.fence.back().level = 2;  // a second way
      make_own(host.fence.back(), host.name.str() + "-more");
    }
  }
  if (random.once_in(4)) {
    for (Host& host : spec.hosts) host.self_fence = host.runs_on.empty() && random.once_in(2);
  }
  constexpr std::array kPolicies{ShutdownPolicy::failover, ShutdownPolicy::stop, ShutdownPolicy::freeze,
                                 ShutdownPolicy::conditional};
  if (random.once_in(2)) spec.cluster.shutdown_policy = kPolicies[random.below(kPolicies.size())];
  spec.cluster.lease = std::chrono::seconds(random.between(2, 6));
  spec.cluster.after_fence = random.once_in(4) ? AfterFence::on : AfterFence::off;
}

HostName some(const Spec& spec, Random& random) { return spec.hosts[random.below(spec.hosts.size())].name; }

void change_resource(const Spec& spec, Resource& resource, Random& random) {
  resource.priority = static_cast<int>(random.between(1, 20)) * 10;
  resource.preempt = random.once_in(4);
  if (random.once_in(4)) resource.hosts.prefer = {{some(spec, random)}};
  if (random.once_in(8) && resource.hosts.only.empty()) resource.hosts.never = {some(spec, random)};
  if (random.once_in(4)) resource.failback = Failback::restart;
  if (random.once_in(4)) resource.on_stop_fail = OnStopFail::fence;
  if (random.once_in(4)) resource.restarts.limit = static_cast<int>(random.between(0, 3));
  if (random.once_in(4)) resource.relocations = static_cast<int>(random.between(0, 3));
}

void add_rules(Spec& spec, Random& random) {
  const std::size_t count = spec.resources.size();
  if (count < 4) return;
  const auto name = [&](std::size_t i) { return spec.resources[i % count].name; };
  const std::size_t at = random.below(count);
  // Each of other resources, so that none contradicts another.
  if (random.once_in(2)) spec.rules.push_back({RuleKind::apart, {name(at), name(at + 1)}, FailureDomain::host, true});
  if (random.once_in(2)) {
    spec.rules.push_back({RuleKind::together, {name(at + 2), name(at + 3)}, FailureDomain::host, !random.once_in(3)});
    for (const std::size_t i : {at + 2, at + 3}) spec.resources[i % count].hosts = {};
  }
  if (random.once_in(3)) {
    const auto waits = random.below(count), first = random.below(count);
    if (waits != first && spec.resources[first].after.empty()) spec.resources[waits].after = {name(first)};
  }
}

// Two of three guests are checked, some are called up, some wait for others.
void add_checks(Spec& spec, Random& random) {
  for (std::size_t i = 0; i < spec.resources.size(); ++i) {
    Resource& resource = spec.resources[i];
    if (random.once_in(3)) continue;
    constexpr std::array kKinds{CheckKind::guest_agent, CheckKind::tcp,    CheckKind::http,
                                CheckKind::exec,        CheckKind::memory, CheckKind::disk_io};
    for (std::size_t n = random.below(3) + 1; n > 0; --n) {
      GuestCheck check;
      check.kind = kKinds[random.below(kKinds.size())];
      check.available = MiB{64};
      check.failures = static_cast<int>(random.between(1, 3));
      check.grace = std::chrono::seconds(random.between(10, 60));
      resource.checks.push_back(check);
    }
    for (const Remedy remedy : {Remedy::command, Remedy::application, Remedy::restart, Remedy::failover})
      if (!random.once_in(3))
        resource.repairs.push_back(
            {remedy, {"mend"}, static_cast<int>(random.between(0, 2)), std::chrono::minutes(random.between(1, 20))});
    if (random.once_in(3)) resource.before_serve = {"verify"};
    if (random.once_in(3)) resource.serve = {"serve"};
    const bool waits = !resource.after.empty() || !spec.resources[0].after.empty();
    if (i == 0 || waits || !random.once_in(3)) continue;
    resource.after = {spec.resources[0].name};
    resource.on_after_timeout = random.once_in(2) ? AfterTimeout::go_on : AfterTimeout::hold;
    resource.after_timeout = std::chrono::seconds(random.between(10, 600));
  }
}

}  // namespace

Spec varied(const Spec& spec, std::uint64_t seed) {
  Random random(seed ^ 0x9e3779b97f4a7c15ULL);
  Spec result = spec;
  change_hosts(result, random);
  for (Resource& resource : result.resources) change_resource(result, resource, random);
  if (result.rules.empty()) add_rules(result, random);
  // Drawn apart, so that the rest is as it was.
  if (Random(seed ^ 0xbf58476dULL).once_in(2)) result.cluster.balance = Balance::automatic;
  if (Random(seed ^ 0x94d049bbULL).once_in(2)) result.cluster.hogs = Hogs::cap;
  return Random(seed ^ 0xd6e8feb8ULL).once_in(2) ? checked(result, seed) : result;
}

Spec checked(const Spec& spec, std::uint64_t seed) {
  Random random(seed ^ 0x71d67fffULL);
  Spec result = spec;
  add_checks(result, random);
  return result;
}

}  // namespace haven::sim
