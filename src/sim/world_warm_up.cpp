// From nothing to time zero.
#include <algorithm>

#include "core/placement/placement.hpp"
#include "sim/world.hpp"

namespace haven::sim {
namespace {

constexpr Duration kHavendsStartWithin = 200ms;
// Time zero comes when the engine has not changed for this long, and everything that found a place runs.
constexpr Duration kQuiet = 5s;
constexpr Duration kWarmUpAtMost = 300s;
constexpr Duration kLook = 1s;

bool breaks(const Spec& spec, const Rule& rule, const std::map<ResourceName, HostName>& put) {
  std::set<std::string> domains;
  std::size_t members = 0;
  for (const ResourceName& name : rule.resources) {
    const auto host = put.find(name);
    if (host == put.end()) continue;
    ++members;
    domains.insert(domain_of(*spec.host(host->second), rule.domain));
  }
  return rule.kind == RuleKind::apart ? domains.size() < members : domains.size() > 1;
}

// The file as it stands before time zero: what the `run` statements put down stays where it is put, even where the file
// says otherwise. From zero on the file holds, and Haven mends what breaks it.
Spec before_zero(const Spec& file, const std::vector<StartsOn>& runs) {
  Spec spec = file;
  std::map<ResourceName, HostName> put;
  for (const StartsOn& run : runs) put[run.resource] = run.host;
  std::erase_if(spec.rules, [&](const Rule& rule) { return breaks(file, rule, put); });
  for (Resource& resource : spec.resources) {
    const auto host = put.find(resource.name);
    if (host == put.end()) continue;
    resource.hosts = {{}, {{host->second}}, {}};
    resource.state = DesiredState::started;
  }
  return spec;
}

}  // namespace

void World::seed_engine(const Spec& spec, const std::vector<StartsOn>& runs) {
  RecordStore::Transaction transaction;
  transaction.operations.emplace_back(
      RecordStore::Put{path::kSpec, SpecRecord{std::make_shared<const Spec>(spec)}, {}});
  engine_->commit(transaction);
  for (const StartsOn& run : runs) {
    ClaimRecord claim;
    claim.host = run.host;
    claim.incarnation = machine(run.host).incarnation();
    claim.generation = {1};
    RecordStore::Transaction claimed;
    claimed.operations.emplace_back(RecordStore::Put{path::claim(run.resource), claim, {}});
    engine_->commit(claimed);
  }
}

void World::commit_spec(const Spec& spec) {
  RecordStore::Transaction transaction;
  transaction.operations.emplace_back(
      RecordStore::Put{path::kSpec, SpecRecord{std::make_shared<const Spec>(spec)}, {}});
  engine_->commit(transaction);
}

void World::warm_up(const std::vector<StartsOn>& runs) {
  checker_.committed({{}, engine_->store().revision()});
  checked_ = engine_->store().revision();
  const Spec first = before_zero(file_, runs);
  for (const StartsOn& run : runs) machine(run.host).put_guest(run.resource);
  seed_engine(first, runs);
  engine_->look();
  for (const auto& havend : havends_) {
    const auto delay =
        std::chrono::milliseconds(random_.between(0, kHavendsStartWithin / std::chrono::milliseconds(1)));
    havend->machine().after(delay, [&havend] { havend->start(); });
  }
  settle();
  timeline_.set_zero(queue_.now());
  timeline_.forget();
  for (const auto& machine : machines_) {
    for (const auto& [resource, paused] : machine->processes()) {
      timeline_.process(EventKind::run, resource, machine->name());
    }
  }
  if (!(first == file_)) commit_spec(file_);
}

void World::settle() {
  Revision last;
  Instant changed = queue_.now();
  while (queue_.now().since_boot < kWarmUpAtMost) {
    queue_.run_until(queue_.now() + kLook);
    if (engine_->store().revision() != last) {
      last = engine_->store().revision();
      changed = queue_.now();
    }
    if (queue_.now() - changed >= kQuiet && settled()) return;
  }
}

// Every claim that is to run does.
bool World::settled() const {
  const View& view = checker_.view();
  if (!view.leader || view.members.size() < havends_.size()) return false;
  return std::ranges::all_of(view.claims, [&](const auto& claim) {
    const bool closed = claim_closed(view, claim.first);
    return closed || claim.second.value.order != ClaimOrder::run || !hosts_of(claim.first).empty();
  });
}

}  // namespace haven::sim
