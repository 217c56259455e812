#include "core/recovery/balancing.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "core/liveness/suspicion.hpp"
#include "core/mutation.hpp"
#include "core/placement/hogs.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/hog_caps.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {
namespace {

// It runs where its claim says, and nothing is to become of it.
bool settled(const View& view, const ResourceName& name, const ClaimRecord& claim) {
  const auto run = view.runs.find(name);
  return claim.order == ClaimOrder::run && !claim.migrating_to && run != view.runs.end() &&
         run->second.value.generation == claim.generation && run->second.value.state == RunState::running;
}

std::string trouble_of_host(const View& view, const Host& host) {
  const std::string& name = host.name.str();
  const MemberRecord* member = member_of(view, host.name);
  if (missing_incarnation(view, host.name)) return name + " is missed";
  if (const auto away = view.away.find(host.name); away != view.away.end() && away->second.value.kind != AwayKind::down)
    return name + " is about to leave, or to return";
  const auto status = view.status.find(host.name);
  if (member == nullptr || status == view.status.end()) return "";
  if (!status->second.value.hypervisor) return "libvirt of " + name + " does not answer";
  if (!status->second.value.storage_lost.empty()) return name + " cannot read a disk";
  if (!status->second.value.uplink_lost.empty()) return "a network of " + name + " has no uplink";
  return "";
}

std::string trouble_of_hosts(const View& view) {
  for (const auto& [boot, fence] : view.fences)
    if (fence.value.state != FenceState::proved) return boot.first.str() + " is being fenced";
  for (const auto& [host, maintenance] : view.maintenance) {
    if (maintenance.value.on) return host.str() + " is in maintenance";
    if (!maintenance.value.moved.empty()) return "what left " + host.str() + " for its maintenance is to return";
  }
  for (const Host& host : view.spec()->hosts)
    if (std::string trouble = trouble_of_host(view, host); !trouble.empty()) return trouble;
  return "";
}

std::string trouble_of_guests(const View& view) {
  for (const auto& [name, claim] : view.claims) {
    if (claim_closed(view, name)) {
      if (open_migration(view, name) != nullptr) return name.str() + " is being moved";
      continue;
    }
    if (!holds_member_key(view, claim.value.host, claim.value.incarnation)) return name.str() + " has lost its host";
    if (!settled(view, name, claim.value)) return name.str() + " is being started, stopped or moved";
  }
  return "";
}

bool may_be_moved(const ControllerState& state, const View& view, const Resource& resource, Instant now) {
  const ResourceName& name = resource.name;
  const auto order = view.orders.find(name);
  OrderRecord lasting;
  if (order != view.orders.end()) lasting.state = order->second.value.state;
  const bool ordered = order != view.orders.end() && order->second.value != lasting;
  const RunRecord& run = view.runs.at(name).value;
  const auto stayed = state.stayed_since.find(name);
  return !ordered && !run.paused && !run.unsettled && !view.unreadable(name) && !left_alone(view, name) &&
         desired_state(view, resource) == DesiredState::started &&
         (stayed == state.stayed_since.end() || now >= stayed->second.second + kMigrateAgain);
}

struct Loads {
  std::vector<HostLoad> hosts;
  std::vector<GuestLoad> guests;
  std::vector<GuestLoad> movable;  // of these
};

// Only what the present boot of a host tells, of guests that are its own by their claims.
Loads loads_of(const ControllerState& state, const View& view, Instant now) {
  Loads loads;
  for (const auto& [host, since] : state.loads_since) {
    const auto told = view.loads.find(host);
    const MemberRecord* member = member_of(view, host);
    if (told == view.loads.end() || member == nullptr || member->incarnation != told->second.value.incarnation)
      continue;
    const LoadRecord& record = told->second.value;
    const Duration stood = kLoadStands + (now - since.second);
    loads.hosts.push_back({host,
                           record.host.cpu,
                           record.host.memory,
                           {static_cast<double>(record.host.cpu_some), static_cast<double>(record.host.cpu_full)},
                           {static_cast<double>(record.host.memory_some), 0},
                           stood});
    for (const GuestFigures& guest : record.guests) {
      const auto claim = view.claims.find(guest.guest);
      const Resource* resource = view.roster().resource(guest.guest);
      const bool own = claim != view.claims.end() && claim->second.value.host == host &&
                       !claim_closed(view, guest.guest) && settled(view, guest.guest, claim->second.value);
      if (!own || resource == nullptr) continue;
      loads.guests.push_back({guest.guest, guest.cpu, guest.waiting, guest.memory, stood});
      if (may_be_moved(state, view, *resource, now)) loads.movable.push_back(loads.guests.back());
    }
  }
  return loads;
}

Duration since(WallTime at, WallTime now) {
  return std::chrono::milliseconds(std::max<std::int64_t>(now.unix_ms - at.unix_ms, 0));
}

// What was moved for balance, without what is old enough. A wall clock that was set back begins a rest anew.
std::vector<BalancingMove> past_of(const View& view, WallTime now) {
  std::vector<BalancingMove> past;
  if (!view.balance || mutation::moves_forgotten) return past;
  for (BalancingMove move : view.balance->value.past) {
    const auto claim = view.claims.find(move.guest);
    const bool goes_on = claim != view.claims.end() && claim->second.value.migrating_to;
    if ((!move.over && !goes_on) || move.at > now) {
      move.over = true;
      move.at = now;
    }
    if (since(move.at, now) < kGuestRests) past.push_back(std::move(move));
  }
  return past;
}

BalanceQuestion question_of(const View& view, const Loads& loads, const std::vector<BalancingMove>& past,
                            std::vector<StandsOn> standing, WallTime now) {
  BalanceQuestion question;
  question.roster = view.shared_roster();
  for (const Host& host : view.spec()->hosts)
    question.hosts.push_back({host.name, placing_refusal(view, host), others_on(view, host.name)});
  question.standing = std::move(standing);
  question.host_loads = loads.hosts;
  question.guest_loads = loads.movable;
  for (const BalancingMove& move : past)
    question.past.push_back({move.guest, move.from, move.to, move.over ? since(move.at, now) : Duration{}});
  for (const GuestLoad& guest : loads.movable)
    if (auto refusals = path_refusals(view, guest.guest); !refusals.empty())
      question.refusals.emplace(guest.guest, std::move(refusals));
  return question;
}

std::vector<StandsOn> standing_of(const View& view) {
  std::vector<StandsOn> standing;
  for (const Resource& resource : view.spec()->resources)
    for (const HostName& host : bookings_of(view, resource.name)) standing.push_back({resource.name, host});
  return standing;
}

std::set<ResourceName> names_of(const std::optional<Stored<BalanceRecord>>& balance) {
  std::set<ResourceName> names;
  if (balance)
    for (const HeldHog& hog : balance->value.held) names.insert(hog.guest);
  return names;
}

bool is_held(const BalanceRecord& record, const ResourceName& guest) {
  return std::any_of(record.held.begin(), record.held.end(), [&](const HeldHog& hog) { return hog.guest == guest; });
}

bool same_but_words(const BalanceRecord& a, const BalanceRecord& b) {
  const auto same_move = [](const AdvisedMove& x, const AdvisedMove& y) {
    return x.guest == y.guest && x.from == y.from && x.to == y.to;
  };
  const auto same_hog = [](const NamedHog& x, const NamedHog& y) { return x.guest == y.guest && x.host == y.host; };
  return a.past == b.past && a.held == b.held && a.remarks.size() == b.remarks.size() &&
         std::equal(a.moves.begin(), a.moves.end(), b.moves.begin(), b.moves.end(), same_move) &&
         std::equal(a.hogs.begin(), a.hogs.end(), b.hogs.begin(), b.hogs.end(), same_hog);
}

bool runs_there(const View& view, const ResourceName& guest, const HostName& host) {
  const auto claim = view.claims.find(guest);
  return claim != view.claims.end() && claim->second.value.host == host && !claim_closed(view, guest) &&
         settled(view, guest, claim->second.value);
}

}  // namespace

std::string balance_waits_for(const ControllerState& state, const View& view) {
  if (anything_frozen(view)) return "something is frozen";
  if (view.dawn) return "the cluster has just begun anew";
  if (!state.silences.empty()) return state.silences.begin()->first.str() + " is not heard";
  if (std::string trouble = trouble_of_hosts(view); !trouble.empty()) return trouble;
  return trouble_of_guests(view);
}

Weighed weigh(const ControllerState& state, const View& view, Now now) {
  const Loads loads = loads_of(state, view, now.mono);
  std::vector<StandsOn> standing = standing_of(view);
  Weighed weighed;
  BalanceRecord& record = weighed.record;
  record.past = past_of(view, now.wall);
  record.at = now.wall;
  const auto named = hogs(view.roster(), standing, loads.hosts, loads.guests, names_of(view.balance));
  Holding holds = holding(view, {loads.hosts, loads.guests, standing, now.wall}, named);
  record.held = std::move(holds.held);
  weighed.journal = std::move(holds.journal);
  // Of who is held nobody needs to be alarmed.
  for (const Hog& hog : named)
    if (!is_held(record, hog.guest)) record.hogs.push_back({hog.guest, hog.host, hog.text});
  BalanceAdvice advice = balance(question_of(view, loads, record.past, std::move(standing), now.wall));
  for (BalanceMove& move : advice.moves) record.moves.push_back({move.guest, move.from, move.to, std::move(move.why)});
  record.remarks = std::move(advice.remarks);
  return weighed;
}

Weighed let_go(const ControllerState& state, const View& view, Now now) {
  Weighed weighed;
  if (!view.balance) return weighed;
  weighed.record = view.balance->value;
  if (weighed.record.held.empty() || anything_frozen(view)) return weighed;
  const Loads loads = loads_of(state, view, now.mono);
  const std::vector<StandsOn> standing = standing_of(view);
  Holding holds = holding(view, {loads.hosts, loads.guests, standing, now.wall}, {});
  if (holds.held.size() == weighed.record.held.size()) return weighed;
  weighed.record.held = std::move(holds.held);
  weighed.journal = std::move(holds.journal);
  return weighed;
}

bool told_already(const View& view, const BalanceRecord& record, Now now) {
  if (!view.balance) return same_but_words(record, {});
  const BalanceRecord& told = view.balance->value;
  return same_but_words(told, record) && told.at <= now.wall && since(told.at, now.wall) < kBalanceRetold;
}

void write_balance(const View& view, std::optional<BalanceRecord> record, std::vector<Check>& checks,
                   std::vector<Write>& writes) {
  checks.push_back({path::kBalance, view.mod_of(path::kBalance)});
  writes.push_back({path::kBalance, record ? std::optional<Record>(*std::move(record)) : std::nullopt, {}});
}

std::optional<BalanceReport> report_balance(const View& view) {
  const Balance mode = view.spec()->cluster.balance;
  if (mode == Balance::off) return std::nullopt;
  BalanceReport report;
  report.automatic = mode == Balance::automatic;
  if (!view.balance) return report;
  const BalanceRecord& record = view.balance->value;
  for (const AdvisedMove& move : record.moves) {
    const Host* to = view.roster().host(move.to);
    if (to != nullptr && runs_there(view, move.guest, move.from) && placing_refusal(view, *to).empty())
      report.moves.push_back(move);
  }
  report.remarks = record.remarks;
  report.past = record.past;
  return report;
}

void add_hog_alarms(const View& view, std::vector<Alarm>& alarms) {
  if (!view.balance || view.spec()->cluster.balance == Balance::off) return;
  for (const NamedHog& hog : view.balance->value.hogs)
    if (runs_there(view, hog.guest, hog.host))
      alarms.push_back({"hog/" + hog.guest.str(), hog.text, hog.host, hog.guest});
}

}  // namespace haven
