// What the operator says, as one transaction on the desired state or on a proof: decided from the view, refused in a
// sentence where it cannot be.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/controller.hpp"
#include "core/model/event.hpp"
#include "core/model/view.hpp"

namespace haven {

// Whether heartbeats of this boot are heard now; no function: nobody listens.
using Heard = std::function<bool(const HostName&, const Incarnation&)>;

struct Obeyed {
  Commit commit;                      // empty: it is so already
  std::vector<std::string> warnings;  // sentences: what he should know all the same
};

// The transaction, or why not.
[[nodiscard]] tl::expected<Obeyed, std::string> operator_commit(const View& view, const OperatorAsked& asked,
                                                                const Heard& heard, const SelfView& self, Now now);

}  // namespace haven
