// Reads the file's rules for itself, so that a planner that misreads them is found.
#include <algorithm>
#include <set>

#include "core/placement/room.hpp"
#include "month_pool.hpp"

namespace haven::month {
namespace {

bool stands(const Guest& guest) { return guest.stand != Stand::waiting; }

// Moving: also where it goes.
std::vector<std::size_t> places_of(const Pool& pool, std::size_t guest) {
  const Guest& g = pool.guests()[guest];
  if (!stands(g)) return {};
  if (g.stand != Stand::moving) return {g.host};
  return {g.host, pool.transfers()[g.transfer].to};
}

std::string where(const Pool& pool, std::size_t guest, std::size_t host) {
  return pool.guest_name(guest).str() + " on " + pool.host_name(host).str();
}

std::string audit_books(const Pool& pool) {
  std::vector<std::size_t> booked(pool.guests().size(), 0);
  for (std::size_t h = 0; h < pool.hosts().size(); ++h)
    for (const auto g : pool.hosts()[h].booked) {
      ++booked[g];
      const auto places = places_of(pool, g);
      if (std::find(places.begin(), places.end(), h) == places.end())
        return where(pool, g, h) + " is booked and does not stand there";
    }
  for (std::size_t g = 0; g < booked.size(); ++g)
    if (booked[g] != places_of(pool, g).size()) return pool.guest_name(g).str() + " is not in the books as it stands";
  return {};
}

std::string audit_guest(const Pool& pool, std::size_t guest) {
  const auto& rules = pool.spec().resources[guest].hosts;
  const auto names = [](const std::vector<HostName>& list, const HostName& host) {
    return std::find(list.begin(), list.end(), host) != list.end();
  };
  for (const auto h : places_of(pool, guest)) {
    const auto service = pool.hosts()[h].service;
    const bool lost = pool.guests()[guest].stand == Stand::lost;
    if (lost != (service == Service::down)) return where(pool, guest, h) + ": that host is down, or is not";
    if (service == Service::out) return where(pool, guest, h) + ": that host is out for work";
    const auto& name = pool.host_name(h);
    if ((!rules.only.empty() && !names(rules.only, name)) || names(rules.never, name))
      return where(pool, guest, h) + ": the file excludes that";
  }
  return {};
}

// apart: at both ends of a move. together: where they run.
std::string audit_rule(const Pool& pool, std::size_t index) {
  const auto& rule = pool.spec().rules[index];
  if (!rule.strict) return {};
  std::set<std::string> taken;
  for (const auto g : pool.roster().members[index]) {
    std::set<std::string> own;
    if (!stands(pool.guests()[g])) continue;
    if (rule.kind == RuleKind::together)
      own.insert(domain_of(pool.spec().hosts[pool.guests()[g].host], rule.domain));
    else
      for (const auto h : places_of(pool, g)) own.insert(domain_of(pool.spec().hosts[h], rule.domain));
    for (const auto& domain : own)
      if (!taken.insert(domain).second && rule.kind == RuleKind::apart)
        return pool.guest_name(g).str() + " is not apart from another in " + domain;
    if (rule.kind == RuleKind::together && taken.size() > 1) return pool.guest_name(g).str() + " is not with its set";
  }
  return {};
}

std::string audit_room(const Pool& pool, std::size_t host) {
  const Room room = room_of(pool.spec().hosts[host], pool.spec().cluster, Occasion::recovery);
  Room used{};
  for (const auto g : pool.hosts()[host].booked) {
    used.memory += pool.spec().resources[g].memory;
    used.cpu += pool.spec().resources[g].cpu;
  }
  return used.memory > room.memory || used.cpu > room.cpu ? pool.host_name(host).str() + " is overbooked" : "";
}

}  // namespace

std::string audit(const Pool& pool) {
  std::string wrong = audit_books(pool);
  for (std::size_t g = 0; g < pool.guests().size() && wrong.empty(); ++g) wrong = audit_guest(pool, g);
  for (std::size_t r = 0; r < pool.spec().rules.size() && wrong.empty(); ++r) wrong = audit_rule(pool, r);
  for (std::size_t h = 0; h < pool.hosts().size() && wrong.empty(); ++h) wrong = audit_room(pool, h);
  return wrong;
}

}  // namespace haven::month
