// A replacement: a successor takes the place of its predecessor, and both live until somebody says that it is for good.
//
// Of the two at most one has its network links up, whatever crashes. The links are a right like a claim's: the
// controller orders it in the claim, each order is a turn, and the executor says in its run record for which turn it
// has seen them so. The one's links go up only once the other's order says down and its record says that it is so, for
// that very turn, or its claim is closed; both claims, and what they rest on, are compared in that transaction. From an
// order down on whatever starts under that claim starts without links, so that a record of it never grows stale.
//
// Rejected: to stop the old one before the new one's links go up (a boot's time without service, and no way back that
// is better), and to let the guests settle it (an address that two machines believe theirs is the defect itself).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/controller.hpp"
#include "core/decision.hpp"
#include "core/model/view.hpp"

namespace haven {

// The two, and how far they are.
struct Replacement {
  const Resource& predecessor;
  const Resource& successor;
  HandoverRecord record;  // `proving` where the engine has none of this replacement yet
};
// Of which this is one; nullopt: of none.
[[nodiscard]] std::optional<Replacement> replacement_of(const View& view, const ResourceName& resource);

// Its links are to be up, as far as a replacement has a word in it.
[[nodiscard]] bool links_wanted(const View& view, const ResourceName& resource);
// It is to be stopped, whatever else is wanted of it: kept for a way back, or about to leave the file.
[[nodiscard]] bool stopped_by_replacement(const View& view, const ResourceName& resource);
// Nothing of it has its links up, nor gets them without another order.
[[nodiscard]] bool is_unlinked(const View& view, const ResourceName& resource);
// The order about its links is carried out, where it runs.
[[nodiscard]] bool links_settled(const View& view, const ResourceName& resource);

// Why this resource cannot be replaced now; empty: it can.
[[nodiscard]] std::string replace_refusal(const View& view, const ResourceName& resource);
// The file with a successor in it, which has all that its predecessor has but name and domain.
[[nodiscard]] Spec spec_with_successor(const Spec& spec, Resource successor);
// The file once the replacement has ended: without the successor, or without the predecessor, whose place it has then.
// Error: it has not ended yet.
[[nodiscard]] tl::expected<Spec, std::string> spec_after(const View& view, Spec spec, const ResourceName& resource);

// Why no other file may be applied now: a replacement that has not ended. Empty: there is none.
[[nodiscard]] std::string replacement_under_way(const View& view);

// The operator's word: it is taken back, or for good. Empty: it is so already. Error: why that cannot be.
[[nodiscard]] tl::expected<Commit, std::string> replacement_commit(const View& view, const OperatorAsked& asked,
                                                                   const SelfView& self, Now now);

// Every replacement goes a step further where it can.
void decide_replacements(const ControllerState& state, const View& view, const SelfView& self, Pass& pass);

// In a person's words: "proves itself".
[[nodiscard]] const char* word(HandoverPhase phase);

}  // namespace haven
