// One resource as the steps of its life see it, and what more than one of them writes. For lifecycle.cpp and
// migration.cpp alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/recovery/lifecycle.hpp"

namespace haven::stepping {

// Everything a step needs, looked up once.
struct Case {
  const View& view;
  const ControllerState& state;
  const Resource& resource;
  Placement& placement;
  const SelfView& self;
  const bool may_mend;
  PassSoFar& so_far;
  Pass& pass;
  const ClaimRecord* claim = nullptr;  // nullptr: never claimed
  const RunRecord* run = nullptr;      // of the claim's generation only
  const OrderRecord* order = nullptr;
  bool owner_alive = false;
  bool closed = true;
};
[[nodiscard]] Case look_up(const View& view, const ControllerState& state, const Resource& resource,
                           Placement& placement, const SelfView& self, bool may_mend, PassSoFar& so_far, Pass& pass);

[[nodiscard]] JournalRecord entry(const Case& c, JournalKind kind, const HostName& host, std::string why);
// A claim write with all that any such decision rests on: the claim, what its owner did, what the operator said.
[[nodiscard]] ClaimMove claim_write(const Case& c, const ClaimRecord& claim, std::optional<JournalRecord> journal);
// Strikes the one-shot parts of an order out in the same transaction that acts on them.
void strike_order(ClaimMove& move, const Case& c);
// Above every generation that was ever given out for it.
[[nodiscard]] Generation next_generation(const Case& c);
[[nodiscard]] ClaimRecord new_claim(const Case& c, const HostName& host, const Attempts& attempts);

// ---- links.cpp ----
// Its links are to be otherwise than its claim says, and may be. No move: they are as they should be, or have to wait.
[[nodiscard]] Step follow_links(const Case& c);
// What a claim that begins now says of them.
[[nodiscard]] Links links_of_new_claim(const Case& c);

// ---- migration.cpp ----
// It can be moved live now, as far as it is concerned: it runs well, and no attempt failed just before.
[[nodiscard]] bool moves_live(const Case& c);
// To a host that can take it.
[[nodiscard]] Step begin_migration(const Case& c, const HostName& to, std::string why);
[[nodiscard]] Step migrate_by_order(const Case& c);
// Nothing of a migration can be at its destination any more: by that host's word, or by proof (M3).
[[nodiscard]] bool destination_is_clear(const Case& c);
// The claim has a migration that is not over.
[[nodiscard]] Step follow_migration(const Case& c, DesiredState desired);
// It was let go in the middle of a migration, and both ends have it: the source keeps it. No move: that is not so.
[[nodiscard]] Step adopt_torn(const Case& c, const std::vector<HostName>& found);
// What frees a claim from its migration is part of what any other claim rests on.
void rest_on_destination(ClaimMove& move, const Case& c);

}  // namespace haven::stepping
