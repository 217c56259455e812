// What the journal tells about the engine itself: who joins and leaves, who holds a copy and who votes, when it was
// made anew. An entry is committed with what it tells of. Only etcd's own list of members is no key of ours: it is
// compared with the list that was told last (engine/members), and the difference and the new list are written together.
// So a change is told once, whoever made it, whoever died over it, and whether or not its answer ever came.
#pragma once

#include <string>
#include <vector>

#include "daemon/etcd_member/survey.hpp"
#include "port/engine.hpp"

namespace haven::daemon {

struct EngineNews {
  std::string what;   // init, joined, leaves, stays, learner, voter, removed, recovered, restored
  std::string about;  // a host or the witness; empty: the whole engine
  std::string why;    // a sentence
};

// The entry, as `by`'s havend writes it, as of now.
[[nodiscard]] port::Operation entry_of(const std::string& cluster, const std::string& by, const EngineNews& news);
// The same of a host that an operator calls dead.
[[nodiscard]] port::Operation entry_of_proof(const std::string& cluster, const std::string& by, const std::string& host,
                                             const std::string& why);

[[nodiscard]] ToldMembers told_of(const Survey& survey);
// `change`: the change that was under way, in its own words; what it does not speak of was none of Haven's doing.
[[nodiscard]] std::vector<EngineNews> differences(const ToldMembers& before, const ToldMembers& now,
                                                  const std::string& change);

// How changes of members are called, here and in engine/change.
namespace engine_words {
[[nodiscard]] std::string learner(const std::string& name);
[[nodiscard]] std::string voter(const std::string& name);
[[nodiscard]] std::string removed(const std::string& name);
}  // namespace engine_words

}  // namespace haven::daemon
