// Who votes in the engine (DESIGN 4, PROTOCOL E2, E4), one step at a time.
//
// The engine is a raft cluster whose members are hosts of the file and perhaps a witness. What the file wants and what
// the engine has differ after every join, leave, death and apply; `next_step` names the single change that comes next,
// and after it everything is looked at anew. One change at a time, each from a fresh list, is what keeps a majority:
// a newcomer is a learner until it has caught up, so it never counts before it can help; the dead make room before
// their replacement comes, since etcd takes nobody in while a voter is silent; the living go last, once whoever follows
// them votes. The alternative, a whole new list at once (joint consensus), etcd does not offer.
//
// An even number of voters bears no more losses than the odd one below it and has more to lose, so growth waits until
// the next odd number can be reached, and passes through even ones only on the way. Of two who vote already both stay:
// one copy of everything is worse than a majority of two.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/model/spec.hpp"
#include "core/model/units.hpp"

namespace haven {

// A machine that could hold an engine member: a host of the file or the witness.
struct Seat {
  std::string name;
  bool joined = false;  // its member's addresses are known
  bool left = false;    // it went away as ordered, and is not to vote
  bool up = false;      // its havend is there to start a member
  bool dead = false;    // proved (PROTOCOL, Suspicion to Promises), and not back
  Duration dead_for{};
};

// As the engine's list and each member's own status tell.
struct EngineMember {
  std::uint64_t id = 0;
  std::string name;  // of its seat; empty: nobody's
  bool learner = false;
  bool healthy = false;  // answers, and sees the leader
  bool leader = false;
  std::uint64_t applied = 0;  // index of the log
  Duration learner_for{};     // how long it has been seen as a learner
};

struct Membership {
  std::vector<std::string> wanted;  // voters by the file, best first, the witness among them
  std::size_t count = 3;            // how many of them vote at most
  std::vector<Seat> seats;
  std::vector<EngineMember> members;
};

// The file's voters, best first. Named ones are all there are; by default every host may come to vote where one of the
// first is dead or left, and `count` says how many do (3, from 7 hosts up 5).
[[nodiscard]] Membership wanted_voters(const Spec& spec);

struct AddLearner {
  std::string name;
};
struct Promote {
  std::uint64_t id = 0;
  std::string name;
};
struct RemoveMember {
  std::uint64_t id = 0;
  std::string name;
  std::string why;
};
struct MoveLeader {
  std::uint64_t to = 0;
  std::string name;
};
// Something is to be done, and cannot be done yet.
struct WaitFor {
  std::string why;
};
struct Settled {};
using MembershipStep = std::variant<Settled, WaitFor, AddLearner, Promote, RemoveMember, MoveLeader>;

// A proved death is not replaced sooner: a host that reboots comes back with its member.
inline constexpr Duration kReplaceAfter = 5min;
// A learner that does not come up is taken out again.
inline constexpr Duration kLearnerPatience = 2min;
// A learner this close to the leader's log has caught up. etcd itself asks for nine tenths of the log only.
inline constexpr std::uint64_t kLearnerLag = 500;

// `replace_after`: kReplaceAfter, but for tests.
[[nodiscard]] MembershipStep next_step(const Membership& membership, Duration replace_after = kReplaceAfter);

// Who should vote, given who is there: an odd number where it can be had.
[[nodiscard]] std::vector<std::string> target_voters(const Membership& membership,
                                                     Duration replace_after = kReplaceAfter);

// Whether the engine goes on once this member is gone: a majority of the voters that are left answers.
[[nodiscard]] bool survives_without(const Membership& membership, std::uint64_t id);

// Whose database is to be defragmented now: one at a time, only while all are well, the leader last (E2).
// `worth`: members whose database has enough to gain.
[[nodiscard]] std::optional<std::uint64_t> next_to_defragment(const Membership& membership,
                                                              const std::vector<std::uint64_t>& worth);

}  // namespace haven
