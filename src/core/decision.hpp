// What a pass over the state hands back: actions, and when the pass would come out differently with time alone.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "core/model/action.hpp"
#include "core/model/event.hpp"
#include "core/model/units.hpp"

namespace haven {

struct Decision {
  Actions actions;
  Instant wake = kNever;  // run the pass again then, if nothing else happens
};

// One pass in the making. Every comparison with time goes through due(), so no deadline is ever forgotten.
class Pass {
 public:
  explicit Pass(Now now) : now_(now) {}
  [[nodiscard]] Now now() const { return now_; }
  // True from `at` on; until then the pass is to be run again at `at`.
  [[nodiscard]] bool due(Instant at) {
    if (now_.mono >= at) return true;
    decision_.wake = std::min(decision_.wake, at);
    return false;
  }
  void act(Action action) { decision_.actions.push_back(std::move(action)); }
  void say(std::string text) { decision_.actions.push_back(Say{std::move(text)}); }
  [[nodiscard]] Decision take() && { return std::move(decision_); }

 private:
  Now now_;
  Decision decision_;
};

// A commit that was answered, with what it was and when it was sent.
struct CommitEnded {
  const Commit& commit;
  Instant sent;
  CommitOutcome outcome;
  Revision revision;
};

// A fence agent that ended.
struct AgentEnded {
  const RunAgent& run;
  AgentResult result;
  const std::string& message;
};

}  // namespace haven
