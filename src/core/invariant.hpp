// The promises of DESIGN 1 as predicates over what the engine holds. Nothing here decides anything: the simulator asks
// after every commit, the property tests after every step, and each answer is a sentence that must not be true.
//
// They are written apart from the code that they watch. claim_closed() and Placement would say the same in fewer lines,
// and would be wrong together with it.
#pragma once

#include <string>
#include <vector>

#include "core/model/event.hpp"
#include "core/model/ids.hpp"
#include "core/model/view.hpp"

namespace haven {

struct Breach {
  std::string rule;       // as PROTOCOL numbers it, or "strict-apart", "strict-together", "never", "capacity"
  ResourceName resource;  // empty: not about one
  std::vector<HostName> hosts;
  std::string text;
};

// What this commit did that no commit may do: a claim that leaves an incarnation which neither released it nor is
// proved dead (C3); generations that do not grow (C1); a run record without its claim (C2), or of what was released
// (C4); a proof taken back (F6). `before`: what the engine held until then.
// one-address: a claim whose links go up while the other of its replacement may still have its own.
[[nodiscard]] std::vector<Breach> breaches_of_commit(const View& before, const EngineChanged& commit);

// The resources that this commit gave to a host where they did not run: not those that it left, stopped or adopted.
[[nodiscard]] std::vector<ResourceName> newly_placed(const View& before, const EngineChanged& commit);

// The strict rules and limits that these resources break where their claims put them, beside all other open claims.
[[nodiscard]] std::vector<Breach> breaches_of_placement(const View& after, const std::vector<ResourceName>& placed);

}  // namespace haven
