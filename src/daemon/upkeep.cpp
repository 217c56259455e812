#include "daemon/upkeep.hpp"

#include <algorithm>
#include <utility>

#include "adapter/libvirt/domain_xml.hpp"
#include "daemon/judge.hpp"

namespace haven::daemon {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A file that `virsh create` would start this from.
bool describes_protected(const std::string& path, const std::vector<std::string>& uuids) {
  if (!path.starts_with("/")) return false;
  const auto text = read_file(path);
  if (!text) return false;
  const auto uuid = libvirt::parse_domain_uuid(*text);
  return uuid && contains(uuids, *uuid);
}

}  // namespace

Upkeep::Upkeep(Edges edges, HostName here, std::shared_ptr<TurnedOff> turned_off, port::FenceDevice& fence,
               LocalAlarms& alarms)
    : edges_(std::move(edges)),
      here_(std::move(here)),
      turned_off_(std::move(turned_off)),
      fence_(fence),
      alarms_(alarms) {}

bool Upkeep::tend(const Protected& wanted) {
  // Every part is tried, whatever the others came to.
  bool done = keep_list(wanted);
  done = autostart(wanted) && done;
  done = units(wanted) && done;
  done = hook(wanted) && done;
  return own_part(wanted) && done;
}

bool Upkeep::settle(const std::string& kind, std::vector<std::string> problems) {
  const bool done = problems.empty();
  alarms_.replace(kind, std::move(problems));
  return done;
}

bool Upkeep::keep_list(const Protected& wanted) {
  const auto written = edges_.keep_list(wanted.uuids);
  if (written) return settle("protected", {});
  return settle("protected", {"the list of protected domains cannot be kept: " + written.error()});
}

bool Upkeep::autostart(const Protected& wanted) {
  if (wanted.uuids.empty()) return settle("autostart", {});
  const auto remember = [note = turned_off_](const std::string& uuid) {
    return note->add(TurnedOff::Kind::autostart, uuid).has_value();
  };
  const auto off = edges_.autostart_off(wanted.uuids, remember);
  if (!off) return settle("autostart", {"whether libvirt's autostart is off cannot be told: " + off.error()});
  defined_ = off->names;
  for (const auto& uuid : off->turned_off) edges_.say("autostart of domain " + uuid + " was on and is off now");
  std::vector<std::string> problems;
  for (const auto& failure : off->failures)
    problems.push_back("libvirt's autostart of a protected domain is not off: " + failure +
                       ": virsh autostart --disable");
  return settle("autostart", std::move(problems));
}

bool Upkeep::units(const Protected& wanted) {
  if (wanted.uuids.empty()) return settle("units", {});
  systemd::Rules rules;
  rules.is_protected = [&](const std::string& word) {
    return contains(wanted.uuids, word) || contains(defined_, word) || describes_protected(word, wanted.uuids);
  };
  rules.remember = [&](const std::string& unit) { return turned_off_->add(TurnedOff::Kind::unit, unit).has_value(); };
  auto result = systemd::turn_units_off(edges_.systemd, rules);
  for (const auto& unit : result.units)
    edges_.say(unit + " would have started or stopped protected domains; it is disabled now, nothing was stopped");
  return settle("units", std::move(result.problems));
}

bool Upkeep::hook(const Protected& wanted) {
  return settle("hook", wanted.uuids.empty() ? std::vector<std::string>{} : missing_hooks(edges_.etc));
}

bool Upkeep::own_part(const Protected& wanted) {
  std::vector<std::string> problems;
  if (wanted.spec && wanted.spec->host(here_) != nullptr) {
    auto findings = judge_domains(*wanted.spec, here_, true);
    // Whoever is elected has to fence whomever: each host needs every agent.
    const auto fencing = judge_fencing(*wanted.spec, fence_, kMetadataTimeout);
    findings.insert(findings.end(), fencing.begin(), fencing.end());
    for (const auto& finding : findings) problems.push_back(finding.what);
  }
  return settle("file", std::move(problems));
}

}  // namespace haven::daemon
