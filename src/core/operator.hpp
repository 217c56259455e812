// What the operator says, as one transaction on the desired state or on a proof: decided from the view, refused in a
// sentence where it cannot be.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "core/controller.hpp"
#include "core/model/event.hpp"
#include "core/model/view.hpp"

namespace haven {

// The transaction, or why not. An empty commit: it is so already.
[[nodiscard]] tl::expected<Commit, std::string> operator_commit(const View& view, const OperatorAsked& asked,
                                                                const SelfView& self, Now now);

}  // namespace haven
