#include "core/liveness/quarantine.hpp"

#include <algorithm>
#include <utility>

namespace haven {
namespace {

// It holds its member key and nothing is held against it.
bool is_well(const View& view, const HostName& host) {
  const MemberRecord* member = member_of(view, host);
  return member != nullptr && !view.fences.contains({host, member->incarnation});
}

Duration closed_for(int losses) {
  const int doublings = std::clamp(losses - kLossesBorne - 1, 0, 10);
  return std::min(kQuarantineLimit, kQuarantine * (1 << doublings));
}

bool is_closed(const View& view, const HostName& host) {
  const auto record = view.quarantine.find(host);
  return record != view.quarantine.end() && record->second.value.closed;
}

}  // namespace

void add_loss(Commit& intent, const View& view, const HostName& host) {
  const std::string path = path::quarantine(host);
  if (view.unreadable(path)) return;
  QuarantineRecord record;
  if (const auto known = view.quarantine.find(host); known != view.quarantine.end()) record = known->second.value;
  record.losses = std::min(record.losses + 1, 1000);
  record.closed = record.losses > kLossesBorne;
  intent.checks.push_back({path, view.mod_of(path)});
  intent.writes.push_back({path, record, {}});
}

void fold_calms(Calms& calms, const View& view, Instant now) {
  for (const auto& [host, record] : view.quarantine) {
    const auto known = calms.find(host);
    if (!is_well(view, host))
      calms.erase(host);
    else if (known == calms.end() || known->second.losses != record.value.losses)
      calms[host] = {record.value.losses, now};
  }
  std::erase_if(calms, [&](const auto& calm) { return !view.quarantine.contains(calm.first); });
}

bool is_quarantined(const View& view, const HostName& host) {
  if (!is_closed(view, host)) return false;
  return std::any_of(view.members.begin(), view.members.end(),
                     [&](const auto& member) { return member.first != host && !is_closed(view, member.first); });
}

std::string quarantine_refusal(const View& view, const HostName& host) {
  if (!is_quarantined(view, host)) return "";
  return "is quarantined: it was lost " + std::to_string(view.quarantine.at(host).value.losses) + " times lately";
}

void end_quarantines(const Calms& calms, const View& view, Commit& commit, Pass& pass) {
  for (const auto& [host, record] : view.quarantine) {
    const std::string path = path::quarantine(host);
    const auto calm = calms.find(host);
    const bool known = view.spec()->host(host) != nullptr;
    if (known && (calm == calms.end() || calm->second.losses != record.value.losses)) continue;
    QuarantineRecord next = record.value;
    if (known && next.closed && pass.due(calm->second.since + closed_for(next.losses))) {
      next.closed = false;
      commit.checks.push_back({path, record.mod});
      commit.writes.push_back({path, next, {}});
    } else if (!known || (!next.closed && pass.due(calm->second.since + kForgivenAfter))) {
      commit.checks.push_back({path, record.mod});
      commit.writes.push_back({path, std::nullopt, {}});
    }
  }
}

}  // namespace haven
