// `haven explain`: why a resource is where it is, why it is not elsewhere, and what would happen if its host died now.
// Asked of the very planner that decides, over the view as it is: a prediction, not a description of rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/view.hpp"
#include "core/placement/placement.hpp"
#include "core/report.hpp"

namespace haven {

struct HostExplained {
  HostName host;
  bool holds = false;   // its claim is here
  std::string refusal;  // why not here; empty: it may run here
  std::string remark;   // how it suits: "preferred, 2nd", "4096 MiB would be left"
};

// What the death of one host would come to, by the present claims and with everybody else as he is now.
struct Fallen {
  ResourceName resource;
  std::optional<HostName> to;       // none: it stays down
  std::vector<Refusal> refusals;    // then, by host
  std::string remedy;               // then, what would help; empty: nothing in a word
  std::vector<ResourceName> stops;  // lesser ones that have to stop there first
  std::vector<ResourceName> after;  // what must run first
};
struct DeathExplained {
  HostName host;
  std::string proof;             // by what it would be proved dead, in words
  bool proved_by_itself = true;  // false: it waits for the operator's word
  Duration noticed{};            // after the death: silence
  Duration proved{};             // after the death, by the fastest proof; 0: nobody knows
  std::vector<Fallen> fallen;    // in the order in which they are placed
};

struct Explanation {
  ResourceReport report;
  std::vector<std::string> why_here;  // sentences
  std::vector<HostExplained> hosts;   // the file's order
  std::optional<HostName> today;      // where it would be placed if it were placed now
  std::optional<DeathExplained> death;
};

// nullopt: the file has no such resource, or none was applied.
[[nodiscard]] std::optional<Explanation> explain(const View& view, const ResourceName& resource);

// Of a host of the file.
[[nodiscard]] DeathExplained explain_death(const View& view, const Host& host);

}  // namespace haven
