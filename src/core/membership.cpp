#include "core/membership.hpp"

#include <algorithm>

#include "core/model/wording.hpp"

namespace haven {
namespace {

constexpr std::size_t kManyHosts = 7;

const Seat* seat_of(const Membership& m, const std::string& name) {
  const auto it = std::find_if(m.seats.begin(), m.seats.end(), [&](const Seat& s) { return s.name == name; });
  return it == m.seats.end() ? nullptr : &*it;
}

const EngineMember* member_of(const Membership& m, const std::string& name) {
  const auto it =
      std::find_if(m.members.begin(), m.members.end(), [&](const EngineMember& e) { return e.name == name; });
  return it == m.members.end() ? nullptr : &*it;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool votes(const Membership& m, const std::string& name) {
  const EngineMember* member = member_of(m, name);
  return member != nullptr && !member->learner;
}

// Could vote, or does: there to start a member, or silent for a while only.
bool eligible(const Membership& m, const std::string& name, Duration replace_after) {
  const Seat* seat = seat_of(m, name);
  if (seat == nullptr || !seat->joined || seat->left) return false;
  if (seat->dead && seat->dead_for >= replace_after) return false;
  return seat->up || votes(m, name);
}

std::size_t voters(const Membership& m) {
  return static_cast<std::size_t>(
      std::count_if(m.members.begin(), m.members.end(), [](const EngineMember& e) { return !e.learner; }));
}
std::size_t healthy_voters(const Membership& m) {
  return static_cast<std::size_t>(
      std::count_if(m.members.begin(), m.members.end(), [](const EngineMember& e) { return !e.learner && e.healthy; }));
}
bool majority(std::size_t of, std::size_t all) { return 2 * of > all; }

const EngineMember* leader_of(const Membership& m) {
  const auto it = std::find_if(m.members.begin(), m.members.end(), [](const EngineMember& e) { return e.leader; });
  return it == m.members.end() ? nullptr : &*it;
}

// A learner is under way: it is seen through before anything else begins.
MembershipStep see_through(const Membership& m, const EngineMember& learner, const std::vector<std::string>& target) {
  if (!contains(target, learner.name)) return RemoveMember{learner.id, learner.name, "it is not to vote any more"};
  const Seat* seat = seat_of(m, learner.name);
  const bool absent = !learner.healthy && (seat == nullptr || !seat->up);
  if (absent || (!learner.healthy && learner.learner_for >= kLearnerPatience))
    return RemoveMember{learner.id, learner.name, "its member did not come up"};
  if (!learner.healthy) return WaitFor{learner.name + "'s member is to start"};
  const EngineMember* leader = leader_of(m);
  if (leader == nullptr) return WaitFor{"the engine elects a leader"};
  if (learner.applied + kLearnerLag < leader->applied) return WaitFor{learner.name + "'s member is catching up"};
  // With it there is one voter more, who answers; a majority must answer even so, should it die at once.
  if (!majority(healthy_voters(m), voters(m) + 1) && voters(m) > 1)
    return WaitFor{"too few voters answer to let " + learner.name + " vote"};
  return Promote{learner.id, learner.name};
}

MembershipStep remove_living(const Membership& m, const EngineMember& gone, const std::vector<std::string>& target) {
  if (!survives_without(m, gone.id)) return WaitFor{"without " + gone.name + " no majority of the voters would answer"};
  if (!gone.leader) return RemoveMember{gone.id, gone.name, "it is not to vote"};
  for (const std::string& name : target) {
    const EngineMember* heir = member_of(m, name);
    if (heir != nullptr && !heir->learner && heir->healthy) return MoveLeader{heir->id, heir->name};
  }
  return WaitFor{"nobody is there to lead the engine instead of " + gone.name};
}

// What keeps the engine from bearing the losses that the file hopes for; nothing: it is as it should be.
MembershipStep complete_or_wait(const Membership& m, const std::vector<std::string>& target) {
  const std::size_t most = std::min(m.count, m.wanted.size());
  std::vector<std::string> absent;
  for (const std::string& name : m.wanted) {
    const Seat* seat = seat_of(m, name);
    const bool joined = seat != nullptr && seat->joined && !seat->left;
    if (!joined && absent.size() + target.size() < most) absent.push_back(name);
  }
  if (!absent.empty()) return WaitFor{"to vote, " + with_commas(absent) + " must join first"};
  if (target.size() % 2 == 0 || target.size() < most)
    return WaitFor{"voters: " + with_commas(target) +
                   "; one more, a witness for instance, would let the engine bear a loss"};
  return Settled{};
}

}  // namespace

Membership wanted_voters(const Spec& spec) {
  Membership m;
  // Of one host alone there is no majority to help to.
  if (!spec.cluster.witness.empty() && spec.hosts.size() > 1) m.wanted.push_back(spec.cluster.witness);
  const std::size_t witness = m.wanted.size();
  if (spec.cluster.voters_named) {
    for (const HostName& name : spec.cluster.voters) m.wanted.push_back(name.str());
    m.count = m.wanted.size();
    return m;
  }
  m.count = std::min(spec.hosts.size(), spec.hosts.size() >= kManyHosts ? std::size_t{5} : std::size_t{3}) + witness;
  // The witness of an odd number of hosts votes in place of one.
  if (witness != 0 && m.count % 2 == 0) --m.count;
  for (const Host& host : spec.hosts) m.wanted.push_back(host.name.str());
  return m;
}

std::vector<std::string> target_voters(const Membership& m, Duration replace_after) {
  std::vector<std::string> target;
  for (const std::string& name : m.wanted)
    if (target.size() < m.count && eligible(m, name, replace_after)) target.push_back(name);
  // The dead whom nobody can replace keep their seats: taking them out gains nothing, and they may return.
  for (const std::string& name : m.wanted) {
    const Seat* seat = seat_of(m, name);
    const bool left = seat != nullptr && seat->left;
    if (target.size() < m.count && votes(m, name) && !left && !contains(target, name)) target.push_back(name);
  }
  if (target.size() % 2 == 1 || target.empty()) return target;
  // Who does not vote yet waits. Two who both vote stay: each holds a copy of everything.
  auto yields = std::find_if(target.rbegin(), target.rend(), [&](const std::string& n) { return !votes(m, n); });
  if (yields == target.rend() && target.size() == 2) return target;
  if (yields == target.rend()) yields = target.rbegin();
  target.erase(std::next(yields).base());
  return target;
}

bool survives_without(const Membership& m, std::uint64_t id) {
  std::size_t left = 0;
  std::size_t answer = 0;
  for (const EngineMember& member : m.members) {
    if (member.learner || member.id == id) continue;
    ++left;
    answer += member.healthy ? 1 : 0;
  }
  return left > 0 && majority(answer, left);
}

MembershipStep next_step(const Membership& m, Duration replace_after) {
  const auto target = target_voters(m, replace_after);
  if (target.empty()) return WaitFor{"none of the file's voters has joined"};
  if (!majority(healthy_voters(m), voters(m))) return WaitFor{"no majority of the engine's voters answers"};
  for (const EngineMember& member : m.members)
    if (member.learner) return see_through(m, member, target);
  for (const EngineMember& member : m.members) {
    if (contains(target, member.name) || member.healthy) continue;
    if (survives_without(m, member.id)) return RemoveMember{member.id, member.name, "it is silent and replaced"};
  }
  const auto silent = std::find_if(m.members.begin(), m.members.end(), [](const auto& e) { return !e.healthy; });
  for (const std::string& name : target) {
    if (member_of(m, name) != nullptr) continue;
    if (silent != m.members.end()) return WaitFor{"while " + silent->name + "'s member is silent nobody is taken in"};
    return AddLearner{name};
  }
  for (const EngineMember& member : m.members)
    if (!contains(target, member.name)) return remove_living(m, member, target);
  return complete_or_wait(m, target);
}

std::optional<std::uint64_t> next_to_defragment(const Membership& m, const std::vector<std::uint64_t>& worth) {
  std::optional<std::uint64_t> leader;
  for (const EngineMember& member : m.members)
    if (!member.healthy || member.learner) return std::nullopt;
  for (const EngineMember& member : m.members) {
    if (std::find(worth.begin(), worth.end(), member.id) == worth.end()) continue;
    if (!member.leader) return member.id;
    leader = member.id;
  }
  return leader;
}

}  // namespace haven
