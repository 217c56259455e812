// Folding is by mod revision: what is newer wins, whoever brought it. A node's own commit is thus known the moment
// its reply comes, and the watch that brings the same revision later changes nothing. Waiting for the watch instead
// was rejected: every decision would cost a second round trip, and nothing would be gained, since each transaction
// compares the revisions that it rests on anyway (R2).
#include "core/model/view.hpp"

#include <algorithm>

#include "core/model/overloaded.hpp"
#include "core/mutation.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/succession.hpp"

namespace haven {

bool View::unreadable(const ResourceName& resource) const {
  if (unreadable_.empty()) return false;
  for (const auto& path : {path::claim(resource), path::run(resource), path::order(resource), path::arrival(resource),
                           path::handover(resource)})
    if (unreadable(path)) return true;
  const auto index = roster_ ? roster_->index(resource) : std::nullopt;
  return index && unreadable(path::handover(roster_->spec->resources[roster_->partner[*index]].name));
}

Revision View::mod_of(const std::string& path) const {
  const auto it = mods_.find(path);
  return it == mods_.end() ? Revision{} : it->second;
}

void View::take(const EngineListed& listed) {
  const auto edition = spec_edition_;
  auto still_heard = std::move(heard);
  *this = View{};
  heard = std::move(still_heard);
  spec_edition_ = edition;
  for (const auto& entry : listed.entries) {
    mods_[entry.path] = entry.mod;
    store(entry.path, path::split(entry.path), entry.value, entry.mod);
  }
  listed_ = true;
  revision_ = listed.revision;
  touched_.all = true;
  refresh_spec();
}

void View::take(const EngineChanged& changed) {
  for (const auto& change : changed.changes) apply(change.path, change.value, change.mod);
  revision_ = std::max(revision_, changed.revision);
  std::erase_if(buried_, [&](const auto& grave) { return grave.second <= revision_; });
}

void View::take_own(const Commit& commit, Revision at) {
  // The watch was faster, and may have brought what came after: a late reply must not revive it.
  if (at <= revision_) return;
  for (const auto& write : commit.writes) apply(write.path, write.value, at);
}

void View::apply(const std::string& path, const std::optional<Record>& value, Revision mod) {
  if (mod <= mod_of(path)) return;
  if (const auto grave = buried_.find(path); grave != buried_.end() && mod <= grave->second) return;
  const auto parts = path::split(path);
  touched_.all |= unreadable_.contains(path) || (value && std::holds_alternative<UnreadableRecord>(*value));
  touch(parts);
  forget(path, parts);
  if (value) {
    mods_[path] = mod;
    store(path, parts, *value, mod);
  } else if (mod > revision_) {
    buried_[path] = mod;
  }
  if (parts.kind == "spec" || parts.kind == "member") refresh_spec();
}

void View::touch(const path::Parts& parts) {
  const std::string& kind = parts.kind;
  if (kind == "claim" || kind == "run" || kind == "calendar" || kind == "arrival")
    touched_.resources.emplace_back(parts.first);
  else if (kind == "member" || kind == "status" || kind == "fence" || kind == "answer" || kind == "away" ||
           kind == "machine" || kind == "device" || kind == "promise" || kind == "quarantine" || kind == "fit")
    touched_.hosts.emplace_back(parts.first);
  else if (kind == "journal")
    touched_.journal = true;
  else if (kind == "leader")
    touched_.leader = true;
  else if (kind == "load")
    touched_.loads = true;
  else
    touched_.all = true;
}

void View::forget(const std::string& path, const path::Parts& parts) {
  mods_.erase(path);
  if (!unreadable_.empty()) unreadable_.erase(path);
  const std::string& kind = parts.kind;
  if (path == path::kSpec)
    as_applied_.reset();
  else if (path == path::kFreeze)
    freeze.reset();
  else if (path == path::kLeader)
    leader.reset();
  else if (path == path::kEpoch)
    epoch.reset();
  else if (path == path::kDawn)
    dawn.reset();
  else if (kind == "spec/order")
    orders.erase(ResourceName{parts.first});
  else if (kind == "claim")
    claims.erase(ResourceName{parts.first});
  else if (kind == "run")
    runs.erase(ResourceName{parts.first});
  else if (kind == "arrival")
    arrivals.erase(ResourceName{parts.first});
  else if (kind == "handover")
    handovers.erase(ResourceName{parts.first});
  else if (kind == "member")
    members.erase(HostName{parts.first});
  else if (kind == "machine")
    machines.erase(HostName{parts.first});
  else if (kind == "away")
    away.erase(HostName{parts.first});
  else if (kind == "status")
    status.erase(HostName{parts.first});
  else if (kind == "quarantine")
    quarantine.erase(HostName{parts.first});
  else if (kind == "maintenance")
    maintenance.erase(HostName{parts.first});
  else if (kind == "answer")
    answers.erase({HostName{parts.first}, Incarnation{parts.second}});
  else if (kind == "fence")
    fences.erase({HostName{parts.first}, Incarnation{parts.second}});
  else if (kind == "device")
    devices.erase(HostName{parts.first});
  else if (kind == "promise")
    promises.erase(HostName{parts.first});
  else if (path == path::kVoters)
    voters.reset();
  else if (path == path::kQuestion)
    question.reset();
  else if (kind == "calendar")
    calendars.erase(ResourceName{parts.first});
  else if (kind == "fit")
    fits.erase(HostName{parts.first});
  else if (kind == "load")
    loads.erase(HostName{parts.first});
  else if (path == path::kBalance)
    balance.reset();
  else if (kind == "journal")
    journal.erase(path);
}

void View::store(const std::string& path, const path::Parts& parts, const Record& value, Revision mod) {
  const auto host = [&] { return HostName{parts.first}; };
  const auto resource = [&] { return ResourceName{parts.first}; };
  const auto boot = [&] { return HostBoot{host(), Incarnation{parts.second}}; };
  std::visit(Overloaded{
                 [&](const UnreadableRecord& r) { unreadable_[path] = r.problem; },
                 [&](const SpecRecord& r) { as_applied_ = r.spec; },
                 [&](const FreezeRecord& r) {
                   freeze = {r, mod};
                 },
                 [&](const OrderRecord& r) {
                   orders[resource()] = {r, mod};
                 },
                 [&](const LeaderRecord& r) {
                   leader = {r, mod};
                 },
                 [&](const EpochRecord& r) {
                   epoch = {r, mod};
                 },
                 [&](const MemberRecord& r) {
                   members[host()] = {r, mod};
                 },
                 [&](const MachineRecord& r) {
                   machines[host()] = {r, mod};
                 },
                 [&](const AwayRecord& r) {
                   away[host()] = {r, mod};
                 },
                 [&](const StatusRecord& r) {
                   status[host()] = {r, mod};
                 },
                 [&](const QuarantineRecord& r) {
                   quarantine[host()] = {r, mod};
                 },
                 [&](const MaintenanceRecord& r) {
                   maintenance[host()] = {r, mod};
                 },
                 [&](const DawnRecord& r) {
                   dawn = {r, mod};
                 },
                 [&](const AnswerRecord& r) {
                   answers[boot()] = {r, mod};
                 },
                 [&](const FenceRecord& r) {
                   fences[boot()] = {r, mod};
                 },
                 [&](const DevicesRecord& r) {
                   devices[host()] = {r, mod};
                 },
                 [&](const PromiseRecord& r) {
                   promises[host()] = {r, mod};
                 },
                 [&](const VotersRecord& r) {
                   voters = {r, mod};
                 },
                 [&](const ClaimRecord& r) {
                   claims[resource()] = {r, mod};
                 },
                 [&](const RunRecord& r) {
                   runs[resource()] = {r, mod};
                 },
                 [&](const ArrivalRecord& r) {
                   arrivals[resource()] = {r, mod};
                 },
                 [&](const HandoverRecord& r) {
                   handovers[resource()] = {r, mod};
                 },
                 [&](const JournalRecord& r) { journal[path] = r; },
                 [&](const QuestionRecord& r) {
                   question = {r, mod};
                 },
                 [&](const CalendarRecord& r) {
                   calendars[resource()] = {r, mod};
                 },
                 [&](const FitRecord& r) {
                   fits[host()] = {r, mod};
                 },
                 [&](const LoadRecord& r) {
                   loads[host()] = {r, mod};
                 },
                 [&](const BalanceRecord& r) {
                   balance = {r, mod};
                 },
             },
             value);
}

void View::refresh_spec() {
  std::shared_ptr<const Spec> next = as_applied_;
  if (next) {
    std::shared_ptr<Spec> filled;
    for (std::size_t i = 0; i < next->hosts.size(); ++i) {
      const Host& host = as_applied_->hosts[i];
      const auto member = members.find(host.name);
      if (member == members.end() || (host.cpu.count != 0 && host.memory.count != 0)) continue;
      if (!filled) filled = std::make_shared<Spec>(*as_applied_);
      if (host.cpu.count == 0) filled->hosts[i].cpu = member->second.value.cpu;
      if (host.memory.count == 0) filled->hosts[i].memory = member->second.value.memory;
    }
    if (filled) next = filled;
  }
  if (next == effective_ || (next && effective_ && *next == *effective_)) return;
  effective_ = std::move(next);
  roster_ = effective_ ? std::make_shared<const Roster>(effective_) : nullptr;
  ++spec_edition_;
  touched_.all = true;
}

Epoch epoch_of(const View& view) { return view.epoch ? view.epoch->value.epoch : Epoch{}; }

bool proved_dead(const View& view, const HostName& host, const Incarnation& incarnation) {
  const auto it = view.fences.find(HostBootRef{host, incarnation});
  return it != view.fences.end() && it->second.value.state == FenceState::proved;
}

bool left_cleanly(const View& view, const HostName& host, const Incarnation& incarnation) {
  const auto it = view.fences.find(HostBootRef{host, incarnation});
  return it != view.fences.end() && it->second.value.state == FenceState::proved &&
         it->second.value.proof == ProofKind::clean_leave;
}

const MemberRecord* member_of(const View& view, const HostName& host) {
  const auto it = view.members.find(host);
  return it == view.members.end() ? nullptr : &it->second.value;
}

bool holds_member_key(const View& view, const HostName& host, const Incarnation& incarnation) {
  const MemberRecord* member = member_of(view, host);
  return member != nullptr && member->incarnation == incarnation;
}

namespace {

bool released(const View& view, const ResourceName& resource, const ClaimRecord& c) {
  const auto run = view.runs.find(resource);
  if (run == view.runs.end()) return false;
  const RunRecord& r = run->second.value;
  return r.state == RunState::released && r.generation == c.generation && r.host == c.host &&
         r.incarnation == c.incarnation;
}

}  // namespace

bool claim_closed(const View& view, const ResourceName& resource) {
  const auto claim = view.claims.find(resource);
  if (claim == view.claims.end()) return true;
  const ClaimRecord& c = claim->second.value;
  if (c.order == ClaimOrder::let_go || proved_dead(view, c.host, c.incarnation)) return true;
  if (mutation::one_fence_slot && std::any_of(view.fences.begin(), view.fences.end(), [&](const auto& fence) {
        return fence.first.first == c.host && fence.second.value.state == FenceState::proved;
      }))
    return true;
  if (mutation::skip_proof && view.fences.contains(HostBootRef{c.host, c.incarnation})) return true;
  return released(view, resource, c);
}

const ArrivalRecord* arrival_of(const View& view, const ResourceName& resource) {
  const auto claim = view.claims.find(resource);
  const auto arrival = view.arrivals.find(resource);
  if (claim == view.claims.end() || !claim->second.value.migrating_to || arrival == view.arrivals.end()) return nullptr;
  const Migration& m = *claim->second.value.migrating_to;
  const ArrivalRecord& a = arrival->second.value;
  return a.host == m.host && a.incarnation == m.incarnation && a.generation == m.generation ? &a : nullptr;
}

const Migration* open_migration(const View& view, const ResourceName& resource) {
  const auto claim = view.claims.find(resource);
  if (claim == view.claims.end() || !claim->second.value.migrating_to) return nullptr;
  const Migration& m = *claim->second.value.migrating_to;
  if (proved_dead(view, m.host, m.incarnation)) return nullptr;
  const ArrivalRecord* arrival = arrival_of(view, resource);
  return arrival != nullptr && arrival->state == ArrivalState::gone ? nullptr : &m;
}

bool may_still_run(const View& view, const ResourceName& resource) {
  const auto claim = view.claims.find(resource);
  if (claim == view.claims.end()) return false;
  const ClaimRecord& c = claim->second.value;
  return !proved_dead(view, c.host, c.incarnation) && !released(view, resource, c);
}

std::vector<HostBoot> open_boots(const View& view, const HostName& host) {
  std::vector<HostBoot> boots;
  const auto add = [&](const HostBoot& boot) {
    if (!proved_dead(view, boot.first, boot.second) && std::find(boots.begin(), boots.end(), boot) == boots.end())
      boots.push_back(boot);
  };
  for (const auto& [boot, fence] : view.fences)
    if (boot.first == host) add(boot);
  for (const auto& [name, claim] : view.claims)
    if (claim.value.host == host && may_still_run(view, name)) add({host, claim.value.incarnation});
  for (const auto& [name, claim] : view.claims)
    if (const Migration* m = open_migration(view, name); m != nullptr && m->host == host) add({host, m->incarnation});
  return boots;
}

Revision report_basis(const View& view) {
  Revision basis = view.mod_of(path::kSpec);
  for (const auto& [name, claim] : view.claims)
    if (claim.value.order == ClaimOrder::let_go) basis = std::max(basis, claim.mod);
  return basis;
}

namespace {

bool frozen_name(const View& view, const std::string& name) {
  return frozen(view) || (view.freeze && view.freeze->value.names.contains(name));
}

}  // namespace

bool frozen(const View& view) { return (view.freeze && view.freeze->value.cluster) || view.unreadable(path::kFreeze); }

bool anything_frozen(const View& view) { return frozen(view) || (view.freeze && !view.freeze->value.names.empty()); }

bool frozen_host(const View& view, const HostName& host) { return frozen_name(view, host.str()); }

bool left_alone(const View& view, const ResourceName& resource) {
  if (frozen_name(view, resource.str())) return true;
  const auto claim = view.claims.find(resource);
  if (claim == view.claims.end() || claim->second.value.order == ClaimOrder::let_go) return false;
  const ClaimRecord& last = claim->second.value;
  if (!frozen_host(view, last.host)) return false;
  const auto run = view.runs.find(resource);
  const bool released = run != view.runs.end() && run->second.value.state == RunState::released &&
                        run->second.value.generation == last.generation;
  // What its host stopped in order to shut down is to run there again, as what died with it is.
  return !released || left_with_host(run->second.value.end);
}

DesiredState desired_state(const View& view, const Resource& resource) {
  if (stopped_by_replacement(view, resource.name)) return DesiredState::stopped;
  const auto order = view.orders.find(resource.name);
  if (order != view.orders.end() && order->second.value.state) return *order->second.value.state;
  if (!resource.when || resource.state != DesiredState::started) return resource.state;
  const auto calendar = view.calendars.find(resource.name);
  // Before the controller's first word it stays as it is.
  const bool open = calendar == view.calendars.end() ? !claim_closed(view, resource.name) : calendar->second.value.open;
  return open ? DesiredState::started : DesiredState::stopped;
}

}  // namespace haven
