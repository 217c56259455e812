// What moves for balance must never do, over random small clusters and random loads.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/placement/balance.hpp"
#include "placement/situation.hpp"

namespace haven {
namespace {

using dumb::between;

struct World {
  dumb::Situation situation;
  std::map<std::string, HostLoad> hosts;
  std::map<std::string, GuestLoad> guests;
  std::vector<PastMove> past;
  BalanceLimits limits;
  bool pressure = false;  // on some host
};

Pressure any_pressure(bool some) { return {some && between(0, 3) == 0 ? 60.0 : 0.0, 0}; }

// Everything stands where the planner puts it, the first host that it may take first: so hosts fill up one by one. Then
// some more stand where they should not, or twice.
World any_world() {
  World w{dumb::any_situation(), {}, {}, {}, {}, false};
  auto& s = w.situation;
  s.spec.cluster.cpu_overcommit = between(2, 6);
  for (auto& host : s.spec.hosts) host.memory.count *= 8;
  if (between(0, 3) > 0) s.booked.clear();
  if (between(0, 3) > 0) s.out.clear();
  auto books = s.placement();
  for (auto& r : s.spec.resources) {
    r.live_migration = between(0, 5) > 0;
    r.state = DesiredState::started;
    if (between(0, 2) > 0) r.hosts.only.clear();
    if (s.booked.contains(r.name.str())) continue;
    for (const auto& host : s.spec.hosts)
      if (books.refusal(r.name, host.name).empty()) {
        s.booked.emplace(r.name.str(), host.name.str());
        books.book(r.name, host.name);
        break;
      }
  }
  w.pressure = between(0, 1) == 0;
  for (const auto& host : s.spec.hosts)
    w.hosts[host.name.str()] = {host.name,
                                {between(0, 300)},
                                {between(0, 1)},
                                any_pressure(w.pressure),
                                any_pressure(w.pressure),
                                between(0, 9) == 0 ? 10s : 60s};
  for (const auto& [name, host] : s.booked) {
    const auto& r = *s.spec.resource(ResourceName(name));
    const GuestLoad load{r.name,
                         {between(0, 1000) * r.cpu.count},
                         {between(0, 3) == 0 ? between(0, 500) : 0},
                         {between(0, static_cast<int>(r.memory.count))},
                         between(0, 9) == 0 ? 10s : 60s};
    if (!w.guests.emplace(name, load).second) continue;
    w.hosts[host].cpu.count += load.cpu.count;
    w.hosts[host].memory.count += load.memory.count;
  }
  if (between(0, 1) == 0) w.limits = {100, 0.0, kMigrationBandwidth};
  return w;
}

BalanceQuestion question_of(const World& w, bool backwards = false) {
  BalanceQuestion q;
  auto spec = std::make_shared<Spec>(w.situation.spec);
  if (backwards) {
    std::reverse(spec->hosts.begin(), spec->hosts.end());
    std::reverse(spec->resources.begin(), spec->resources.end());
    std::reverse(spec->rules.begin(), spec->rules.end());
  }
  q.roster = std::make_shared<const Roster>(spec);
  q.hosts = dumb::views_of(*spec, w.situation.out);
  for (const auto& [r, h] : w.situation.booked) q.standing.push_back({ResourceName(r), HostName(h)});
  for (const auto& [name, load] : w.hosts) q.host_loads.push_back(load);
  for (const auto& [name, load] : w.guests) q.guest_loads.push_back(load);
  q.past = w.past;
  q.limits = w.limits;
  if (backwards) {
    std::reverse(q.standing.begin(), q.standing.end());
    std::reverse(q.host_loads.begin(), q.host_loads.end());
    std::reverse(q.guest_loads.begin(), q.guest_loads.end());
    std::reverse(q.past.begin(), q.past.end());
  }
  return q;
}

// The loads go with the guests; who gave is under no pressure any more.
void apply(World& w, const BalanceMove& move) {
  auto& booked = w.situation.booked;
  const auto& load = w.guests.at(move.guest.str());
  RC_ASSERT(booked.count(move.guest.str()) == 1U);
  RC_ASSERT(booked.find(move.guest.str())->second == move.from.str());
  booked.find(move.guest.str())->second = move.to.str();
  auto& from = w.hosts.at(move.from.str());
  auto& to = w.hosts.at(move.to.str());
  from.cpu.count -= load.cpu.count;
  from.memory.count -= load.memory.count;
  to.cpu.count += load.cpu.count;
  to.memory.count += load.memory.count;
  from.cpu_pressure = from.memory_pressure = {};
}

std::string described(const World& w) {
  auto text = dumb::described(w.situation);
  for (const auto& [name, load] : w.hosts)
    text += name + " cpu " + std::to_string(load.cpu.count) + " memory " + std::to_string(load.memory.count) +
            (load.cpu_pressure.some > 0 ? " pressed" : "") + (load.memory_pressure.some > 0 ? " thrashing" : "") +
            (load.stood < 30s ? " fresh" : "") + "\n";
  for (const auto& [name, load] : w.guests)
    text += name + " cpu " + std::to_string(load.cpu.count) + " waiting " + std::to_string(load.waiting.count) +
            " memory " + std::to_string(load.memory.count) + (load.stood < 30s ? " fresh" : "") + "\n";
  return text;
}

std::string told(const BalanceAdvice& advice) {
  std::string text;
  for (const auto& m : advice.moves) text += m.guest.str() + ": " + m.from.str() + " to " + m.to.str() + "\n";
  return text;
}

// Rules that are broken, and hosts that are too full for what stands there.
std::set<std::string> wrongs(const World& w) {
  const auto& s = w.situation;
  std::set<std::string> all;
  for (std::size_t i = 0; i < s.spec.rules.size(); ++i) {
    Spec one = s.spec;
    one.rules = {s.spec.rules[i]};
    if (!dumb::rules_kept(one, s.booked)) all.insert("rule " + std::to_string(i));
  }
  for (const auto& [name, at] : s.booked)
    if (!dumb::may_by_lists(*s.spec.resource(ResourceName(name)), *s.spec.host(HostName(at))))
      all.insert(name + " on " + at);
  for (const auto& host : s.spec.hosts) {
    dumb::Where here;
    for (const auto& [name, at] : s.booked)
      if (at == host.name.str()) here.emplace(name, at);
    if (!dumb::fits(s.spec, here, 1.0)) all.insert(host.name.str() + " is too full");
  }
  return all;
}

RC_GTEST_PROP(BalanceProperty, BreaksNoRuleThatHeldAndNeverRaisesTheScore, ()) {
  for (int i = 0; i < 40; ++i) {
    auto w = any_world();
    const auto advice = balance(question_of(w));
    RC_LOG(described(w) + told(advice));
    RC_ASSERT(advice.moves.size() <= w.limits.moves);
    RC_ASSERT(advice.score_after <= advice.score_before);
    RC_ASSERT(advice.moves.empty() == (advice.score_after == advice.score_before));
    auto gains = 0.0;
    std::set<std::string> moved;
    for (const auto& move : advice.moves) {
      const auto& guest = *w.situation.spec.resource(move.guest);
      RC_ASSERT(guest.live_migration && w.guests.at(move.guest.str()).stood >= kLoadStands);
      RC_ASSERT(!w.situation.out.contains(move.to.str()) && !w.situation.out.contains(move.from.str()));
      RC_ASSERT(moved.insert(move.guest.str()).second);
      RC_ASSERT(move.worth > move.cost && move.gain >= kLeastGain);
      gains += move.gain;
      const auto before = wrongs(w);
      apply(w, move);
      for (const auto& wrong : wrongs(w)) RC_ASSERT(before.contains(wrong));
    }
    RC_ASSERT(std::abs(advice.score_before - advice.score_after - gains) < 1e-6);
  }
}

// Who stays down when these hosts are lost and everybody else stays where he is: how many, and the most important.
std::pair<std::size_t, int> down_after(const World& w, const std::set<std::string>& lost) {
  auto without = w.situation;
  without.out.insert(lost.begin(), lost.end());
  std::erase_if(without.booked, [&](const auto& booking) { return lost.contains(booking.second); });
  const Roster roster(std::make_shared<const Spec>(without.spec));
  std::vector<Wanted> wanted;
  for (const auto& set : roster.sets)
    for (const Resource* member : set)
      if (member->tolerate_host && w.situation.booked.contains(member->name.str()) &&
          !without.booked.contains(member->name.str()))
        wanted.push_back({member->name, {}, Occasion::recovery});
  const auto places = without.placement().arrange(wanted);
  std::pair<std::size_t, int> down{0, -1};
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (!places[i]) down = {down.first + 1, std::max(down.second, without.spec.resource(wanted[i].resource)->priority)};
  return down;
}

RC_GTEST_PROP(BalanceProperty, LeavesNoMoreDownAfterAnyLossThatTheReserveSpeaksOf, ()) {
  for (int i = 0; i < 40; ++i) {
    auto w = any_world();
    const Topology topology(w.situation.spec);
    const auto level = w.situation.spec.cluster.reserve_domain;
    const auto domains = topology.domains(level);
    const auto reserve = std::min<std::size_t>(w.situation.spec.cluster.reserve, domains);
    const auto advice = balance(question_of(w));
    if (advice.moves.empty()) continue;
    auto after = w;
    for (const auto& move : advice.moves) apply(after, move);
    for (std::size_t choice = 1; choice < (std::size_t{1} << domains); ++choice) {
      if (static_cast<std::size_t>(std::popcount(choice)) != reserve) continue;
      std::set<std::string> lost;
      for (std::size_t d = 0; d < domains; ++d)
        if ((choice >> d & 1U) != 0)
          for (const auto h : topology.hosts_in(level, d)) lost.insert(topology.name(h).str());
      RC_LOG(described(w) + told(advice));
      const auto before_it = down_after(w, lost), after_it = down_after(after, lost);
      RC_ASSERT(after_it.first <= before_it.first);
      RC_ASSERT(after_it.second <= before_it.second);
    }
  }
}

RC_GTEST_PROP(BalanceProperty, AskedAgainWithTheSameLoadMovesNothing, ()) {
  for (int i = 0; i < 40; ++i) {
    auto w = any_world();
    const auto advice = balance(question_of(w));
    RC_LOG(described(w) + told(advice));
    for (const auto& move : advice.moves) {
      apply(w, move);
      w.past.push_back({move.guest, move.from, move.to, 0s});
    }
    if (advice.complete) RC_ASSERT(told(balance(question_of(w))) == "");
    // Nor once the hosts were measured anew, if it ended because nothing more was worth doing: nobody who rests is
    // missed. (Whether pressure goes with whom is not known before it is measured.)
    for (auto& move : w.past) move.ago = kGuestRests - 1s;
    if (!w.pressure && advice.complete && advice.moves.size() < w.limits.moves)
      RC_ASSERT(told(balance(question_of(w))) == "");
  }
}

RC_GTEST_PROP(BalanceProperty, AnswersTheSameInWhateverOrderItIsTold, ()) {
  for (int i = 0; i < 40; ++i) {
    const auto w = any_world();
    const auto one = balance(question_of(w)), other = balance(question_of(w, true));
    // The file's order is the order in which losses are looked at: where a bound ended that, it shows.
    if (!one.complete || !other.complete) continue;
    RC_LOG(described(w));
    RC_ASSERT(told(one) == told(other));
    RC_ASSERT(one.score_before == other.score_before && one.score_after == other.score_after);
    for (std::size_t k = 0; k < one.moves.size(); ++k) RC_ASSERT(one.moves[k].why == other.moves[k].why);
  }
}

// So that the properties above are about something.
TEST(BalanceProperty, RandomClustersHaveSomethingToMove) {
  int moving = 0;
  rc::check([&] {
    for (int i = 0; i < 10; ++i)
      if (!balance(question_of(any_world())).moves.empty()) ++moving;
  });
  std::cout << moving << " of 1000 random clusters had something to move\n";
  EXPECT_GT(moving, 100);
}

}  // namespace
}  // namespace haven
