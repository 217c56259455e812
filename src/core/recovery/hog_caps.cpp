#include "core/recovery/hog_caps.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/model/wording.hpp"
#include "core/placement/roster.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {
namespace {

std::string cpus(MilliCpu share) { return tenths(share.count) + " CPUs"; }

bool may_be_held(const View& view, const ResourceName& guest) {
  const Resource* resource = view.roster().resource(guest);
  return view.spec()->cluster.hogs == Hogs::cap && view.spec()->cluster.balance != Balance::off &&
         resource != nullptr && resource->cap;
}

// It runs there, under that generation, and is not about to go.
bool runs_under(const View& view, const HeldHog& hog) {
  const auto claim = view.claims.find(hog.guest);
  if (claim == view.claims.end() || claim_closed(view, hog.guest)) return false;
  const ClaimRecord& c = claim->second.value;
  return c.host == hog.host && c.generation == hog.generation && c.order == ClaimOrder::run && !c.migrating_to;
}

template <class Loads, class Name>
auto stood(const Loads& loads, const Name& is_it) {
  const auto it = std::find_if(loads.begin(), loads.end(), is_it);
  return it == loads.end() || it->stood < kHogStands ? nullptr : &*it;
}

// Why it is not held any more; empty: it is.
std::string ended(const View& view, const HoldingFacts& facts, const HeldHog& hog) {
  if (!may_be_held(view, hog.guest)) return "the cluster file says so";
  if (!runs_under(view, hog)) return "it does not run there any more";
  const Resource& resource = *view.roster().resource(hog.guest);
  const Host* host = view.roster().host(hog.host);
  if (host == nullptr) return "its host has left the cluster file";
  const auto lasted = std::chrono::milliseconds(facts.now.unix_ms - hog.since.unix_ms);
  if (lasted < kCapLasts) return "";
  const auto* there = stood(facts.hosts, [&](const HostLoad& load) { return load.host == hog.host; });
  const auto* it = stood(facts.guests, [&](const GuestLoad& load) { return load.guest == hog.guest; });
  if (there == nullptr || it == nullptr) return "";
  const std::int64_t besides = std::max<std::int64_t>(resource.cpu.count * 1000 - it->cpu.count, 0);
  const auto room = static_cast<std::int64_t>(static_cast<double>(host->cpu.count * 1000) * kCapRoom);
  if (there->cpu.count + besides <= room) return "there is room for all that it could take";
  if (static_cast<double>(it->cpu.count) < static_cast<double>(hog.share.count) * kCapUnused)
    return "it does not want its share any more";
  return "";
}

MilliCpu share_there(const View& view, const HoldingFacts& facts, const HeldHog& hog) {
  std::int64_t vcpus = 0;
  for (const StandsOn& stands : facts.standing) {
    const Resource* resource = stands.host == hog.host ? view.roster().resource(stands.resource) : nullptr;
    if (resource != nullptr) vcpus += resource->cpu.count;
  }
  return share_of(*view.roster().resource(hog.guest), *view.roster().host(hog.host), vcpus);
}

JournalRecord told(const HeldHog& hog, JournalKind kind, WallTime now, std::string why) {
  JournalRecord journal;
  journal.at = now;
  journal.kind = kind;
  journal.resource = hog.guest;
  journal.host = hog.host;
  journal.why = std::move(why);
  return journal;
}

void hold_new(const View& view, const HoldingFacts& facts, const Hog& hog, Holding& result) {
  const auto claim = view.claims.find(hog.guest);
  if (claim == view.claims.end() || !may_be_held(view, hog.guest)) return;
  const HeldHog held{hog.guest, hog.host, claim->second.value.generation, hog.share, facts.now};
  const bool known = std::any_of(result.held.begin(), result.held.end(),
                                 [&](const HeldHog& other) { return other.guest == hog.guest; });
  if (known || !runs_under(view, held) || hog.share.count <= 0) return;
  result.held.push_back(held);
  result.journal.push_back(
      told(held, JournalKind::capped, facts.now, "it is held to " + cpus(hog.share) + ": " + hog.what));
}

}  // namespace

Holding holding(const View& view, const HoldingFacts& facts, const std::vector<Hog>& named) {
  Holding result;
  if (view.balance)
    for (HeldHog hog : view.balance->value.held) {
      // A wall clock that was set back begins its time anew.
      hog.since = std::min(hog.since, facts.now);
      if (std::string why = ended(view, facts, hog); !why.empty()) {
        result.journal.push_back(told(hog, JournalKind::uncapped, facts.now, std::move(why)));
        continue;
      }
      hog.share = share_there(view, facts, hog);
      result.held.push_back(hog);
    }
  for (const Hog& hog : named) hold_new(view, facts, hog, result);
  std::sort(result.held.begin(), result.held.end(),
            [](const HeldHog& a, const HeldHog& b) { return a.guest < b.guest; });
  return result;
}

std::optional<MilliCpu> cap_of(const View& view, const ResourceName& guest) {
  if (!view.balance || view.spec() == nullptr || !may_be_held(view, guest)) return std::nullopt;
  for (const HeldHog& hog : view.balance->value.held)
    if (hog.guest == guest && runs_under(view, hog)) return hog.share;
  return std::nullopt;
}

}  // namespace haven
