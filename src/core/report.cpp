#include "core/report.hpp"

#include <algorithm>
#include <string>

#include "core/liveness/fence_alarms.hpp"
#include "core/liveness/quarantine.hpp"
#include "core/liveness/suspicion.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/balancing.hpp"
#include "core/recovery/gate.hpp"
#include "core/recovery/hog_caps.hpp"
#include "core/recovery/home.hpp"
#include "core/recovery/illness.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/succession.hpp"

namespace haven {
namespace {

HostCondition absent_condition(const View& view, const HostName& host, std::string& why) {
  const auto status = view.status.find(host);
  if (status == view.status.end()) {
    why = "has never joined";
    return HostCondition::unknown;
  }
  const Incarnation& last = status->second.value.incarnation;
  if (left_cleanly(view, host, last)) {
    why = "shut down";
    return HostCondition::away;
  }
  if (proved_dead(view, host, last)) {
    why = "proved dead";
    return HostCondition::dead;
  }
  const auto fence = view.fences.find({host, last});
  if (fence != view.fences.end()) {
    why = fence->second.value.state == FenceState::failed ? "no fence device proved it dead"
                                                          : "an intent stands against it";
    return HostCondition::fencing;
  }
  if (!missing_incarnation(view, host)) {
    why = view.away.at(host).value.kind == AwayKind::down ? "shut down" : "its havend was stopped as planned";
    return HostCondition::away;
  }
  why = "its lease is gone";
  return HostCondition::suspected;
}

const char* const kDrained = "in maintenance: nothing runs there";

// Somebody may have his hands in it: neither its silence nor its shutdown is news.
HostCondition out_condition(const View& view, const HostName& host, HostCondition absent, std::string& why) {
  const bool judged = absent == HostCondition::fencing || absent == HostCondition::dead;
  if (judged || absent == HostCondition::unknown || !out_of_service(view, host)) return absent;
  why = std::string(kDrained) + ", and " + (absent == HostCondition::suspected ? "it is off" : why);
  return HostCondition::out;
}

std::string wording(const MaintenanceReport& maintenance) {
  if (!maintenance.on) return "back in service; " + std::to_string(maintenance.left.size()) + " to return";
  if (maintenance.left.empty()) return kDrained;
  return "in maintenance: " + std::to_string(maintenance.left.size()) + " to move";
}

HostReport report_host(const View& view, const Host& host) {
  HostReport report;
  report.name = host.name;
  report.address = host.address;
  report.memory = host.memory - host.keep_memory;
  report.fence = fence_levels(view, host);
  report.controller = view.leader && view.leader->value.host == host.name;
  const MemberRecord* member = member_of(view, host.name);
  if (member == nullptr) {
    report.condition = absent_condition(view, host.name, report.why);
    report.condition = out_condition(view, host.name, report.condition, report.why);
  } else {
    report.boot = member->incarnation;
    report.why = host_refusal(view, host);
    report.ready = report.why.empty();
    report.condition = report.ready ? HostCondition::up : HostCondition::joining;
    if (report.why == quarantine_refusal(view, host.name)) report.condition = HostCondition::up;
    if (view.fences.contains({host.name, member->incarnation})) report.condition = HostCondition::fencing;
    if (view.away.contains(host.name)) report.condition = HostCondition::away;
    const auto status = view.status.find(host.name);
    if (status != view.status.end() && !status->second.value.hypervisor) report.condition = HostCondition::up;
  }
  report.maintenance = report_maintenance(view, host.name);
  if (report.maintenance && report.why.empty()) report.why = wording(*report.maintenance);
  if (frozen_host(view, host.name)) report.why += report.why.empty() ? "frozen" : "; frozen";
  for (const auto& [name, claim] : view.claims) {
    const Resource* resource = view.roster().resource(name);
    if (claim.value.host != host.name || claim_closed(view, name) || resource == nullptr) continue;
    report.memory_used += resource->memory;
    const auto run = view.runs.find(name);
    if (run != view.runs.end() && run->second.value.state == RunState::running) ++report.running;
  }
  return report;
}

// How far its migration is.
std::string stage_of(const View& view, const ResourceName& resource, const Migration& migration) {
  const std::string& to = migration.host.str();
  if (migration.cancelled) return "stays: " + to + " is to forget what was moved of it";
  const ArrivalRecord* arrival = arrival_of(view, resource);
  return arrival == nullptr ? "about to be moved live to " + to : "being moved live to " + to;
}

// What its checks say, of one that runs.
void report_health(const Resource& resource, const RunRecord& run, ResourceReport& report) {
  const bool cared_for = !resource.checks.empty() || is_called_up(resource);
  if (!cared_for || run.state != RunState::running) return;
  report.health = run.health.state;
  if (!is_ready(resource, run.health)) report.why = unready_words(resource, run.health);
  if (const Repair* step = step_of(resource, run.health.under_way))
    report.why += "; " + std::string(word(step->remedy)) + " is under way";
}

ResourceReport report_open(const View& view, ResourceReport report, const ClaimRecord& claim) {
  report.host = claim.host;
  if (!holds_member_key(view, claim.host, claim.incarnation)) {
    report.condition = ResourceCondition::waiting;
    report.why = "its host " + claim.host.str() + " is not proved dead";
    const auto away = view.away.find(claim.host);
    if (away != view.away.end() && away->second.value.incarnation == claim.incarnation) {
      report.condition = ResourceCondition::running;
      report.why = "as last seen: havend on " + claim.host.str() + " was stopped as planned";
    }
    return report;
  }
  if (claim.order == ClaimOrder::stop) {
    report.condition = ResourceCondition::stopping;
    const auto run = view.runs.find(report.name);
    if (run != view.runs.end() && run->second.value.stop_failed)
      report.why = "it cannot be stopped, not even by SIGKILL";
    if (run != view.runs.end() && run->second.value.unsettled)
      report.why = "it ended while its disk was lost: only proof against " + claim.host.str() + " releases it";
    return report;
  }
  const auto run = view.runs.find(report.name);
  const bool current = run != view.runs.end() && run->second.value.generation == claim.generation;
  report.condition = ResourceCondition::starting;
  if (current && run->second.value.state == RunState::running)
    report.condition = run->second.value.paused ? ResourceCondition::paused : ResourceCondition::running;
  if (const Resource* resource = current ? view.roster().resource(report.name) : nullptr)
    report_health(*resource, run->second.value, report);
  report.held_to = cap_of(view, report.name);
  if (claim.migrating_to) report.why = stage_of(view, report.name, *claim.migrating_to);
  return report;
}

// Why nobody has it: as the controller would find it over this view.
std::string reason_to_wait(const View& view, const Placement& placement, const Resource& resource) {
  if (auto gate = gate_words(view, resource)) return *gate;
  const auto claim = view.claims.find(resource.name);
  if (claim == view.claims.end() || claim->second.value.order == ClaimOrder::let_go)
    if (std::string missing = missing_report(view, resource.name); !missing.empty()) return missing;
  const Choice choice = placement.choose(resource.name, path_refusals(view, resource.name));
  if (choice.host) return "about to start on " + choice.host->str();
  std::string why;
  for (const auto& refusal : choice.refusals)
    why += (why.empty() ? "" : "; ") + refusal.host.str() + ": " + refusal.reason;
  return why;
}

// Left as it is, whatever that is.
ResourceReport report_frozen(const View& view, const Resource& resource, ResourceReport report) {
  const auto claim = view.claims.find(resource.name);
  if (!claim_closed(view, resource.name))
    report = report_open(view, std::move(report), claim->second.value);
  else if (desired_state(view, resource) == DesiredState::stopped)
    report.condition = ResourceCondition::stopped;
  const bool its_host =
      claim != view.claims.end() && !frozen(view) && !view.freeze->value.names.contains(resource.name.str());
  const std::string why = its_host ? "its host " + claim->second.value.host.str() + " is frozen" : "frozen";
  report.why += report.why.empty() ? why : "; " + why;
  return report;
}

// What its part in a replacement adds to what is said of it.
std::string sentence(const ReplacementReport& replacement, const ResourceName& name) {
  const std::string& old = replacement.predecessor.str();
  const bool is_successor = replacement.successor == name;
  const std::string back = ": haven replace " + old + " --back";
  switch (replacement.phase) {
    case HandoverPhase::proving:
      return is_successor ? "proves itself for " + old + ", without links" : "";
    case HandoverPhase::handing:
      return is_successor ? "takes over the links of " + old : "gives its links to " + replacement.successor.str();
    case HandoverPhase::settling:
      return is_successor ? "serves in place of " + old : "runs without links, for a way back" + back;
    case HandoverPhase::kept:
      return is_successor ? "serves in place of " + old : "kept for a way back" + back;
    case HandoverPhase::recalling:
      return is_successor ? "is taken back" : "starts for the way back";
    case HandoverPhase::returning:
      return is_successor ? "gives its links back to " + old : "takes its links back";
    case HandoverPhase::over:
      return is_successor ? "does not replace " + old + (replacement.why.empty() ? "" : ": " + replacement.why) : "";
    case HandoverPhase::finishing:
      return is_successor ? "" : "replaced by " + replacement.successor.str();
  }
  return "";
}

void add_replacement(const View& view, ResourceReport& report) {
  const auto r = replacement_of(view, report.name);
  if (!r) return;
  report.replacement = ReplacementReport{r->predecessor.name, r->successor.name, r->record.phase,
                                         links_wanted(view, report.name), r->record.why};
  const std::string words = sentence(*report.replacement, report.name);
  if (!words.empty()) report.why += (report.why.empty() ? "" : "; ") + words;
}

ResourceReport report_resource(const View& view, const Placement& placement, const Resource& resource) {
  ResourceReport report;
  report.name = resource.name;
  report.priority = resource.priority;
  report.unprotected = resource.unprotected;
  for (const auto& path : {path::claim(resource.name), path::run(resource.name), path::order(resource.name)})
    if (view.unreadable(path)) {
      report.condition = ResourceCondition::unreadable;
      report.why = path + " cannot be read: left as it is";
      return report;
    }
  const DesiredState desired = desired_state(view, resource);
  if (desired == DesiredState::ignored) {
    report.condition = ResourceCondition::ignored;
    return report;
  }
  const auto claim = view.claims.find(resource.name);
  if (const Migration* migration = open_migration(view, resource.name)) report.moving_to = migration->host;
  if (left_alone(view, resource.name)) return report_frozen(view, resource, std::move(report));
  if (!claim_closed(view, resource.name)) return report_open(view, report, claim->second.value);
  if (const Migration* migration = open_migration(view, resource.name)) {
    report.why = "waits for " + migration->host.str() + ", which may have what was moved of it";
    return report;
  }
  const auto run = view.runs.find(resource.name);
  const bool off_by_itself = claim != view.claims.end() && run != view.runs.end() &&
                             run->second.value.generation == claim->second.value.generation &&
                             run->second.value.end == EndReason::powered_off;
  if (desired == DesiredState::stopped || off_by_itself) {
    report.condition = ResourceCondition::stopped;
    report.why = off_by_itself ? "the guest switched itself off: haven start " + resource.name.str() : "";
    return report;
  }
  if (claim != view.claims.end() && claim->second.value.attempts.failed) {
    report.condition = ResourceCondition::failed;
    report.why = run != view.runs.end() ? run->second.value.detail : "";
    return report;
  }
  if (const auto home = home_of(view, resource.name); home && !home->back) {
    report.condition = home->frozen ? ResourceCondition::waiting : ResourceCondition::stopped;
    report.host = home->host;
    report.why = sentence(*home, resource.name);
    return report;
  }
  report.why = reason_to_wait(view, placement, resource);
  return report;
}

void add_host_alarms(const View& view, std::vector<Alarm>& alarms) {
  for (const auto& host : view.spec()->hosts) {
    const std::string& name = host.name.str();
    const MemberRecord* member = member_of(view, host.name);
    if (member != nullptr && host_refusal(view, host) == "its last boot is not proved dead yet")
      alarms.push_back(
          {"joining/" + name,
           name + " is back, but its last boot is not proved dead; if nothing of it runs, say: haven fence confirm " +
               name,
           host.name,
           {}});
    const auto away = view.away.find(host.name);
    const bool expected_back = member == nullptr && !out_of_service(view, host.name);
    if (expected_back && away != view.away.end() && away->second.value.kind == AwayKind::restarting)
      alarms.push_back({"away/" + name,
                        "havend on " + name + " was stopped as planned and is not back: nobody watches its resources",
                        host.name,
                        {}});
    if (member != nullptr && is_quarantined(view, host.name))
      alarms.push_back({"quarantine/" + name,
                        name + " " + quarantine_refusal(view, host.name) +
                            "; nothing is placed there for some time; once it is mended, say: haven clear " + name,
                        host.name,
                        {}});
    const auto status = view.status.find(host.name);
    if (member == nullptr || status == view.status.end()) continue;
    for (const auto& problem : status->second.value.problems)
      alarms.push_back({"host/" + name + "/" + problem, name + ": " + problem, host.name, {}});
  }
}

void add_resource_alarms(const View& view, std::vector<Alarm>& alarms) {
  for (const auto& resource : view.spec()->resources) {
    const std::string& name = resource.name.str();
    const auto claim = view.claims.find(resource.name);
    const auto run = view.runs.find(resource.name);
    if (run != view.runs.end() && run->second.value.stop_failed && !claim_closed(view, resource.name))
      alarms.push_back({"stuck/" + name,
                        name + " cannot be stopped on " + run->second.value.host.str() + ", not even by SIGKILL",
                        run->second.value.host, resource.name});
    if (run != view.runs.end() && run->second.value.unsettled && !claim_closed(view, resource.name))
      alarms.push_back({"unsettled/" + name,
                        name + " ended on " + run->second.value.host.str() +
                            " while its disk was lost, and its last writes may still arrive; once that host is off, "
                            "say: haven fence confirm " +
                            run->second.value.host.str(),
                        run->second.value.host, resource.name});
    const bool ill = run != view.runs.end() && run->second.value.health.state == Health::ill &&
                     run->second.value.state == RunState::running && !claim_closed(view, resource.name);
    if (ill)
      alarms.push_back({"ill/" + name,
                        name + " is ill on " + run->second.value.host.str() +
                            (run->second.value.health.hung ? " and hangs: " : ": ") + run->second.value.health.why,
                        run->second.value.host, resource.name});
    const bool failed = claim != view.claims.end() && claim->second.value.attempts.failed &&
                        desired_state(view, resource) == DesiredState::started;
    if (failed)
      alarms.push_back({"failed/" + name,
                        name + " failed: " + (run == view.runs.end() ? "" : run->second.value.detail) +
                            "; once mended, say: haven clear " + name,
                        {},
                        resource.name});
  }
}

bool runs(const View& view, const ResourceName& name) {
  if (claim_closed(view, name)) return false;
  const ClaimRecord& claim = view.claims.at(name).value;
  return holds_member_key(view, claim.host, claim.incarnation);
}

// What stays down for no other reason than that somebody froze it.
void add_frozen_alarms(const View& view, std::vector<Alarm>& alarms) {
  const std::string thaw = "haven freeze off";
  std::map<HostName, std::string> down;  // what died with a frozen host
  for (const auto& resource : view.spec()->resources) {
    const auto claim = view.claims.find(resource.name);
    const bool wanted = desired_state(view, resource) == DesiredState::started;
    if (!wanted || claim == view.claims.end() || !left_alone(view, resource.name) || runs(view, resource.name))
      continue;
    const HostName& host = claim->second.value.host;
    if (frozen_host(view, host)) {
      down[host] += (down[host].empty() ? "" : ", ") + resource.name.str();
      continue;
    }
    const std::string& name = resource.name.str();
    alarms.push_back({"frozen/" + name, name + " is down and frozen: when it may start, say: " + thaw + " " + name,
                      host, resource.name});
  }
  for (const auto& [host, resources] : down) {
    const std::string& name = host.str();
    const bool dead = member_of(view, host) == nullptr;
    alarms.push_back({"frozen/" + name,
                      name + (dead ? " is gone and frozen: it is not fenced, and " : " was restarted and is frozen: ") +
                          resources + " stay down; when they may start elsewhere, say: " + thaw +
                          (frozen(view) ? "" : " " + name),
                      host,
                      {}});
  }
}

}  // namespace

std::vector<Alarm> alarms_of(const View& view) {
  std::vector<Alarm> alarms;
  for (const auto& [path, problem] : view.unreadables())
    alarms.push_back({"unreadable/" + path,
                      path + " in the engine cannot be read (" + problem + "): what it concerns is left as it is",
                      {},
                      {}});
  if (view.spec() == nullptr) return alarms;
  add_fence_alarms(view, alarms);
  add_frozen_alarms(view, alarms);
  add_resource_alarms(view, alarms);
  add_host_alarms(view, alarms);
  add_hog_alarms(view, alarms);
  return alarms;
}

std::map<std::string, JournalRecord> alarms_said(const View& view) {
  std::map<std::string, JournalRecord> said;
  for (const auto& [path, record] : view.journal) {
    if (record.kind == JournalKind::alarm) said[record.level] = record;
    if (record.kind == JournalKind::cleared) said.erase(record.level);
  }
  return said;
}

Report report_of(const View& view) {
  Report report;
  report.engine = view.listed();
  report.frozen = frozen(view);
  if (view.freeze) report.some_frozen.assign(view.freeze->value.names.begin(), view.freeze->value.names.end());
  if (view.leader) report.controller = view.leader->value.host;
  report.alarms = alarms_of(view);
  if (view.spec() == nullptr) return report;
  report.cluster = view.spec()->cluster.name;
  for (const auto& host : view.spec()->hosts) report.hosts.push_back(report_host(view, host));
  report.balance = report_balance(view);
  const Placement placement = book_view(view);
  for (const auto& resource : view.spec()->resources)
    add_replacement(view, report.resources.emplace_back(report_resource(view, placement, resource)));
  return report;
}

}  // namespace haven
