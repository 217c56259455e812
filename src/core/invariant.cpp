#include "core/invariant.hpp"

#include <algorithm>
#include <utility>

namespace haven {
namespace {

bool same_owner(const ClaimRecord& a, const ClaimRecord& b) {
  return a.host == b.host && a.incarnation == b.incarnation && a.generation == b.generation;
}

bool released(const View& view, const ResourceName& resource, const ClaimRecord& claim) {
  const auto run = view.runs.find(resource);
  if (run == view.runs.end()) return false;
  const RunRecord& r = run->second.value;
  return r.state == RunState::released && r.host == claim.host && r.incarnation == claim.incarnation &&
         r.generation == claim.generation;
}

bool proof_stands(const View& view, const ClaimRecord& claim) {
  const auto fence = view.fences.find({claim.host, claim.incarnation});
  return fence != view.fences.end() && fence->second.value.state == FenceState::proved;
}

// Its incarnation may still run it.
bool open(const View& view, const ResourceName& resource, const ClaimRecord& claim) {
  return claim.order != ClaimOrder::let_go && !released(view, resource, claim) && !proof_stands(view, claim);
}

// The destination's own word, or proof.
bool destination_clear(const View& view, const ResourceName& resource, const Migration& m) {
  const auto fence = view.fences.find({m.host, m.incarnation});
  if (fence != view.fences.end() && fence->second.value.state == FenceState::proved) return true;
  const auto arrival = view.arrivals.find(resource);
  if (arrival == view.arrivals.end()) return false;
  const ArrivalRecord& a = arrival->second.value;
  return a.state == ArrivalState::gone && a.host == m.host && a.incarnation == m.incarnation &&
         a.generation == m.generation;
}

// M2, M3: while a destination may have something of it, the claim stays or goes there under the generation promised;
// and what came in goes on there only if its source said that it left in no other way.
void judge_migration(const View& before, const ResourceName& name, const ClaimRecord& last, const ClaimRecord* next,
                     std::vector<Breach>& found) {
  if (next == nullptr || last.order == ClaimOrder::let_go || next->order == ClaimOrder::let_go) return;
  const auto run = before.runs.find(name);
  const bool left =
      run != before.runs.end() && run->second.value.end == EndReason::migrated && released(before, name, last);
  if (next->resume && !last.resume && !left) {
    found.push_back({"M2",
                     name,
                     {last.host, next->host},
                     name.str() + " is to go on by what came in, and its source never said that it left"});
  }
  if (!last.migrating_to) return;
  const Migration& m = *last.migrating_to;
  const bool stands = same_owner(last, *next) && next->migrating_to && next->migrating_to->host == m.host &&
                      next->migrating_to->incarnation == m.incarnation &&
                      next->migrating_to->generation == m.generation;
  const bool handed = next->host == m.host && next->incarnation == m.incarnation && next->generation == m.generation;
  if (stands || handed || destination_clear(before, name, m)) return;
  found.push_back({"M3",
                   name,
                   {last.host, m.host, next->host},
                   "the claim of " + name.str() + " forgot its migration, and " + m.host.str() + " may still have it"});
}

// The other one of its replacement; nullptr: it takes part in none.
const Resource* other_of(const Spec& spec, const ResourceName& name) {
  for (const Resource& resource : spec.resources) {
    if (!resource.succession) continue;
    if (resource.name == name) return spec.resource(resource.succession->predecessor);
    if (resource.succession->predecessor == name) return &resource;
  }
  return nullptr;
}

// By its own record for that very order, or because nothing of it can run.
bool said_unlinked(const View& view, const ResourceName& name) {
  const auto found = view.claims.find(name);
  if (found == view.claims.end()) return true;
  const ClaimRecord& claim = found->second.value;
  if (released(view, name, claim) || proof_stands(view, claim))
    return claim.order == ClaimOrder::let_go || !claim.links.up;
  const auto run = view.runs.find(name);
  return claim.order != ClaimOrder::let_go && !claim.links.up && run != view.runs.end() &&
         run->second.value.generation == claim.generation && run->second.value.links_turn == claim.links.turn;
}

// Of the two of a replacement only one has its links up. A claim that is new keeps what stood there.
void judge_links(const View& before, const ResourceName& name, const ClaimRecord& next, std::vector<Breach>& found) {
  const Resource* other = before.spec() == nullptr ? nullptr : other_of(*before.spec(), name);
  if (other == nullptr || !next.links.up || next.order == ClaimOrder::let_go) return;
  const auto known = before.claims.find(name);
  const bool was_up =
      known != before.claims.end() && known->second.value.links.up && known->second.value.order != ClaimOrder::let_go;
  if (was_up || said_unlinked(before, other->name)) return;
  found.push_back(
      {"one-address",
       name,
       {next.host},
       "the links of " + name.str() + " go up, and nobody said that those of " + other->name.str() + " are down"});
}

void judge_claim(const View& before, const ResourceName& name, const ClaimRecord* next, std::vector<Breach>& found) {
  const auto known = before.claims.find(name);
  if (known == before.claims.end()) return;
  const ClaimRecord& last = known->second.value;
  judge_migration(before, name, last, next, found);
  if (next != nullptr && same_owner(last, *next)) return;
  std::vector<HostName> hosts{last.host};
  if (next != nullptr && next->host != last.host) hosts.push_back(next->host);
  if (open(before, name, last)) {
    found.push_back(
        {"C3", name, hosts,
         "the claim of " + name.str() + " left " + last.host.str() + " without a release and without proof"});
  }
  if (next != nullptr && next->generation <= last.generation) {
    found.push_back({"C1", name, hosts, "the claim of " + name.str() + " changed without a higher generation"});
  }
}

void judge_run(const View& before, const ResourceName& name, const RunRecord& next, std::vector<Breach>& found) {
  const auto claim = before.claims.find(name);
  const bool claimed = claim != before.claims.end() && claim->second.value.host == next.host &&
                       claim->second.value.incarnation == next.incarnation &&
                       claim->second.value.generation == next.generation;
  if (!claimed) {
    found.push_back(
        {"C2", name, {next.host}, next.host.str() + " recorded a run of " + name.str() + " that is not claimed"});
  }
  const auto last = before.runs.find(name);
  if (last == before.runs.end()) return;
  const RunRecord& old = last->second.value;
  const bool again = next.generation == old.generation && old.state == RunState::released && next.state != old.state;
  if (next.generation < old.generation || again) {
    found.push_back({"C4", name, {next.host}, "a released generation of " + name.str() + " was taken up again"});
  }
}

void judge_fence(const View& before, const HostBoot& boot, const FenceRecord* next, std::vector<Breach>& found) {
  const auto known = before.fences.find(boot);
  if (known == before.fences.end() || known->second.value.state != FenceState::proved) return;
  if (next != nullptr && next->state == FenceState::proved) return;
  const bool named = std::ranges::any_of(before.claims, [&](const auto& claim) {
    return claim.second.value.host == boot.first && claim.second.value.incarnation == boot.second;
  });
  if (next == nullptr && !named) return;
  found.push_back({"F6", {}, {boot.first}, "the proof against a boot of " + boot.first.str() + " was taken back"});
}

struct Standing {
  const View& view;
  const Spec& spec;
  const Resource& resource;
  const ClaimRecord& claim;
};

std::string domain_of_host(const Spec& spec, const HostName& name, FailureDomain level) {
  const Host* host = spec.host(name);
  return host == nullptr ? "/" + name.str() : domain_of(*host, level);
}

void judge_rules(const Standing& s, std::vector<Breach>& found) {
  for (const Rule& rule : s.spec.rules) {
    const bool about = std::ranges::find(rule.resources, s.resource.name) != rule.resources.end();
    if (!rule.strict || !about) continue;
    const std::string here = domain_of_host(s.spec, s.claim.host, rule.domain);
    for (const ResourceName& other : rule.resources) {
      const auto claim = s.view.claims.find(other);
      if (other == s.resource.name || claim == s.view.claims.end()) continue;
      const ClaimRecord& standing = claim->second.value;
      if (!open(s.view, other, standing)) continue;
      const bool together = domain_of_host(s.spec, standing.host, rule.domain) == here;
      const bool going = standing.order == ClaimOrder::stop;
      if (rule.kind == RuleKind::apart && together) {
        found.push_back({"strict-apart",
                         s.resource.name,
                         {s.claim.host},
                         s.resource.name.str() + " was placed beside " + other.str()});
      }
      if (rule.kind == RuleKind::together && !together && !going) {
        found.push_back({"strict-together",
                         s.resource.name,
                         {s.claim.host, standing.host},
                         s.resource.name.str() + " was placed apart from " + other.str()});
      }
    }
  }
}

void judge_host(const Standing& s, std::vector<Breach>& found) {
  const HostRules& rules = s.resource.hosts;
  const auto holds = [&](const std::vector<HostName>& list) {
    return std::ranges::find(list, s.claim.host) != list.end();
  };
  if (holds(rules.never) || (!rules.only.empty() && !holds(rules.only))) {
    found.push_back({"never",
                     s.resource.name,
                     {s.claim.host},
                     s.resource.name.str() + " was placed on a host that the file excludes"});
  }
  const Host* host = s.spec.host(s.claim.host);
  if (host == nullptr) return;
  const Capacity capacity = capacity_of(*host, s.spec.cluster);
  double cpu = 0;
  MiB memory;
  for (const auto& [name, claim] : s.view.claims) {
    const Resource* other = s.spec.resource(name);
    if (other == nullptr || claim.value.host != s.claim.host || !open(s.view, name, claim.value)) continue;
    cpu += static_cast<double>(other->cpu.count);
    memory += other->memory;
  }
  const double room = static_cast<double>(capacity.memory.count) * std::max(1.0, s.spec.cluster.overbook);
  if (cpu > capacity.cpu + 1e-6 || static_cast<double>(memory.count) > room + 1e-6) {
    found.push_back(
        {"capacity", s.resource.name, {s.claim.host}, s.resource.name.str() + " was placed where it does not fit"});
  }
}

const ClaimRecord* claim_in(const EntryChange& change) {
  return change.value ? std::get_if<ClaimRecord>(&*change.value) : nullptr;
}

}  // namespace

std::vector<Breach> breaches_of_commit(const View& before, const EngineChanged& commit) {
  std::vector<Breach> found;
  for (const EntryChange& change : commit.changes) {
    const path::Parts parts = path::split(change.path);
    const ResourceName name{parts.first};
    if (parts.kind == "claim") judge_claim(before, name, claim_in(change), found);
    if (const ClaimRecord* claim = parts.kind == "claim" ? claim_in(change) : nullptr)
      judge_links(before, name, *claim, found);
    if (parts.kind == "run" && change.value) {
      if (const auto* run = std::get_if<RunRecord>(&*change.value)) judge_run(before, name, *run, found);
    }
    if (parts.kind == "fence") {
      const auto* fence = change.value ? std::get_if<FenceRecord>(&*change.value) : nullptr;
      judge_fence(before, {HostName{parts.first}, Incarnation{parts.second}}, fence, found);
    }
  }
  return found;
}

std::vector<ResourceName> newly_placed(const View& before, const EngineChanged& commit) {
  std::vector<ResourceName> placed;
  for (const EntryChange& change : commit.changes) {
    const path::Parts parts = path::split(change.path);
    const ClaimRecord* claim = parts.kind == "claim" ? claim_in(change) : nullptr;
    if (claim == nullptr || claim->order != ClaimOrder::run) continue;
    const ResourceName name{parts.first};
    const auto known = before.claims.find(name);
    if (known != before.claims.end() && same_owner(known->second.value, *claim)) continue;
    // Handed over: it was placed when its migration began.
    if (known != before.claims.end() && known->second.value.migrating_to &&
        known->second.value.migrating_to->host == claim->host)
      continue;
    const auto status = before.status.find(claim->host);
    const bool adopted = status != before.status.end() &&
                         std::ranges::find(status->second.value.found, name) != status->second.value.found.end();
    if (!adopted) placed.push_back(name);
  }
  return placed;
}

std::vector<Breach> breaches_of_placement(const View& after, const std::vector<ResourceName>& placed) {
  std::vector<Breach> found;
  const Spec* spec = after.spec();
  if (spec == nullptr) return found;
  for (const ResourceName& name : placed) {
    const Resource* resource = spec->resource(name);
    const auto claim = after.claims.find(name);
    if (resource == nullptr || claim == after.claims.end()) continue;
    const Standing standing{after, *spec, *resource, claim->second.value};
    judge_rules(standing, found);
    judge_host(standing, found);
  }
  return found;
}

}  // namespace haven
